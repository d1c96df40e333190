"""Which part of a picture is used: the centre, or a random one that is a pure function of its key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from pellucid.ops import random

_ATTEMPTS = 10  # at a random crop; each takes four numbers
_CROP_STREAM = 0x63726F70  # keeps the crop's numbers apart from what else is drawn from the same key


@dataclass(frozen=True)
class Box:
    """A part of an upright picture, in pixels."""

    left: int
    top: int
    width: int
    height: int


def crop_draws(keys: Tensor) -> Tensor:
    """The numbers in [0, 1) that a random crop of each key is made of: (b,) int64 → (b, draws)."""
    return random.uniform(random.keys(keys, _CROP_STREAM), 4 * _ATTEMPTS)


def centre_box(height: int, width: int, size: tuple[int, int], keep: float) -> Box:
    """The largest centred part with the aspect ratio of `size`, of which `keep` of each side remains."""
    unit = min(height / size[0], width / size[1]) * keep
    rows, columns = max(1, round(size[0] * unit)), max(1, round(size[1] * unit))
    return Box((width - columns) // 2, (height - rows) // 2, columns, rows)


def random_box(
    height: int, width: int, size: tuple[int, int], draws: Sequence[float], smallest: float
) -> Box:
    """Inception's crop (Szegedy et al., "Going deeper with convolutions", 2015, section 6).

    Area uniform in [smallest, 1] of the picture's, aspect ratio log-uniform within 3/4 … 4/3 of the
    target's. When ten attempts do not fit into the picture, the largest centred part within these ratios
    is taken.
    """
    aspect = size[1] / size[0]
    for attempt in range(0, 4 * _ATTEMPTS, 4):
        area, ratio, across, down = draws[attempt : attempt + 4]
        pixels = height * width * (smallest + (1 - smallest) * area)
        shape = aspect * math.exp((2 * ratio - 1) * math.log(4 / 3))
        columns, rows = round(math.sqrt(pixels * shape)), round(math.sqrt(pixels / shape))
        if 0 < columns <= width and 0 < rows <= height:
            left, top = int(across * (width - columns + 1)), int(down * (height - rows + 1))
            return Box(left, top, columns, rows)
    shape = min(max(width / height, aspect * 3 / 4), aspect * 4 / 3)
    columns, rows = min(width, round(height * shape)), min(height, round(width / shape))
    return Box((width - columns) // 2, (height - rows) // 2, max(1, columns), max(1, rows))
