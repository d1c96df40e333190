import math
import pickle

import numpy as np
import pytest
import torch
import torchmetrics.functional.classification as reference
from scipy.spatial.distance import cdist
from sklearn.metrics import confusion_matrix, jaccard_score

from pellucid.metrics.boundary import BoundaryF, boundaries, boundary_f, tolerance
from pellucid.metrics.segmentation import (
    Segmentation,
    frequency_baselines,
    picture_confusions,
    pixel_confusion,
)
from pellucid.types.batch import Batch
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError

CLASSES = ("road", "car", "tree", "dog", "cloud")


def split(seed: int = 0, size: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    """Blocky label maps and logits that are often right; nothing is a cloud, and dogs are only predicted."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 3, (6, size // 4, size // 4), generator=generator)
    targets = coarse.repeat_interleave(4, 1).repeat_interleave(4, 2).to(torch.uint8)
    logits = torch.randn(6, 5, size, size, generator=generator)
    logits += 2 * torch.nn.functional.one_hot(targets.long(), 5).permute(0, 3, 1, 2)
    logits[:, 4] = -99
    targets[0, :3] = VOID
    return logits, targets


def batch(targets: torch.Tensor) -> Batch:
    return Batch(torch.empty(len(targets), 3, 1, 1), targets, torch.arange(len(targets)))


def measured(metric, logits, targets, parts: int = 1):
    for some, labels in zip(logits.chunk(parts), targets.chunk(parts), strict=True):
        metric.update(some, batch(labels))
    return metric


def test_numbers_are_sklearns_and_torchmetrics():
    logits, targets = split()
    metric = measured(Segmentation(CLASSES), logits, targets)
    said, judged = logits.argmax(1), targets != VOID
    true, answer = targets[judged].long(), said[judged]
    np.testing.assert_array_equal(metric.matrix, confusion_matrix(true, answer, labels=range(5)))
    rows, numbers = metric.per_class(), metric.compute()
    ious = jaccard_score(true, answer, labels=range(4), average=None)
    np.testing.assert_allclose([row.iou for row in rows[:4]], ious)
    assert numbers["mIoU"] == pytest.approx(ious.mean())
    assert rows[3].iou == 0  # predicted, never there
    assert math.isnan(rows[4].iou)  # neither
    weighted = jaccard_score(true, answer, labels=range(4), average="weighted")
    assert numbers["weighted-IoU"] == pytest.approx(weighted)
    theirs = reference.multiclass_accuracy(said, targets.long(), 5, average="micro", ignore_index=VOID)
    assert numbers["pixel-accuracy"] == pytest.approx(theirs.item())
    dice = reference.multiclass_f1_score(said, targets.long(), 5, average="none", ignore_index=VOID)
    np.testing.assert_allclose([row.dice for row in rows[:4]], dice[:4], rtol=1e-6)
    assert sum(row.share for row in rows) == pytest.approx(1)


@pytest.mark.parametrize("kind", [Segmentation, BoundaryF])
def test_any_batches_and_processes_give_the_same(kind):
    logits, targets = split()
    whole = measured(kind(CLASSES), logits, targets)
    apart = measured(kind(CLASSES), logits[:4], targets[:4], parts=2)
    other = pickle.loads(pickle.dumps(measured(kind(CLASSES), logits[4:], targets[4:])))  # noqa: S301 - our own
    apart.merge(other)
    assert apart.compute() == whole.compute()


@pytest.mark.parametrize("kind", [Segmentation, BoundaryF])
def test_nothing_judged_is_no_number(kind):
    logits, targets = split()
    for metric in (kind(CLASSES), measured(kind(CLASSES), logits, torch.full_like(targets, VOID))):
        assert all(math.isnan(value) for value in metric.compute().values())


def test_few_classes_are_named():
    logits, targets = split()
    numbers = measured(Segmentation(("a", "b", "c")), logits[:, :3], targets).compute()
    assert {"Dice-a", "IoU-c"} <= numbers.keys()
    iou = numbers["IoU-a"]
    assert numbers["Dice-a"] == pytest.approx(2 * iou / (1 + iou))


def test_pictures_add_up():
    logits, targets = split()
    each = picture_confusions(logits.argmax(1), targets, 5)
    torch.testing.assert_close(each.sum(0), pixel_confusion(logits.argmax(1), targets, 5))
    assert each[0].sum() == (targets[0] != VOID).sum()


def test_what_one_scores_who_knows_frequencies_alone():
    """Against the metric itself, of a truth in which a class is missing."""
    torch.manual_seed(0)
    targets = torch.multinomial(torch.tensor([0.6, 0.3, 0.0, 0.1]), 400_000, replacement=True)
    constant, drawn = torch.zeros_like(targets), targets[torch.randperm(len(targets))]
    support = pixel_confusion(constant, targets, 4).sum(1)
    for said, expected in zip((constant, drawn), frequency_baselines(support), strict=True):
        classes = pixel_confusion(said, targets, 4).double()
        iou = classes.diagonal() / (classes.sum(0) + classes.sum(1) - classes.diagonal())
        assert expected == pytest.approx(float(iou.nanmean()), abs=2e-3)
    assert all(map(math.isnan, frequency_baselines(torch.zeros(3))))


def test_wrong_targets_are_refused():
    logits, targets = split()
    with pytest.raises(InputError, match="label 9"):
        Segmentation(CLASSES).update(logits, batch(torch.full_like(targets, 9)))
    with pytest.raises(InputError, match="diverged"):
        Segmentation(CLASSES).update(logits * math.nan, batch(targets))


def boundary_by_hand(said: np.ndarray, true: np.ndarray, label: int, reach: float) -> float:
    """F of one picture and class from the distances of all pairs of boundary pixels."""

    def edge(labels):
        found = []
        for y, x in np.argwhere(labels == label):
            for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= v < labels.shape[0] and 0 <= u < labels.shape[1]
                if inside and labels[v, u] not in (label, VOID):
                    found.append((y, x))
                    break
        return np.array(found, float).reshape(-1, 2)

    ours, theirs = edge(np.where(true == VOID, VOID, said)), edge(true)
    if not len(ours) and not len(theirs):
        return math.nan
    if not len(ours) or not len(theirs):
        return 0.0
    near = cdist(ours, theirs) <= reach
    precision, recall = near.any(1).mean(), near.any(0).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def test_boundary_f_by_trying_all_pairs():
    logits, targets = split(3)
    logits = torch.nn.functional.avg_pool2d(logits, 3, 1, 1)  # so that boundaries are lines
    said = logits.argmax(1).to(torch.uint8)
    found = boundary_f(said, targets, 5)
    reach = tolerance(24, 24)
    expected = [
        [boundary_by_hand(s, t, label, reach) for label in range(5)]
        for s, t in zip(said.numpy(), targets.numpy(), strict=True)
    ]
    np.testing.assert_allclose(found, expected)
    metric = measured(BoundaryF(CLASSES), logits, targets, parts=3)
    known = [np.nanmean(column) for column in np.array(expected).T if not np.isnan(column).all()]
    assert metric.compute()["boundary-F"] == pytest.approx(np.mean(known))


def test_boundaries_end_at_the_edge_and_at_what_is_not_judged():
    labels = torch.tensor([[[0, 0, 1], [0, 0, 1], [VOID, VOID, VOID]]])
    expected = torch.tensor([[[VOID, 0, 1], [VOID, 0, 1], [VOID, VOID, VOID]]], dtype=torch.uint8)
    assert torch.equal(boundaries(labels), expected)
    assert tolerance(360, 480) == 5


def test_a_shift_within_the_tolerance_is_forgiven():
    true = torch.zeros(1, 100, 100, dtype=torch.uint8)
    true[:, 20:60, 20:60] = 1
    assert (boundary_f(true.roll(2, 2), true, 2) == 1).all()  # θ is 2 here
    assert (boundary_f(true.roll(7, 2), true, 2) < 1).all()


def test_scores_of_very_many_pixels_are_exact():
    metric = Segmentation(("road", "car", "tree", "dog"))
    metric.matrix = torch.tensor([[3**20, 1, 0, 0], [7, 5**9, 2, 0], [1, 1, 11, 0], [0, 0, 1, 1]])
    right, both, total = np.array([3**20, 5**9, 11, 1]), metric.matrix.numpy(), metric.matrix.sum().item()
    ious = right / (both.sum(0) + both.sum(1) - right)
    numbers, rows = metric.compute(), metric.per_class()
    assert numbers["mIoU"] == pytest.approx(ious.mean(), rel=1e-14)
    assert numbers["pixel-accuracy"] == pytest.approx(right.sum() / total, rel=1e-14)
    assert numbers["weighted-IoU"] == pytest.approx((ious * both.sum(1)).sum() / total, rel=1e-14)
    assert sum(row.share for row in rows) == pytest.approx(1, rel=1e-14)
