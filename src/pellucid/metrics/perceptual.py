"""How far pictures are from what a fixed network is to see in them, and the weighted sum."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Self

from pellucid.types.batch import Batch


class PerceptualLosses:
    """`compute` gives "loss", the sum weighted by `weights`, and each loss alone. Outputs have `losses`, of
    each of the batch's pictures (b,), by name.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.weights = dict(weights)
        self.totals: dict[str, float] = defaultdict(float)
        self.count = 0

    def update(self, output: Any, batch: Batch) -> None:
        self.count += len(batch)
        for name in self.weights:
            self.totals[name] += float(output.losses[name].detach().double().sum())

    def merge(self, other: Self) -> None:
        self.count += other.count
        for name, total in other.totals.items():
            self.totals[name] += total

    def compute(self) -> dict[str, float]:
        means = {name: self.totals[name] / self.count if self.count else math.nan for name in self.weights}
        return {"loss": sum(weight * means[name] for name, weight in self.weights.items()), **means}


METRICS = {"perceptual": PerceptualLosses}
