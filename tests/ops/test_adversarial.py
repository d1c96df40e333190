import math

import pytest
import torch
from torch import nn

from pellucid.ops.adversarial import between, critic_losses, generator_loss, gradient_penalty, slopes

REAL, FAKE = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])


def log_sigmoid(x: float) -> float:
    return -math.log(1 + math.exp(-x))


def mean(function, scores) -> float:
    return sum(function(float(x)) for x in scores) / len(scores)


TEXTBOOK = {  # the critic's loss of real, of fake, and the generator's, of one score
    "non-saturating": (lambda x: -log_sigmoid(x), lambda x: -log_sigmoid(-x), lambda x: -log_sigmoid(x)),
    "minimax": (lambda x: -log_sigmoid(x), lambda x: -log_sigmoid(-x), lambda x: log_sigmoid(-x)),
    "least-squares": (lambda x: (x - 1) ** 2 / 2, lambda x: x**2 / 2, lambda x: (x - 1) ** 2 / 2),
    "hinge": (lambda x: max(0, 1 - x), lambda x: max(0, 1 + x), lambda x: -x),
    "wasserstein": (lambda x: -x, lambda x: x, lambda x: -x),
}


@pytest.mark.parametrize("name", TEXTBOOK)
def test_losses_are_the_papers(name):
    of_real, of_fake, of_generator = TEXTBOOK[name]
    real, fake = critic_losses(name, REAL, FAKE)
    assert float(real) == pytest.approx(mean(of_real, REAL), rel=1e-5)
    assert float(fake) == pytest.approx(mean(of_fake, FAKE), rel=1e-5)
    assert float(generator_loss(name, FAKE)) == pytest.approx(mean(of_generator, FAKE), rel=1e-5)


def test_the_slope_of_a_linear_critic_is_the_length_of_its_weights():
    torch.manual_seed(0)
    weights = torch.randn(12)
    found = slopes(lambda x: x.flatten(1) @ weights, torch.randn(5, 3, 2, 2))
    torch.testing.assert_close(found, weights.norm().expand(5))


def test_the_gradient_penalty_and_its_gradient_are_those_of_one_sample_after_another():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    real, fake, parts = torch.randn(4, 2), torch.randn(4, 2), torch.rand(4)
    penalty = gradient_penalty(lambda x: critic(x)[:, 0], real, fake, parts)
    ours = torch.autograd.grad(penalty, list(critic.parameters())[:3])
    naive = torch.zeros(())
    for one, other, part in zip(real, fake, parts, strict=True):
        at = ((1 - part) * one + part * other).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(at)[0], at, create_graph=True)
        naive = naive + ((gradient**2).sum() ** 0.5 - 1) ** 2 / 4
    torch.testing.assert_close(penalty, naive)
    for a, b in zip(ours, torch.autograd.grad(naive, list(critic.parameters())[:3]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_between_goes_from_real_to_fake():
    real, fake = torch.zeros(3, 1, 2, 2), torch.ones(3, 1, 2, 2)
    found = between(real, fake, torch.tensor([0.0, 0.25, 1.0]))
    assert found[:, 0, 0, 0].tolist() == [0.0, 0.25, 1.0]
