"""ROC and precision–recall curves and the areas under them, exact: every distinct score is a threshold.

Samples of equal score pass a threshold together, so nothing depends on their order. Several classes are taken
one against the rest, several labels one by one; the mean over them is the macro average. Without positives or
without negatives a class has no ROC, without positives no average precision: these are NaN, and the mean is
taken over the classes that have a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.metrics.validation import check_finite, check_labels, check_presence, check_scores
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RocCurve:
    """From (0, 0) at the threshold ∞ to (1, 1) at the lowest score."""

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats
    area: float


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """From recall 0, precision 1 at the threshold ∞ to recall 1 at the lowest score.

    `average_precision` is Σ (R_n − R_(n−1)) P_n, a sum of steps: straight lines between the points would be
    too optimistic.
    """

    precision: Floats
    recall: Floats
    thresholds: Floats
    average_precision: float


@dataclass(frozen=True, eq=False)
class ThresholdCounts:
    """How many positives and negatives reach each threshold: ∞, then every distinct score, falling."""

    thresholds: Floats
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]

    @property
    def positives(self) -> int:
        return int(self.true_positives[-1])

    @property
    def negatives(self) -> int:
        return int(self.false_positives[-1])

    def roc_area(self) -> float:
        """The chance that a positive scores higher than a negative, ties counting half (Fawcett 2006)."""
        if not (self.positives and self.negatives):
            return math.nan
        heights = self.true_positives[1:] + self.true_positives[:-1]
        return int((np.diff(self.false_positives) * heights).sum()) / (2 * self.positives * self.negatives)

    def average_precision(self) -> float:
        if not self.positives:
            return math.nan
        return float((np.diff(self.true_positives) * self._precision()[1:]).sum()) / self.positives

    def roc_curve(self) -> RocCurve:
        return RocCurve(
            _rate(self.false_positives), _rate(self.true_positives), self.thresholds, self.roc_area()
        )

    def precision_recall_curve(self) -> PrecisionRecallCurve:
        return PrecisionRecallCurve(
            self._precision(), _rate(self.true_positives), self.thresholds, self.average_precision()
        )

    def _precision(self) -> Floats:
        passed = self.true_positives + self.false_positives
        return np.append(1.0, self.true_positives[1:] / passed[1:])


def _rate(counts: NDArray[np.int64]) -> Floats:
    return counts / counts[-1] if counts[-1] else np.full(len(counts), np.nan)


def threshold_counts(scores: Tensor, positives: Tensor) -> ThresholdCounts:
    """For one binary question: `scores` (n,), higher meaning positive, and `positives` (n,) of 0 and 1."""
    check_finite(scores, "scores")
    if positives.shape != scores.shape or scores.ndim != 1:
        raise InputError(
            "scores and positives must be one number a sample each, "
            f"got {tuple(scores.shape)} and {tuple(positives.shape)}"
        )
    values = scores.detach().to("cpu", torch.promote_types(scores.dtype, torch.float32)).numpy()
    order = np.argsort(values)[::-1]  # several times as fast as torch's sort on a CPU
    falling = values[order]
    last_of_equal = np.append(falling[1:] != falling[:-1], True)[: len(falling)]
    ends = np.flatnonzero(last_of_equal)
    true_positives = np.append(0, np.cumsum(positives.bool().cpu().numpy()[order])[ends])
    return ThresholdCounts(
        np.append(math.inf, falling[ends].astype(np.float64)),
        true_positives,
        np.append(0, ends + 1) - true_positives,
    )


class OneVsRestCurves:
    """`compute` gives means over the classes: "ROC-AUC", and "mAP", the area under precision–recall curves.

    `link` turns logits into probabilities; give a function of a module, so that it can be pickled. Targets
    are labels (b,), or (b, classes) of 0 and 1 for multi-label data. All scores are kept: 4 bytes × samples ×
    classes.
    """

    def __init__(self, link: Callable[[Tensor], Tensor]) -> None:
        self.link = link
        self._scores: list[Tensor] = []
        self._targets: list[Tensor] = []

    def update(self, output: Tensor, batch: Batch) -> None:
        check_scores(output)
        check = check_labels if batch.targets.ndim == 1 else check_presence
        check(batch.targets, *output.shape)
        self._scores.append(self.link(output.detach().float()).cpu())
        kind = torch.int64 if batch.targets.ndim == 1 else torch.bool
        self._targets.append(batch.targets.to("cpu", kind, copy=True))

    def merge(self, other: Self) -> None:
        self._scores += other._scores
        self._targets += other._targets

    def counts(self) -> list[ThresholdCounts]:
        """Of each class, in order; empty before the first batch."""
        if not self._scores:
            return []
        targets = torch.cat(self._targets)
        columns = torch.cat(self._scores).T.contiguous()
        return [
            threshold_counts(scores, targets == index if targets.ndim == 1 else targets[:, index])
            for index, scores in enumerate(columns)
        ]

    def compute(self) -> dict[str, float]:
        areas = torch.tensor(
            [(counts.roc_area(), counts.average_precision()) for counts in self.counts()], dtype=torch.float64
        )
        roc_area, average_precision = areas.reshape(-1, 2).nanmean(dim=0).tolist()
        return {"ROC-AUC": roc_area, "mAP": average_precision}


METRICS = {"curves": OneVsRestCurves}
