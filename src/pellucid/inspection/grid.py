"""Where on a picture the values of a layer lie: maps with channels first or last, and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pellucid.types.errors import InputError

MOST_EXTRA = 16  # tokens that are no part of the picture: class, distillation, registers
MOST_MISFIT = 2.0  # unpadded convolutions take more of a picture's short side, though never half of it


@dataclass(frozen=True)
class Grid:
    """How a layer's output (b, …) is a map of `size` (h, w) over the picture.

    "channels first" is (b, c, h, w), "channels last" (b, h, w, c), "tokens" (b, extra + h·w, c): `extra`
    tokens that are no part of the picture, then its patches row by row.
    """

    kind: Literal["channels first", "channels last", "tokens"]
    size: tuple[int, int]
    extra: int = 0

    def maps(self, values: Tensor) -> Tensor:
        """The values as (b, c, h, w)."""
        if self.kind == "channels first":
            return values
        if self.kind == "channels last":
            return values.permute(0, 3, 1, 2)
        patches = values[:, self.extra :].transpose(1, 2)
        return patches.reshape(len(values), -1, *self.size)

    def values(self, maps: Tensor, like: Tensor) -> Tensor:
        """Maps (n, c, h, w) in the layer's own form; further tokens are those of `like`, (1 or n, …)."""
        if self.kind == "channels first":
            return maps
        if self.kind == "channels last":
            return maps.permute(0, 2, 3, 1)
        whole = like.expand(len(maps), *like.shape[1:]).clone()
        whole[:, self.extra :] = maps.flatten(2).transpose(1, 2)
        return whole

    def __str__(self) -> str:
        height, width = self.size
        extra = f" after {self.extra} further" if self.extra else ""
        return f"{height} × {width}" + (f" tokens{extra}" if self.kind == "tokens" else "")


def grid_of(
    shape: Sequence[int],
    picture: tuple[int, int],
    earlier: Sequence[Sequence[int]] = (),
    *,
    wide: bool = False,
) -> Grid | None:
    """The grid of a layer whose output has this `shape`, in a network that sees pictures of (height, width).

    Of four dimensions those two are height and width that have the picture's proportions; where both fit,
    they are the last two. `wide` says that the layer works on the last dimension, so that channels are there.
    Of three, the tokens are those of the nearest of the `earlier` maps, shapes in the order in which they
    were made, as the patch embedding gives them. None where there is no spatial extent. Raises `InputError`
    for tokens whose grid cannot be told.
    """
    if len(shape) == 4:
        return _of_map(shape, picture, wide)
    if len(shape) != 3 or shape[1] <= 1:
        return None
    for made in reversed(earlier):
        found = _of_map(made, picture, False) if len(made) == 4 else None
        if found is None:
            continue
        extra = shape[1] - found.size[0] * found.size[1]
        if 0 <= extra <= MOST_EXTRA:
            return Grid("tokens", found.size, extra)
    seen = ", ".join("×".join(map(str, made[1:])) for made in earlier[-3:]) or "no map"
    raise InputError(
        f"{shape[1]} tokens of {shape[2]} channels fit none of the maps that the network made before "
        f"({seen}), so where they lie on the picture cannot be told; name a layer that gives maps"
    )


def _of_map(shape: Sequence[int], picture: tuple[int, int], wide: bool) -> Grid | None:
    _, one, two, three = shape
    first = float("inf") if wide else _misfit((two, three), picture)
    last = _misfit((one, two), picture)
    if min(first, last) > MOST_MISFIT:
        return None
    grid = Grid("channels last", (one, two)) if last < first else Grid("channels first", (two, three))
    return grid if max(grid.size) > 1 else None


def _misfit(size: tuple[int, int], picture: tuple[int, int]) -> float:
    """How many times as slender as the picture a grid is; 1 where rounding at strides and borders explains
    the difference.
    """
    (height, width), (tall, broad) = size, picture
    if height > tall or width > broad or min(size) == 0:
        return float("inf")
    off = min(abs(height - width * tall / broad), abs(width - height * broad / tall))
    slender = (height / width) / (tall / broad)
    return 1.0 if off <= 1.5 else max(slender, 1 / slender)
