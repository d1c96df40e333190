"""The losses of codes against torch's own distributions, and noise that is a function of its key."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence

from pellucid.models.autoencoder import SigmoidAutoencoder
from pellucid.ops import coding
from pellucid.ops.random import keys


def test_kl_is_that_of_torch_distributions() -> None:
    torch.manual_seed(0)
    means, log_variances = torch.randn(2, 7, 5, dtype=torch.float64)
    expected = kl_divergence(Normal(means, (log_variances / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(coding.kl_from_standard_normal(means, log_variances), expected)


@given(st.floats(-6, 6), st.floats(-6, 6))
def test_kl_is_never_negative_and_nothing_at_the_prior(mean: float, log_variance: float) -> None:
    pair = torch.tensor([[mean]]), torch.tensor([[log_variance]])
    assert float(coding.kl_from_standard_normal(*pair)) >= -1e-6
    assert float(coding.kl_from_standard_normal(torch.zeros(1, 1), torch.zeros(1, 1))) == 0


def test_kl_of_rates_is_that_of_coins() -> None:
    activity = torch.tensor([0.01, 0.05, 0.3, 0.9], dtype=torch.float64)
    expected = kl_divergence(Bernoulli(torch.full_like(activity, 0.05)), Bernoulli(activity))
    torch.testing.assert_close(coding.kl_of_rates(activity, 0.05), expected)
    assert float(coding.kl_of_rates(activity, 0.05)[1]) == pytest.approx(0, abs=1e-12)


def test_cross_entropy_is_a_sum_over_the_picture() -> None:
    logits, pictures = torch.randn(3, 2, 4, 4), torch.rand(3, 2, 4, 4)
    expected = [
        F.binary_cross_entropy(z.sigmoid(), x, reduction="sum") for z, x in zip(logits, pictures, strict=True)
    ]
    torch.testing.assert_close(coding.binary_cross_entropy_nats(logits, pictures), torch.stack(expected))


def test_the_analytic_jacobian_is_autograds() -> None:
    torch.manual_seed(0)
    model = SigmoidAutoencoder(shape=(1, 3, 4), code=5).double()
    x = torch.rand(6, 1, 3, 4, dtype=torch.float64)
    found = coding.sigmoid_contraction(model.encode(x), model.weight)
    for one, norm in zip(x, found, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda y: model.encode(y[None])[0], one)
        torch.testing.assert_close(norm, jacobian.square().sum())


def test_normal_numbers_are_normal_and_a_function_of_the_key() -> None:
    key = keys(7, torch.arange(200))
    numbers = coding.normal(key, 501)
    assert numbers.shape == (200, 501)
    assert torch.equal(numbers[3:5], coding.normal(key[3:5], 501))
    flat = numbers.double().flatten()
    assert float(flat.mean()) == pytest.approx(0, abs=0.01)
    assert float(flat.var()) == pytest.approx(1, abs=0.02)
    assert float((flat**4).mean()) == pytest.approx(3, abs=0.12)
    assert float(torch.corrcoef(numbers[:, :2].T)[0, 1]) == pytest.approx(0, abs=0.25)


@settings(max_examples=20)
@given(st.floats(0, 0.95))
def test_masking_hides_its_share_and_changes_nothing_else(share: float) -> None:
    pictures = torch.full((4, 2, 40, 40), 0.7)
    shown = coding.masked(pictures, keys(1, torch.arange(4)), share)
    assert bool(((shown == 0) | (shown == pictures)).all())
    assert torch.equal(shown[:, 0], shown[:, 1])
    assert float((shown == 0).float().mean()) == pytest.approx(share, abs=0.05)
