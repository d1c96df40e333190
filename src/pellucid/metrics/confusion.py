"""The confusion matrix and what follows from it: precision, recall and F1 of each class, and their averages.

precision = TP / (TP + FP), recall = TP / (TP + FN), F1 = 2 TP / (2 TP + FP + FN). Where a denominator is 0
the value is NaN, and an average is taken over the classes that have a value: scikit-learn's convention for
`zero_division=nan`. So a class that is absent from the test split has no recall, one never predicted has no
precision, and F1 is missing only for a class that is neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pellucid.metrics.validation import check_labels, check_scores
from pellucid.types.batch import Batch


@dataclass(frozen=True)
class ClassScores:
    """A row of a classification report: how many samples are truly of the class; scores in [0, 1] or NaN."""

    label: str
    support: int
    precision: float
    recall: float
    f1: float


def confusion_matrix(predictions: Tensor, labels: Tensor, classes: int) -> Tensor:
    """(classes, classes) int64: how many samples of class *row* were taken for class *column*."""
    check_labels(predictions, len(predictions), classes, "predictions")
    check_labels(labels, len(predictions), classes)
    cells = labels.long() * classes + predictions.long()
    return torch.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def class_scores(
    labels: Sequence[str], true_positives: Tensor, predicted: Tensor, support: Tensor
) -> tuple[ClassScores, ...]:
    """The row of each class from its counts, (classes,) each: TP, TP + FP and TP + FN."""
    precision = true_positives.double() / predicted
    recall = true_positives.double() / support
    f1 = 2 * true_positives.double() / (predicted + support)
    columns = (support.tolist(), precision.tolist(), recall.tolist(), f1.tolist())
    return tuple(ClassScores(*row) for row in zip(labels, *columns, strict=True))


def macro_average(rows: Sequence[ClassScores]) -> ClassScores:
    """Every class counts the same. The macro recall is also called balanced accuracy."""
    return _average("macro average", rows, [1] * len(rows))


def weighted_average(rows: Sequence[ClassScores]) -> ClassScores:
    """A class counts by its support."""
    return _average("weighted average", rows, [row.support for row in rows])


def _average(label: str, rows: Sequence[ClassScores], weights: Sequence[int]) -> ClassScores:
    table = torch.tensor([(row.precision, row.recall, row.f1) for row in rows], dtype=torch.float64).reshape(
        -1, 3
    )
    weight = torch.tensor(weights, dtype=torch.float64)[:, None] * ~table.isnan()
    means = (table.nan_to_num() * weight).sum(dim=0) / weight.sum(dim=0)
    return ClassScores(label, sum(row.support for row in rows), *means.tolist())


class ConfusionMatrix:
    """`matrix` is (classes, classes) int64, rows the truth, columns the prediction. `output` may be logits or
    probabilities.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.matrix = torch.zeros(len(self.classes), len(self.classes), dtype=torch.int64)

    def update(self, output: Tensor, batch: Batch) -> None:
        check_scores(output)
        matrix = confusion_matrix(output.argmax(dim=1), batch.targets, len(self.classes))
        self.matrix = self.matrix + matrix.cpu()

    def merge(self, other: Self) -> None:
        self.matrix = self.matrix + other.matrix

    def per_class(self) -> tuple[ClassScores, ...]:
        return class_scores(
            self.classes, self.matrix.diagonal(), self.matrix.sum(dim=0), self.matrix.sum(dim=1)
        )

    def compute(self) -> dict[str, float]:
        rows = self.per_class()
        macro = macro_average(rows)
        return {
            "macro-precision": macro.precision,
            "macro-recall": macro.recall,
            "macro-F1": macro.f1,
            "weighted-F1": weighted_average(rows).f1,
        }


METRICS = {"confusion": ConfusionMatrix}
