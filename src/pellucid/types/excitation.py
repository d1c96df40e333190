"""Pictures made so that something in a network answers to them as strongly as it can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Excitation:
    """`pictures` (n, c, h, w) float32 on the CPU, in [0, 1] as they are shown: the network sees them
    normalised its own way. `target` says in words what was to be excited, `scores` how strongly each picture
    does, in the unit of the target: of the picture itself when it is `finished`, else of the moved and turned
    copy that the network was shown last. `step` counts from 1. `options` are what was set, with the seed.
    """

    pictures: Tensor
    target: str
    scores: tuple[float, ...]
    step: int
    finished: bool
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def pixels(self) -> NDArray[np.uint8]:
        """(n, c, h, w) uint8."""
        array: NDArray[np.uint8] = (self.pictures * 255).round().byte().numpy()
        return array
