"""Each loss against a twin written pixel by pixel, and where it is there segmentation_models_pytorch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.ops import segmentation_losses as losses
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError

CLASSES = 4


def sample(pictures: int = 3, void: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(pictures)
    logits = 2 * torch.randn(pictures, CLASSES, 6, 7, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, CLASSES, (pictures, 6, 7), generator=generator).to(torch.uint8)
    targets[0][targets[0] == 2] = 1  # a class that the first picture does not show
    if void:
        targets[1, :2] = VOID
    return logits.requires_grad_(), targets


def pixels(logits, targets):
    """For each picture: the probabilities and labels of its judged pixels, plain lists."""
    for picture, labels in zip(logits.detach().softmax(dim=1), targets, strict=True):
        yield [
            (picture[:, y, x].tolist(), int(labels[y, x]))
            for y in range(labels.shape[0])
            for x in range(labels.shape[1])
            if labels[y, x] != VOID
        ]


def mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


def sums(found, label: int) -> tuple[float, float, float]:
    """Σpt, Σp, Σt of a class."""
    both = sum(p[label] for p, true in found if true == label)
    return both, sum(p[label] for p, _ in found), sum(true == label for _, true in found)


def shown(found) -> list[int]:
    return sorted({true for _, true in found})


def overlap_mean(targets, logits, loss) -> float:
    return mean(
        mean(loss(*sums(found, label)) for label in shown(found)) for found in pixels(logits, targets)
    )


def test_cross_entropy_with_weights_and_ignored_pixels():
    logits, targets = sample()
    weights = torch.tensor([0.5, 2.0, 1.0, 0.0], dtype=torch.float64)
    expected = mean(
        mean(-weights[true].item() * math.log(p[true]) for p, true in found)
        for found in pixels(logits, targets)
    )
    assert losses.cross_entropy(logits, targets, weights=weights).item() == pytest.approx(expected)


def test_cross_entropy_without_void_is_torchs():
    logits, targets = sample(void=False)
    expected = torch.nn.functional.cross_entropy(logits, targets.long())
    torch.testing.assert_close(losses.cross_entropy(logits, targets), expected)


def test_focal():
    logits, targets = sample()
    weights = torch.tensor([0.5, 2.0, 1.0, 0.0], dtype=torch.float64)
    expected = mean(
        mean(-weights[true].item() * (1 - p[true]) ** 1.5 * math.log(p[true]) for p, true in found)
        for found in pixels(logits, targets)
    )
    assert losses.focal(logits, targets, gamma=1.5, weights=weights).item() == pytest.approx(expected)
    torch.testing.assert_close(
        losses.focal(logits, targets, gamma=0.0), losses.cross_entropy(logits, targets)
    )


def test_overlap_losses():
    logits, targets = sample()
    twins = {
        losses.dice: lambda pt, p, t: 1 - 2 * pt / (p + t),
        losses.jaccard: lambda pt, p, t: 1 - pt / (p + t - pt),
    }
    for loss, twin in twins.items():
        assert loss(logits, targets).item() == pytest.approx(overlap_mean(targets, logits, twin), rel=1e-6)
    tversky = overlap_mean(targets, logits, lambda pt, p, t: 1 - pt / (pt + 0.3 * (p - pt) + 0.7 * (t - pt)))
    assert losses.tversky(logits, targets, alpha=0.3).item() == pytest.approx(tversky, rel=1e-6)
    torch.testing.assert_close(
        losses.tversky(logits, targets, alpha=0.5), losses.dice(logits, targets), rtol=1e-6, atol=0
    )


def test_generalised_dice():
    logits, targets = sample()
    expected = []
    for found in pixels(logits, targets):
        rows = [sums(found, label) for label in shown(found)]
        above = sum(both / true**2 for both, _, true in rows)
        below = sum((said + true) / true**2 for _, said, true in rows)
        expected.append(1 - 2 * above / below)
    assert losses.generalised_dice(logits, targets).item() == pytest.approx(mean(expected), rel=1e-6)


def lovasz_of_errors(errors: list[float], truth: list[bool]) -> float:
    """The Lovász extension by its definition: levels of the sorted errors times steps of the set function."""

    def loss(wrong: set[int]) -> float:
        true = {i for i, is_true in enumerate(truth) if is_true}
        return len(wrong) / len(true | wrong)

    order, total, before = sorted(range(len(errors)), key=lambda i: -errors[i]), 0.0, 0.0
    wrong: set[int] = set()
    for i in order:
        wrong.add(i)
        total += errors[i] * (loss(wrong) - before)
        before = loss(wrong)
    return total


def test_lovasz_softmax():
    logits, targets = sample()
    expected = mean(
        mean(
            lovasz_of_errors(
                [abs((true == label) - p[label]) for p, true in found], [true == label for _, true in found]
            )
            for label in shown(found)
        )
        for found in pixels(logits, targets)
    )
    assert losses.lovasz_softmax(logits, targets).item() == pytest.approx(expected)


def test_lovasz_of_sure_answers_is_one_minus_iou():
    targets = torch.tensor([[[0, 0, 1, 1, 1]]])
    said = torch.tensor([[[0, 1, 1, 1, 0]]])
    logits = 60.0 * torch.nn.functional.one_hot(said, 2).permute(0, 3, 1, 2).double()
    assert losses.lovasz_softmax(logits, targets).item() == pytest.approx(1 - (1 / 3 + 2 / 4) / 2)


def test_boundary():
    logits, targets = sample()
    away = torch.randn(logits.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    probabilities = logits.detach().softmax(dim=1)
    expected = mean(
        (probabilities[i] * away[i]).sum(0)[targets[i] != VOID].mean().item() for i in range(len(targets))
    )
    assert losses.boundary(logits, away, targets).item() == pytest.approx(expected)


ALL = {
    "cross-entropy": losses.cross_entropy,
    "focal": lambda logits, targets: losses.focal(logits, targets, gamma=2.0),
    "dice": losses.dice,
    "generalised-dice": losses.generalised_dice,
    "tversky": lambda logits, targets: losses.tversky(logits, targets, alpha=0.3),
    "jaccard": losses.jaccard,
    "lovasz": losses.lovasz_softmax,
}


@pytest.mark.parametrize("name", ALL)
def test_a_batch_is_the_mean_of_its_parts(name):
    logits, targets = sample(4)
    parts = [ALL[name](logits[i : i + 2], targets[i : i + 2]) for i in (0, 2)]
    torch.testing.assert_close(ALL[name](logits, targets), torch.stack(parts).mean())


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_judged_has_no_say(name):
    logits, targets = sample()
    (gradient,) = torch.autograd.grad(ALL[name](logits, targets), logits)
    assert (gradient[1, :, :2] == 0).all()
    assert gradient[1, :, 2:].abs().sum() > 0
    nothing = torch.full_like(targets, VOID)
    loss = ALL[name](logits, nothing)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.item() == 0
    assert (gradient == 0).all()


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("cross-entropy", "focal")])
def test_a_sure_and_right_answer_costs_nothing(name):
    _, targets = sample(void=False)
    logits = 50.0 * torch.nn.functional.one_hot(targets.long(), CLASSES).permute(0, 3, 1, 2).double()
    assert ALL[name](logits, targets).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("dice", "DiceLoss"), ("jaccard", "JaccardLoss"), ("tversky", "TverskyLoss"), ("lovasz", "LovaszLoss")],
)
def test_one_picture_as_segmentation_models_pytorch_has_it(name, theirs):
    smp = pytest.importorskip("segmentation_models_pytorch")
    logits, targets = sample(1, void=False)
    options = {"alpha": 0.3, "beta": 0.7} if name == "tversky" else {}
    logits = logits.float()  # theirs has no other
    found = getattr(smp.losses, theirs)("multiclass", **options)(logits, targets.long())
    if name != "lovasz":  # theirs divides by all classes, shown or not
        found = found * CLASSES / len(targets.unique())
    torch.testing.assert_close(ALL[name](logits, targets), found, rtol=1e-5, atol=1e-7)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_overlap_losses_lie_between_nothing_and_all(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 9 * torch.randn(2, 3, 4, 4, generator=generator)
    targets = torch.randint(0, 3, (2, 4, 4), generator=generator)
    for name in ("dice", "generalised-dice", "tversky", "jaccard", "lovasz"):
        assert -1e-5 <= ALL[name](logits, targets).item() <= 1 + 1e-5


def test_wrong_labels_and_sizes_are_refused():
    logits, targets = sample()
    with pytest.raises(InputError, match=r"the label 7; expected 0 to 3, or 255"):
        losses.check_maps(logits, torch.full_like(targets, 7))
    with pytest.raises(InputError, match="the label -1; expected 0 to 3"):
        losses.check_maps(logits, torch.full_like(targets, -1, dtype=torch.int64))
    with pytest.raises(InputError, match="of the same size"):
        losses.check_maps(logits, targets[:, :-1])
    with pytest.raises(InputError, match="whole-numbered"):
        losses.check_maps(logits, targets.float())
    assert np.isfinite(losses.cross_entropy(logits, targets).item())
