"""How well label maps are predicted: pixel accuracy, IoU and Dice of each class, and their averages.

All of it follows from one confusion matrix of the judged pixels of a whole split, so that it is exact over
any batches and processes; means of pictures' scores would depend on which pictures show what. With TP, FP and
FN a class's pixels: IoU = TP / (TP + FP + FN), Dice = 2 TP / (2 TP + FP + FN), accuracy = TP / (TP + FN).

- Pixels whose truth is `VOID` are not judged, whatever is predicted there.
- A class that is neither in the truth nor in the predictions has no score (NaN) and is left out of means;
  one that is in either alone has 0.
- Without any judged pixel every number is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pellucid.metrics.confusion import confusion_matrix
from pellucid.metrics.validation import check_finite
from pellucid.ops.segmentation_losses import check_maps
from pellucid.types.batch import Batch
from pellucid.types.data_info import VOID

_NAMED = 3  # of so few classes, each one's Dice and IoU stand among the numbers


@dataclass(frozen=True)
class RegionScores:
    """A class's row: its share of the judged pixels; scores in [0, 1] or NaN."""

    label: str
    share: float
    accuracy: float
    iou: float
    dice: float


def pixel_confusion(predictions: Tensor, targets: Tensor, classes: int) -> Tensor:
    """(classes, classes) int64: how many judged pixels of class *row* were taken for class *column*.

    Both are whole numbers of one shape; `targets` may be `VOID`.
    """
    judged = targets != VOID
    return confusion_matrix(predictions[judged].long(), targets[judged].long(), classes)


def picture_confusions(predictions: Tensor, targets: Tensor, classes: int) -> Tensor:
    """(b, classes, classes) int64: `pixel_confusion` of each picture, of label maps (b, h, w)."""
    return torch.stack(
        [pixel_confusion(said, true, classes) for said, true in zip(predictions, targets, strict=True)]
    )


def region_scores(
    labels: Sequence[str], true_positives: Tensor, predicted: Tensor, support: Tensor
) -> tuple[RegionScores, ...]:
    """The row of each class from its counts, (classes,) each: TP, TP + FP and TP + FN."""
    right, either, support = true_positives.double(), predicted + support, support.double()
    columns = (
        (support / support.sum()).tolist(),
        (right / support).tolist(),
        (right / (either - true_positives)).tolist(),
        (2 * right / either).tolist(),
    )
    return tuple(RegionScores(*row) for row in zip(labels, *columns, strict=True))


def ious(confusion: Tensor) -> Tensor:
    """(…, classes) float64 of confusion matrices (…, classes, classes); NaN for a class without one."""
    right = confusion.diagonal(dim1=-2, dim2=-1).double()
    return right / (confusion.sum(-1) + confusion.sum(-2) - right)


def frequency_baselines(support: Tensor) -> tuple[float, float]:
    """The mIoU of two who know nothing but how often the classes occur, `support` (classes,): who says the
    most frequent one everywhere, and, expected, who says each at random as often as it occurs.

    The first is the greatest share p over the number of classes that occur; in the second a class with the
    share p has p² of the pixels right and 2p − p² in truth or prediction. NaN where there is no pixel.
    """
    shares = support[support > 0].double() / support.sum()
    if not len(shares):
        return math.nan, math.nan
    return float(shares.max() / len(shares)), float((shares / (2 - shares)).mean())


class Segmentation:
    """`matrix` is (classes, classes) int64, rows the truth, columns the prediction.

    `compute` gives "mIoU", "mDice", "pixel-accuracy", "mean-accuracy" and "weighted-IoU" (by the share of
    the pixels that are truly of the class; Long et al. 2015). Outputs are logits (b, classes, h, w).
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.matrix = torch.zeros(len(self.classes), len(self.classes), dtype=torch.int64)

    def update(self, output: Tensor, batch: Batch) -> None:
        check_maps(output, batch.targets)
        check_finite(output, "class scores")
        matrix = pixel_confusion(output.argmax(dim=1), batch.targets, len(self.classes))
        self.matrix = self.matrix + matrix.cpu()

    def merge(self, other: Self) -> None:
        self.matrix = self.matrix + other.matrix

    def per_class(self) -> tuple[RegionScores, ...]:
        return region_scores(
            self.classes, self.matrix.diagonal(), self.matrix.sum(dim=0), self.matrix.sum(dim=1)
        )

    def compute(self) -> dict[str, float]:
        rows = self.per_class()
        table = torch.tensor(
            [(row.share, row.accuracy, row.iou, row.dice) for row in rows], dtype=torch.float64
        )
        accuracy, iou, dice = table[:, 1:].nanmean(dim=0).tolist()
        support = self.matrix.sum().double()
        weighted = (table[:, 0] * table[:, 2]).nansum() if support else math.nan
        numbers = {
            "mIoU": iou,
            "mDice": dice,
            "pixel-accuracy": float(self.matrix.diagonal().sum() / support),
            "mean-accuracy": accuracy,
            "weighted-IoU": float(weighted),
        }
        if len(rows) <= _NAMED:
            numbers |= {f"{name}-{row.label}": value for row in rows for name, value in _pair(row)}
        return numbers


def _pair(row: RegionScores) -> tuple[tuple[str, float], ...]:
    return ("Dice", row.dice), ("IoU", row.iou)


METRICS = {"segmentation": Segmentation}
