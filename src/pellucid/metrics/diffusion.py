"""How well a diffusion network finds the noise, on the whole and by how much of it there is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from pellucid.types.batch import Batch

_PARTS = (("little noise", 0.0, 0.25), ("much noise", 0.75, 1.0))


@dataclass(frozen=True, eq=False)
class Denoised:
    """The mean squared `errors` (b,) of the noise found in pictures after `steps` (b,). `sample` makes a new
    picture for each, and gives all there was on the way, from noise (b, c, h, w) on.
    """

    steps: Tensor
    errors: Tensor
    sample: Callable[[], list[Tensor]]


class NoiseError:
    """`compute` gives "loss", the mean squared error over all amounts of noise, and that in the first and
    last quarter of the steps. It is 1 for a network that says nothing.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.sums = [0.0] * (1 + len(_PARTS))
        self.counts = [0] * (1 + len(_PARTS))

    def update(self, output: Denoised, batch: Batch) -> None:
        along = output.steps.double() / self.steps
        for place, (low, high) in enumerate(((0.0, 1.0), *((low, high) for _, low, high in _PARTS))):
            chosen = output.errors[(along >= low) & (along < high)]
            self.sums[place] += float(chosen.double().sum())
            self.counts[place] += len(chosen)

    def merge(self, other: Self) -> None:
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]

    def compute(self) -> dict[str, float]:
        names = ("loss", *(f"loss, {name}" for name, _, _ in _PARTS))
        return {
            name: total / count if count else math.nan
            for name, total, count in zip(names, self.sums, self.counts, strict=True)
        }


METRICS = {"noise-error": NoiseError}
