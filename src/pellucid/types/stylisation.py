"""A picture painted in the style of another, as it grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Stylised:
    """`picture` (c, h, w) float32 on the CPU, in [0, 1] as it is shown; coarse scales come first, so that
    it grows.

    `losses` by name: content and style are relative errors, variation the mean square between neighbours;
    none is weighted. They are of the picture itself, in float32, when it is `finished`, else of the last one
    that was tried, in `precision`. `step` counts iterations from 1 to `steps` over all scales, `evaluations`
    how often the network was run forth and back. `content_layers` and `style_layers` are addresses.
    `options` are what was set, with the seed; `notes` what a reader must know.
    """

    picture: Tensor
    losses: Mapping[str, float]
    step: int
    steps: int
    evaluations: int
    finished: bool
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    precision: str
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def pixels(self) -> NDArray[np.uint8]:
        """(c, h, w) uint8."""
        array: NDArray[np.uint8] = (self.picture * 255).round().byte().numpy()
        return array
