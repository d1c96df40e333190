"""Maps on different grids over one picture, brought together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.types.errors import unknown_name

Combine = Literal["scaled", "sum"]


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (b, h, w) or (b, c, h, w) on a finer or coarser grid over the same picture: bilinear between the
    centres of cells, averaged where the grid gets coarser.
    """
    if maps.ndim == 3:
        return resized(maps[:, None], size)[:, 0]
    if tuple(maps.shape[-2:]) == size:
        return maps
    coarser = maps.shape[-2] > size[0] or maps.shape[-1] > size[1]
    return F.interpolate(maps, size, mode="bilinear", align_corners=False, antialias=coarser)


def combined(maps: Sequence[Tensor], how: Combine = "scaled") -> Tensor:
    """The maps of several layers, (b, h_i, w_i), as one on the finest of their grids; a single one as it is.

    "scaled" divides each by its greatest magnitude at each picture and takes the mean, so that every layer
    has the same say whatever its units; "sum" adds them as they are.
    """
    if how not in ("scaled", "sum"):
        raise unknown_name("way to combine layers", str(how), ("scaled", "sum"))
    if len(maps) == 1:
        return maps[0]
    finest = max((each.shape[1:] for each in maps), key=lambda size: size[0] * size[1])
    fitted = torch.stack([resized(each, (finest[0], finest[1])) for each in maps])
    if how == "sum":
        return fitted.sum(0)
    greatest = fitted.abs().amax((2, 3), keepdim=True)
    return (fitted / torch.where(greatest > 0, greatest, 1)).mean(0)
