"""The boundary F-score: whether outlines are where they should be, which IoU hardly sees in large regions.

Of one picture and class (Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC
2013): a *boundary pixel* is a pixel of the class with a 4-neighbour of another class. Precision is the share
of the predicted boundary pixels that have a true one of the same class within θ pixels (Euclidean, between
centres), recall the share of the true ones with a predicted one, and F = 2 · precision · recall / (precision
+ recall), 0 where both are 0. θ is 0.0075 of the picture's diagonal, as there, rounded up.

- The picture's edge, and the edge to pixels that are not judged, are no boundary; what is predicted on pixels
  that are not judged does not count.
- A class without boundary pixels in truth and prediction has no F in that picture; with some in one alone, 0.
- A class's score is the mean of its F over the pictures that have one, the score the mean over classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.ops.segmentation_losses import check_maps
from pellucid.types.batch import Batch
from pellucid.types.data_info import VOID

SHARE = 0.0075  # of the diagonal


def tolerance(height: int, width: int) -> int:
    """θ in pixels, for pictures of this size."""
    return math.ceil(SHARE * math.hypot(height, width))


def boundaries(labels: Tensor) -> Tensor:
    """(b, h, w) uint8: the label where a pixel is a boundary pixel, `VOID` elsewhere."""
    labels = labels.to(torch.uint8)
    edge = torch.zeros_like(labels, dtype=torch.bool)
    for one, other in (
        ((..., slice(1, None), slice(None)), (..., slice(None, -1), slice(None))),
        ((..., slice(None), slice(1, None)), (..., slice(None), slice(None, -1))),
    ):
        differ = (labels[one] != labels[other]) & (labels[one] != VOID) & (labels[other] != VOID)
        edge[one] |= differ
        edge[other] |= differ
    return torch.where(edge, labels, VOID)


def boundary_f(predictions: Tensor, targets: Tensor, classes: int) -> Tensor:
    """(b, classes) float64: F of each picture and class, NaN where it has none; label maps (b, h, w)."""
    said, true = boundaries(torch.where(targets == VOID, VOID, predictions)), boundaries(targets)
    reach = tolerance(*targets.shape[1:])
    precision, predicted = _found(said, true, reach, classes)
    recall, present = _found(true, said, reach, classes)
    score = (2 * precision * recall / (precision + recall)).nan_to_num(0)
    return torch.where((predicted > 0) | (present > 0), score, math.nan)


def _found(these: Tensor, those: Tensor, reach: int, classes: int) -> tuple[Tensor, Tensor]:
    """(b, classes): the share of `these` boundary pixels with one of `those` in reach, and their number."""
    height, width = these.shape[1:]
    padded = F.pad(those, (reach,) * 4, value=VOID)
    near = torch.zeros_like(these, dtype=torch.bool)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if down * down + right * right <= reach * reach:
                top, left = reach + down, reach + right
                near |= padded[:, top : top + height, left : left + width] == these
    offset = torch.arange(len(these), device=these.device).view(-1, 1, 1) * classes
    cells, judged = these.long() + offset, these != VOID
    of, hit = (
        torch.bincount(cells[part], minlength=len(these) * classes).view(-1, classes).double()
        for part in (judged, judged & near)
    )
    return (hit / of).nan_to_num(0), of


class BoundaryF:
    """`compute` gives "boundary-F"; `per_class` each class's score. Outputs are logits (b, classes, h, w)."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        # Of each class, over pictures: the sum of F, in units of 2⁻⁴⁰ so that no order of adding matters.
        self.total, self.count = torch.zeros(2, len(self.classes), dtype=torch.int64)

    def update(self, output: Tensor, batch: Batch) -> None:
        check_maps(output, batch.targets)
        scores = boundary_f(output.argmax(dim=1), batch.targets, len(self.classes)).cpu()
        exact = (scores.nan_to_num(0) * 2**40).round().long()
        self.total = self.total + exact.sum(dim=0)
        self.count = self.count + scores.isfinite().sum(dim=0)

    def merge(self, other: Self) -> None:
        self.total = self.total + other.total
        self.count = self.count + other.count

    def per_class(self) -> tuple[float, ...]:
        return tuple((self.total.double() / 2**40 / self.count).tolist())

    def compute(self) -> dict[str, float]:
        return {"boundary-F": float(torch.tensor(self.per_class(), dtype=torch.float64).nanmean())}


METRICS = {"boundary-f": BoundaryF}
