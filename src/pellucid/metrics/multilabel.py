"""Multi-label accuracy and F1: a label is predicted where its probability is above ½.

Undefined scores follow the confusion matrix's convention: NaN, and left out of averages. The mean average
precision is in `curves`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from pellucid.metrics.confusion import ClassScores, class_scores, macro_average
from pellucid.metrics.validation import check_presence, check_scores
from pellucid.types.batch import Batch


def label_accuracy(predictions: Tensor, targets: Tensor) -> float:
    """The fraction of (sample, label) pairs that are right, 1 − Hamming loss; (n, labels) of 0 and 1 each."""
    return (_present(predictions) == _present(targets)).double().mean().item()


def subset_accuracy(predictions: Tensor, targets: Tensor) -> float:
    """The fraction of samples whose labels are all right. Both are (n, labels) of 0 and 1."""
    return (_present(predictions) == _present(targets)).all(dim=1).double().mean().item()


def _present(labels: Tensor) -> Tensor:
    check_presence(labels, *labels.shape)
    return labels.bool()


class MultilabelScores:
    """`compute` gives "label-accuracy", "subset-accuracy", "macro-F1" and "micro-F1"; `per_class` each
    label's row.

    `output` are logits, 0 standing for the probability ½. The micro-averaged F1 pools the counts of all
    labels.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.count = 0
        self.right_samples = 0
        # TP, TP + FP and TP + FN of each label.
        self.true_positives, self.predicted, self.support = torch.zeros(
            3, len(self.classes), dtype=torch.int64
        )

    def update(self, output: Tensor, batch: Batch) -> None:
        check_scores(output)
        check_presence(batch.targets, len(output), len(self.classes))
        predictions, targets = output > 0, batch.targets.bool()
        self.count += len(output)
        self.right_samples += int((predictions == targets).all(dim=1).sum())
        self.true_positives = self.true_positives + (predictions & targets).sum(dim=0).cpu()
        self.predicted = self.predicted + predictions.sum(dim=0).cpu()
        self.support = self.support + targets.sum(dim=0).cpu()

    def merge(self, other: Self) -> None:
        self.count += other.count
        self.right_samples += other.right_samples
        self.true_positives = self.true_positives + other.true_positives
        self.predicted = self.predicted + other.predicted
        self.support = self.support + other.support

    def per_class(self) -> tuple[ClassScores, ...]:
        return class_scores(self.classes, self.true_positives, self.predicted, self.support)

    def compute(self) -> dict[str, float]:
        if not self.count:
            return dict.fromkeys(("label-accuracy", "subset-accuracy", "macro-F1", "micro-F1"), math.nan)
        pooled = (
            counts.sum(dim=0, keepdim=True) for counts in (self.true_positives, self.predicted, self.support)
        )
        wrong = int((self.predicted + self.support - 2 * self.true_positives).sum())
        return {
            "label-accuracy": 1 - wrong / (self.count * len(self.classes)),
            "subset-accuracy": self.right_samples / self.count,
            "macro-F1": macro_average(self.per_class()).f1,
            "micro-F1": class_scores(("all labels",), *pooled)[0].f1,
        }


METRICS = {"multi-label": MultilabelScores}
