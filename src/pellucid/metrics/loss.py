"""The mean loss over a split: what training minimises, measured on data it does not see."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

from torch import Tensor

from pellucid.types.batch import Batch


class MeanLoss:
    """`compute` gives "loss". `criterion(output, targets)` is a mean over a batch; give a function or method
    that can be pickled.
    """

    def __init__(self, criterion: Callable[[Tensor, Any], Tensor]) -> None:
        self.criterion = criterion
        self.total = 0.0
        self.count = 0

    def update(self, output: Tensor, batch: Batch) -> None:
        if len(batch):
            self.total += float(self.criterion(output.detach(), batch.targets)) * len(batch)
            self.count += len(batch)

    def merge(self, other: Self) -> None:
        self.total += other.total
        self.count += other.count

    def compute(self) -> dict[str, float]:
        return {"loss": self.total / self.count if self.count else math.nan}


METRICS = {"loss": MeanLoss}
