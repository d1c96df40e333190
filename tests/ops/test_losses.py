"""Losses against formulas written out in numpy, torchvision and scikit-learn."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import brier_score_loss, log_loss
from torchvision.ops import sigmoid_focal_loss

from pellucid.ops.losses import (
    binary_cross_entropy,
    cross_entropy,
    focal_binary_cross_entropy,
    focal_cross_entropy,
    normalised_sigmoid,
    probability_squared_error,
    smoothed,
    soft_targets,
    softmax,
)
from pellucid.types.errors import InputError

torch.manual_seed(0)
LOGITS = torch.randn(12, 4, dtype=torch.float64) * 3
LABELS = torch.tensor([0, 1, 2, 3, 3, 3, 2, 1, 0, 0, 1, 3])
ONE_HOT = F.one_hot(LABELS, 4).double()
PRESENT = (torch.rand(12, 4) < 0.4).double()
MIXED = 0.7 * ONE_HOT + 0.3 * ONE_HOT.roll(1, dims=0)
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 3.5], dtype=torch.float64)


def numpy_softmax(logits: torch.Tensor) -> np.ndarray:
    exponentials = np.exp(logits.numpy())
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def numpy_sigmoid(logits: torch.Tensor) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.numpy()))


# Each single-label loss with weights, as a function of (logits, targets).
SINGLE = {
    "cross-entropy": lambda z, t: cross_entropy(z, t, weights=WEIGHTS, label_smoothing=0.1),
    "focal": lambda z, t: focal_cross_entropy(z, t, gamma=2.0, weights=WEIGHTS),
    "binary": lambda z, t: binary_cross_entropy(z, t, weights=WEIGHTS, positive_weights=1 / WEIGHTS),
    "binary focal": lambda z, t: focal_binary_cross_entropy(z, t, gamma=1.5, weights=WEIGHTS),
    "squared": lambda z, t: probability_squared_error(softmax(z), t, weights=WEIGHTS),
}


def test_cross_entropy_is_the_log_loss():
    expected = log_loss(LABELS, numpy_softmax(LOGITS))
    assert cross_entropy(LOGITS, LABELS).item() == pytest.approx(expected, rel=1e-12)


def test_cross_entropy_with_weights_smoothing_and_soft_targets():
    targets = 0.9 * MIXED.numpy() + 0.1 / 4
    expected = -(WEIGHTS.numpy() * targets * np.log(numpy_softmax(LOGITS))).sum(axis=1).mean()
    result = cross_entropy(LOGITS, MIXED, weights=WEIGHTS, label_smoothing=0.1)
    assert result.item() == pytest.approx(expected, rel=1e-12)
    assert cross_entropy(LOGITS, smoothed(MIXED, 0.1, 4), weights=WEIGHTS).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", SINGLE.values(), ids=SINGLE)
def test_a_label_and_its_one_hot_row_are_the_same(loss):
    assert loss(LOGITS, LABELS).item() == pytest.approx(loss(LOGITS, ONE_HOT).item(), rel=1e-12)


@pytest.mark.parametrize("loss", SINGLE.values(), ids=SINGLE)
def test_the_loss_of_a_batch_is_the_mean_of_its_equal_parts(loss):
    parts = [loss(LOGITS[rows : rows + 3], LABELS[rows : rows + 3]) for rows in range(0, 12, 3)]
    assert loss(LOGITS, LABELS).item() == pytest.approx(torch.stack(parts).mean().item(), rel=1e-12)


@pytest.mark.parametrize("loss", SINGLE.values(), ids=SINGLE)
def test_gradients_equal_finite_differences(loss):
    assert torch.autograd.gradcheck(lambda z: loss(z, MIXED), LOGITS.clone().requires_grad_())


def test_focal_cross_entropy_is_lin_2017_equation_5():
    p = numpy_softmax(LOGITS)[np.arange(12), LABELS]
    expected = (WEIGHTS.numpy()[LABELS] * (1 - p) ** 2 * -np.log(p)).mean()
    result = focal_cross_entropy(LOGITS, LABELS, gamma=2.0, weights=WEIGHTS)
    assert result.item() == pytest.approx(expected, rel=1e-12)


def test_focal_with_gamma_0_is_cross_entropy():
    assert focal_cross_entropy(LOGITS, MIXED, gamma=0.0).item() == pytest.approx(
        cross_entropy(LOGITS, MIXED).item(), rel=1e-12
    )
    assert focal_binary_cross_entropy(LOGITS, MIXED, gamma=0.0).item() == pytest.approx(
        binary_cross_entropy(LOGITS, MIXED).item(), rel=1e-12
    )


def test_binary_cross_entropy_is_the_mean_log_loss_of_the_labels():
    p, t = numpy_sigmoid(LOGITS), PRESENT.numpy()
    expected = np.mean([log_loss(t[:, c], p[:, c], labels=[0, 1]) for c in range(4)])
    assert binary_cross_entropy(LOGITS, PRESENT.bool()).item() == pytest.approx(expected, rel=1e-12)
    v, w = 1 / WEIGHTS.numpy(), WEIGHTS.numpy()
    weighted = (-w * (v * t * np.log(p) + (1 - t) * np.log(1 - p))).mean()
    result = binary_cross_entropy(LOGITS, PRESENT, weights=WEIGHTS, positive_weights=1 / WEIGHTS)
    assert result.item() == pytest.approx(weighted, rel=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_focal_binary_cross_entropy_is_torchvisions(gamma):
    plain = sigmoid_focal_loss(LOGITS, PRESENT, alpha=-1, gamma=gamma, reduction="mean")
    assert focal_binary_cross_entropy(LOGITS, PRESENT, gamma=gamma).item() == pytest.approx(plain.item())
    alpha = torch.full((4,), 0.25, dtype=torch.float64)
    balanced = sigmoid_focal_loss(LOGITS, PRESENT, alpha=0.25, gamma=gamma, reduction="mean")
    result = focal_binary_cross_entropy(
        LOGITS, PRESENT, gamma=gamma, weights=1 - alpha, positive_weights=alpha / (1 - alpha)
    )
    assert result.item() == pytest.approx(balanced.item())


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("size", [20.0, 200.0, 5000.0])
def test_gradients_stay_finite_where_the_network_is_sure(gamma, size):
    for sign in (1, -1):
        logits = torch.tensor([[size * sign, 0.0, -size]], requires_grad=True)
        targets = torch.tensor([[1.0, 0.0, 0.0]])
        focal_cross_entropy(logits, targets, gamma=gamma).backward()
        focal_binary_cross_entropy(logits, targets, gamma=gamma).backward()
        assert logits.grad.isfinite().all()


def test_squared_error_is_the_brier_score_over_classes():
    expected = brier_score_loss(LABELS, numpy_softmax(LOGITS), labels=range(4), scale_by_half=False) / 4
    assert probability_squared_error(softmax(LOGITS), LABELS).item() == pytest.approx(expected, rel=1e-12)
    errors = ((numpy_softmax(LOGITS) - ONE_HOT.numpy()) ** 2).mean(axis=1)
    weighted = (errors * WEIGHTS.numpy()[LABELS]).mean()
    result = probability_squared_error(softmax(LOGITS), LABELS, weights=WEIGHTS)
    assert result.item() == pytest.approx(weighted, rel=1e-12)


def test_where_the_network_is_surely_wrong_squared_error_stops_learning_and_cross_entropy_does_not():
    logits = torch.tensor([[20.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    wrong = torch.tensor([1])
    p = softmax(logits).detach()
    difference = p - F.one_hot(wrong, 3)
    (gradient,) = torch.autograd.grad(cross_entropy(logits, wrong), logits)
    torch.testing.assert_close(gradient, difference)  # p − t
    (gradient,) = torch.autograd.grad(probability_squared_error(softmax(logits), wrong), logits)
    closed_form = 2 / 3 * p * (difference - (p * difference).sum())
    torch.testing.assert_close(gradient, closed_form)
    assert difference.norm() > 1.4
    assert gradient.norm() < 1e-8


def test_focal_turns_from_the_easy_many_to_the_hard_few():
    """1,000 easy samples (p = 0.95) of one class drown 10 hard ones (p = 0.1) of the other in cross-entropy
    only.
    """
    margin = torch.logit(torch.tensor([0.95] * 1000 + [0.1] * 10, dtype=torch.float64))
    labels = torch.tensor([0] * 1000 + [1] * 10)
    own, other = F.one_hot(labels, 2).double(), F.one_hot(1 - labels, 2).double()

    def share_of_the_few(loss) -> float:
        logits = (own * margin[:, None] + 0 * other).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(logits, labels), logits)
        sizes = gradient.abs().sum(dim=1)
        return (sizes[labels == 1].sum() / sizes.sum()).item()

    plain = share_of_the_few(cross_entropy)
    assert plain == pytest.approx(10 * 0.9 / (10 * 0.9 + 1000 * 0.05), rel=1e-9)  # |p − t|, by hand
    assert share_of_the_few(lambda z, t: focal_cross_entropy(z, t, gamma=2.0)) > 0.9


def test_normalised_sigmoid():
    p = numpy_sigmoid(LOGITS)
    np.testing.assert_allclose(normalised_sigmoid(LOGITS), p / p.sum(axis=1, keepdims=True), rtol=1e-12)
    far_below = normalised_sigmoid(torch.tensor([[-300.0, -301.0]]))
    torch.testing.assert_close(far_below, torch.tensor([[-300.0, -301.0]]).softmax(dim=1))


def test_smoothed_targets_keep_their_sum():
    torch.testing.assert_close(smoothed(MIXED, 0.2, 4).sum(dim=1), torch.ones(12, dtype=torch.float64))
    assert smoothed(torch.tensor([0.0, 1.0]), 0.2, 2).tolist() == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize("targets", [torch.rand(12), torch.rand(12, 5), torch.rand(11, 4)])
def test_targets_of_another_shape_are_refused(targets):
    with pytest.raises(InputError, match=r"rows \(12, 4\)"):
        soft_targets(targets, LOGITS)
    with pytest.raises(InputError, match=r"rows \(12, 4\)"):
        cross_entropy(LOGITS, targets)


def test_labels_of_any_integer_type():
    assert cross_entropy(LOGITS, LABELS.to(torch.uint8)) == cross_entropy(LOGITS, LABELS)
    assert focal_cross_entropy(LOGITS, LABELS.int(), gamma=1.0) == focal_cross_entropy(
        LOGITS, LABELS, gamma=1.0
    )
