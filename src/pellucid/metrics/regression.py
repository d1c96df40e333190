"""Errors of predicted values in the unit of the target column: mean squared, mean absolute error, R²."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from pellucid.metrics.validation import check_finite
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


def mean_squared_error(predictions: Tensor, targets: Tensor) -> float:
    """Mean of (ŷ − y)²; both are (n,). NaN without samples."""
    return _errors(predictions, targets).square().mean().item()


def mean_absolute_error(predictions: Tensor, targets: Tensor) -> float:
    """Mean of |ŷ − y|; both are (n,). NaN without samples."""
    return _errors(predictions, targets).abs().mean().item()


def r2_score(predictions: Tensor, targets: Tensor) -> float:
    """1 − Σ (ŷ − y)² / Σ (y − ȳ)²: 1 is perfect, 0 as good as the targets' mean. NaN where all targets are
    equal.
    """
    residual = _errors(predictions, targets).square().sum()
    if not len(targets) or (targets == targets[0]).all():
        return math.nan
    targets = targets.double()
    return (1 - residual / (targets - targets.mean()).square().sum()).item()


def _errors(predictions: Tensor, targets: Tensor) -> Tensor:
    # (n, 1) against (n,) would broadcast to all pairs, and nobody would see it in the numbers.
    if predictions.ndim != 1 or predictions.shape != targets.shape:
        raise InputError(
            "predictions and targets must be one number a sample each, "
            f"got {tuple(predictions.shape)} and {tuple(targets.shape)}"
        )
    check_finite(predictions, "predictions")
    check_finite(targets, "targets")
    return predictions.double() - targets.double()


class RegressionErrors:
    """`compute` gives "MSE", "MAE" and "R2". `predictions` and `targets` (n,) are kept for a scatter plot, in
    the order they came.
    """

    def __init__(self) -> None:
        self._predictions: list[Tensor] = []
        self._targets: list[Tensor] = []

    def update(self, output: Tensor, batch: Batch) -> None:
        _errors(output, batch.targets)
        self._predictions.append(output.detach().to("cpu", torch.float64, copy=True))
        self._targets.append(batch.targets.to("cpu", torch.float64, copy=True))

    def merge(self, other: Self) -> None:
        self._predictions += other._predictions
        self._targets += other._targets

    @property
    def predictions(self) -> Tensor:
        return torch.cat([torch.empty(0, dtype=torch.float64), *self._predictions])

    @property
    def targets(self) -> Tensor:
        return torch.cat([torch.empty(0, dtype=torch.float64), *self._targets])

    def compute(self) -> dict[str, float]:
        values = self.predictions, self.targets
        return {
            "MSE": mean_squared_error(*values),
            "MAE": mean_absolute_error(*values),
            "R2": r2_score(*values),
        }


METRICS = {"regression": RegressionErrors}
