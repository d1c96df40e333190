"""Feature maps: padded to sizes that can be halved, mirrored at the edges, unpooled."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def padded(x: Tensor, multiple: int, *, least: int = 1) -> Tensor:
    """(…, h, w) with zeros below and to the right, so that both sides are multiples of `multiple`, and not
    shorter than `least`, which is one.
    """
    height, width = (max(least, -(-side // multiple) * multiple) for side in x.shape[-2:])
    below, right = height - x.shape[-2], width - x.shape[-1]
    return F.pad(x, (0, right, 0, below)) if below or right else x


def mirrored(x: Tensor, *, before: int, height: int, width: int) -> Tensor:
    """(b, c, h, w) → (b, c, height, width): the picture begins at (before, before), and goes on beyond its
    edges as in a mirror, as often as that takes; its outermost row and column are not repeated.
    """
    for dimension, size in ((-2, height), (-1, width)):
        period = max(1, 2 * (x.shape[dimension] - 1))
        place = (torch.arange(size, device=x.device) - before) % period
        x = x.index_select(dimension, torch.minimum(place, period - place))
    return x


def unpooled(x: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
    """(b, c, h, w) → (b, c, *size): each value to where a maximum pooling had found the maximum, zeros
    elsewhere.

    `switches` (b, c, h, w) are what the pooling returns with `return_indices`: places on a map of `size`, row
    by row. Zeiler & Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 2.1.
    """
    empty = x.new_zeros((*x.shape[:2], size[0] * size[1]))
    return empty.scatter(2, switches.flatten(2), x.flatten(2)).reshape(*x.shape[:2], *size)
