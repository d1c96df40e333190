"""A picture too large for memory, put through a network in overlapping tiles."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.types.errors import InputError


def spans(extent: int, tile: int, overlap: int) -> list[tuple[int, int, int, int]]:
    """Along one axis: (start, stop) of each tile, and (first, last) of what is kept of it, in order.

    Tiles start at multiples of `tile` − 2 · `overlap`, so that a network of a stride that divides it sees the
    same grid in each. What is kept lies `overlap` from a tile's edges, but for the picture's own.
    """
    step = tile - 2 * overlap
    if overlap < 0 or step < 1:
        raise InputError(f"tiles of {tile} pixels cannot overlap by {overlap} on both sides; enlarge them")
    if extent <= tile:
        return [(0, extent, 0, extent)]
    starts = range(0, extent - 2 * overlap, step)
    found = [(start, min(start + tile, extent), start + overlap, start + tile - overlap) for start in starts]
    found[0] = (found[0][0], found[0][1], 0, found[0][3])
    found[-1] = (*found[-1][:3], extent)
    return found


def tiled(network: Callable[[Tensor], Tensor], inputs: Tensor, *, tile: int, overlap: int) -> Tensor:
    """`network` of `inputs` (b, c, h, w), tile by tile: (b, k, h, w) as it would give for the whole.

    Equal to the whole wherever nothing farther than `overlap` is looked at, and the network's stride divides
    `tile` − 2 · `overlap`. It has to give as many pixels as it gets. Normalisation over the picture (instance
    norm, squeeze-and-excitation, pooling pyramids) looks at all of it, so there tiles are an approximation.
    """
    rows = []
    for top, bottom, first, last in spans(inputs.shape[2], tile, overlap):
        parts = []
        for left, right, start, stop in spans(inputs.shape[3], tile, overlap):
            output = network(inputs[:, :, top:bottom, left:right])
            parts.append(output[:, :, first - top : last - top, start - left : stop - left])
        rows.append(torch.cat(parts, dim=3))
    return torch.cat(rows, dim=2)
