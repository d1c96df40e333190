"""Calibration: do predictions made with confidence p come true in a fraction p of the cases?

Confidence is the highest probability. It is sorted into bins of equal width, each open below and closed
above, as in Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017), eq. 1–3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pellucid.metrics.validation import check_finite, check_labels, check_scores
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class ReliabilityBin:
    """Confidences in (lower, upper]: how many, their mean, the fraction that is right (NaN if empty)."""

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


@dataclass
class _Sums:
    """Of each bin, (bins,) float64: sums of float32 confidences are exact there for millions of samples."""

    count: Tensor
    confidence: Tensor
    correct: Tensor


def _bin_sums(confidences: Tensor, correct: Tensor, bins: int) -> _Sums:
    check_finite(confidences, "confidences")
    if ((confidences < 0) | (confidences > 1)).any():
        raise InputError(
            "confidences must be probabilities in [0, 1], got values "
            f"from {float(confidences.min()):g} to {float(confidences.max()):g}; apply softmax first"
        )
    confidences = confidences.double().cpu()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    index = torch.bucketize(confidences, edges[1:-1])

    def sums(values: Tensor) -> Tensor:
        return torch.bincount(index, weights=values, minlength=bins)

    return _Sums(sums(torch.ones_like(confidences)), sums(confidences), sums(correct.double().cpu()))


def _reliability(sums: _Sums) -> tuple[ReliabilityBin, ...]:
    edges = torch.linspace(0, 1, len(sums.count) + 1, dtype=torch.float64).tolist()
    columns = (sums.count.long(), sums.confidence / sums.count, sums.correct / sums.count)
    rows = zip(edges, edges[1:], *(column.tolist() for column in columns), strict=False)
    return tuple(ReliabilityBin(*row) for row in rows)


def reliability_bins(confidences: Tensor, correct: Tensor, bins: int = 15) -> tuple[ReliabilityBin, ...]:
    """`confidences` (n,) in [0, 1] and whether each prediction was right, (n,) of 0 and 1."""
    return _reliability(_bin_sums(confidences, correct, bins))


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Σ (samples of the bin / all samples) · |accuracy − confidence|, in [0, 1]; NaN without samples."""
    count = sum(row.count for row in bins)
    gaps = (row.count * abs(row.accuracy - row.confidence) for row in bins if row.count)
    return math.fsum(gaps) / count if count else math.nan


class CalibrationError:
    """`compute` gives "ECE"; `bins` the reliability diagram. `link` turns logits into probabilities that add
    up to 1.
    """

    def __init__(self, link: Callable[[Tensor], Tensor], bins: int = 15) -> None:
        self.link = link
        self._sums = _Sums(*torch.zeros(3, bins, dtype=torch.float64))

    def update(self, output: Tensor, batch: Batch) -> None:
        check_scores(output)
        check_labels(batch.targets, *output.shape)
        # The class by the logits, as everywhere: probabilities of equal size may hide which was higher.
        correct = output.argmax(dim=1) == batch.targets
        confidences = self.link(output.detach().float()).amax(dim=1)
        self._add(_bin_sums(confidences, correct, len(self._sums.count)))

    def merge(self, other: Self) -> None:
        self._add(other._sums)

    def _add(self, sums: _Sums) -> None:
        self._sums = _Sums(
            self._sums.count + sums.count,
            self._sums.confidence + sums.confidence,
            self._sums.correct + sums.correct,
        )

    @property
    def bins(self) -> tuple[ReliabilityBin, ...]:
        return _reliability(self._sums)

    def compute(self) -> dict[str, float]:
        return {"ECE": expected_calibration_error(self.bins)}


METRICS = {"calibration": CalibrationError}
