"""Where in a picture the evidence for something lies, as a method says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Heatmap:
    """What one method says of a batch of pictures, on the grid where the method works.

    `values` (b, h, w) float32, on the device where they were computed: signed and unscaled; positive speaks
    for the target. A coarse grid (7 × 7 of a last convolution) is not enlarged; row 0 is on top and the
    grid covers the whole picture, which is `size` (height, width) pixels. `targets` say in words what was
    explained, one for each picture. `layers` are the addresses that were looked at, () for the input
    itself. `options` are what was set, with the seed where anything was drawn. `scores` are what a method
    says of its own exactness, such as the completeness error, one number for each picture. `notes` are what
    a reader has to know.
    """

    values: Tensor
    method: str
    targets: tuple[str, ...]
    size: tuple[int, int]
    layers: tuple[str, ...] = ()
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: int) -> Heatmap:
        """One picture's alone, still as a batch of one."""
        one = slice(place, place + 1) if place != -1 else slice(-1, None)
        scores = {name: numbers[one] for name, numbers in self.scores.items()}
        return replace(self, values=self.values[one], targets=self.targets[one], scores=scores)

    @classmethod
    def joined(cls, parts: Sequence[Heatmap]) -> Heatmap:
        """Several batches of the same method and options, of pictures of one size, as one."""
        scores = {name: tuple(n for each in parts for n in each.scores[name]) for name in parts[0].scores}
        targets = tuple(target for each in parts for target in each.targets)
        values = torch.cat([each.values for each in parts])
        return replace(parts[0], values=values, targets=targets, scores=scores)

    @property
    def empty(self) -> tuple[bool, ...]:
        """Of each picture whether the method found nothing at all: a map of zeros, or one that is not finite.
        It is to be shown as that; enlarging what is left would draw noise.
        """
        values = self.values.detach().flatten(1)
        found = values.isfinite().all(1) & values.any(1)
        return tuple((~found).tolist())

    def array(self) -> NDArray[np.float32]:
        """The values as numpy's, (b, h, w)."""
        array: NDArray[np.float32] = self.values.detach().float().cpu().numpy()
        return array
