"""Pooling, and how far it makes a picture's small moves matter less: measured, not promised.

What is pooled are the rectified edges of a picture, as pooling meets them in a network: where it gets
brighter to the right. The measure is `inspection.shifts`. (Zhang, "Making convolutional networks
shift-invariant again", ICML 2019: the stride of a pooling aliases, and a blur before it helps.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.inspection.shifts import ShiftResponse, shift_responses
from pellucid.ops.filters import Sliding, filtered, kernel_of
from pellucid.studies.convolution import grey, picture_of
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError, unknown_name
from pellucid.views.axes import Axis
from pellucid.views.colours import series
from pellucid.views.contents import Cell, Table
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Lines

Pool = Callable[[Tensor, int], Tensor]


def _blurred(maps: Tensor, size: int) -> Tensor:
    """Max over windows at every place, then a blur as wide as the stride, then the stride."""
    dense = F.max_pool2d(maps, size, 1)
    blur = torch.tensor([1.0, 2.0, 1.0], dtype=maps.dtype) / 4
    kernel = torch.outer(blur, blur)[None, None].expand(maps.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(dense, (1, 1, 1, 1), mode="replicate"), kernel, stride=size, groups=maps.shape[1])


POOLINGS: dict[str, Pool] = {
    "none": lambda maps, size: maps,
    "stride": lambda maps, size: maps[..., ::size, ::size],
    "max": F.max_pool2d,
    "average": F.avg_pool2d,
    "blurred-max": _blurred,
    "global-average": lambda maps, size: maps.mean((2, 3), keepdim=True),
    "global-max": lambda maps, size: maps.amax((2, 3), keepdim=True),
}


@dataclass(frozen=True)
class PoolingStudy(Study):
    picture: Path | None = None
    """A picture file; by default a photograph that comes with scikit-learn."""
    pooling: tuple[str, ...] = tuple(POOLINGS)
    """Which poolings."""
    size: int = 4
    """The side of the windows, which is the stride as well."""
    shifts: tuple[int, ...] = (1, 2, 4, 8)
    """By how many pixels the picture moves."""

    def run(self) -> Findings:
        if not self.pooling:
            raise InputError("--pooling needs at least one name")
        maps = edges(grey(picture_of(self.picture)))
        found = {name: responses(name, self.size, maps, self.shifts) for name in self.pooling}
        columns = ("pooling", *(f"{shift} px" for shift in self.shifts))
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (name, *(each.passed_on for each in several)) for name, several in found.items()
        )
        x = np.array(self.shifts, np.float64)
        lines = Lines(
            tuple(x for _ in found),
            tuple(np.array([each.passed_on for each in several]) for several in found.values()),
            tuple(found),
            tuple(series(at) for at in range(len(found))),
        )
        caption = "The answer's change over the map's own when the picture moves; below 1 it is calmed."
        return Findings(
            "What pooling does to small moves",
            f"Windows of {self.size}×{self.size} over a picture's rectified edges.",
            Table(columns, rows, caption),
            Figure((Panel((lines,), "Share passed on", x=Axis("pixels moved"), width=720),), columns=1),
            {
                **asdict(self),
                "picture": str(self.picture or ""),
                "responses": {name: [asdict(each) for each in several] for name, several in found.items()},
            },
            heading="By distance",
        )


def edges(pixels: Tensor) -> Tensor:
    """(1, 1, h, w): where grey values (h, w) rise to the right, and 0 elsewhere."""
    return filtered(pixels[None, None], kernel_of("sobel-x"), Sliding(padding=1)).relu()


def pooled(name: str, size: int, maps: Tensor) -> Tensor:
    """`maps` (b, c, h, w) pooled. Raises `InputError` for a window that does not fit."""
    if name not in POOLINGS:
        raise unknown_name("pooling", name, POOLINGS)
    if not 1 <= size <= min(maps.shape[2:]):
        raise InputError(f"windows of 1 to {min(maps.shape[2:])} pixels fit; got {size}")
    return POOLINGS[name](maps, size)


def responses(name: str, size: int, maps: Tensor, shifts: Sequence[int]) -> list[ShiftResponse]:
    return shift_responses(lambda each: pooled(name, size, each), maps, shifts)


STUDIES: dict[str, type[Study]] = {"pooling": PoolingStudy}
