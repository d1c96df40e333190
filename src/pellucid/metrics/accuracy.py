"""Top-k accuracy: how often the true class is among the k classes with the highest scores.

Equal scores are taken in the order of the classes, as `argmax` does, so top-1 accuracy is the confusion
matrix's diagonal over its sum, and constant scores do not count as right.
"""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from pellucid.metrics.validation import check_labels, check_scores
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


def ranks(scores: Tensor, labels: Tensor) -> Tensor:
    """The true class's place, 0 the first: (n, classes) scores and (n,) labels give (n,) int64."""
    check_scores(scores)
    check_labels(labels, *scores.shape)
    labels = labels.long()[:, None]
    own = scores.gather(1, labels)
    before = torch.arange(scores.shape[1], device=scores.device) < labels
    return ((scores > own) | ((scores == own) & before)).sum(dim=1)


def top_k_accuracy(scores: Tensor, labels: Tensor, k: int = 1) -> float:
    """In [0, 1]; NaN without samples. `k` is from 1 to the number of classes."""
    _check_k(k, scores)
    return (ranks(scores, labels) < k).double().mean().item()


class TopKAccuracy:
    """`compute` gives "top-1", "top-5", … for the `ks` asked for. `output` may be logits or probabilities."""

    def __init__(self, ks: tuple[int, ...] = (1,)) -> None:
        self.ks = ks
        self.correct = [0] * len(ks)
        self.count = 0

    def update(self, output: Tensor, batch: Batch) -> None:
        for k in self.ks:
            _check_k(k, output)
        places = ranks(output, batch.targets)
        self.correct = [
            right + int((places < k).sum()) for k, right in zip(self.ks, self.correct, strict=True)
        ]
        self.count += len(places)

    def merge(self, other: Self) -> None:
        self.correct = [mine + theirs for mine, theirs in zip(self.correct, other.correct, strict=True)]
        self.count += other.count

    def compute(self) -> dict[str, float]:
        return {
            f"top-{k}": right / self.count if self.count else math.nan
            for k, right in zip(self.ks, self.correct, strict=True)
        }


def _check_k(k: int, scores: Tensor) -> None:
    if not 1 <= k <= scores.shape[-1]:
        raise InputError(f"top-k accuracy needs k from 1 to the {scores.shape[-1]} classes, got {k}")


METRICS = {"top-k": TopKAccuracy}
