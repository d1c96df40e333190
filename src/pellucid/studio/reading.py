"""Where the numbers that a unit reads lie on the maps they came from, as the page draws them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.inspection.looking import Looking
from pellucid.types.address import Address
from pellucid.types.arithmetic import Operand
from pellucid.types.errors import InputError

Spots = NDArray[np.int64]
NOWHERE = (-1, -1, -1)


def spots_of(looking: Looking, operand: Operand) -> Spots | None:
    """(*shape, 3): channel, row and column of each number on the maps of `operand.origin`, as
    `studio.maps.maps_of` lays them out. A number of the padding has the place beyond the border where the
    window reaches; one that lies on no map (a class token) is `NOWHERE`. None where no layer gave them.
    """
    if operand.origin is None:
        return None
    try:
        found = looking.at(Address.parse(operand.origin.address))
    except InputError:  # one of several tensors that have no address of their own
        return None
    if found.value.origin in ("parameter", "constant", "buffer"):
        return None
    indices, layout = operand.origin.indices, found.layout
    channelled = layout.channel is not None
    places = indices[..., channelled:]
    channels = indices[..., 0] if channelled else np.zeros(indices.shape[:-1], np.int64)
    inside = operand.origin.inside
    if len(layout.grid) == 2 and not layout.tokens:
        rows, columns = places[..., 0], places[..., 1]
    elif len(layout.grid) == 2:
        token = places[..., 0] - layout.prefix
        rows, columns = np.divmod(token, layout.grid[1])
        inside = inside & (token >= 0) & (rows < layout.grid[0])
    elif layout.extent:
        flat = np.zeros(indices.shape[:-1], np.int64)
        for axis, length in enumerate(layout.extent):
            flat = flat * length + places[..., axis]
        rows, columns = np.divmod(flat, layout.extent[-1])
    else:
        rows = columns = np.zeros(indices.shape[:-1], np.int64)
    spots = np.stack([channels, rows, columns], -1)
    spots[~inside] = NOWHERE
    return _continued(spots, operand.origin.inside) if operand.axes[-2:] == ("y", "x") else spots


def _continued(spots: Spots, inside: NDArray[np.bool_]) -> Spots:
    """The even steps of a window go on beyond the border: (…, y, x, 3)."""
    if inside.all() or not inside.any():
        return spots
    height, width = inside.shape[-2:]
    rows = spots[..., 1].reshape(-1, height, width)
    columns = spots[..., 2].reshape(-1, height, width)
    known = inside.reshape(-1, height, width)
    rows[:] = _line(rows, known, 2)[None, :, None]
    columns[:] = _line(columns, known, 1)[None, None]
    spots[..., 1], spots[..., 2] = rows.reshape(inside.shape), columns.reshape(inside.shape)
    at = spots[..., 0].reshape(-1, height * width)
    at[:] = at.max(1, keepdims=True)
    spots[..., 0] = at.reshape(inside.shape)
    return spots


def _line(places: Spots, known: NDArray[np.bool_], across: int) -> Spots:
    """The places along one axis of the window, those in the padding from the steps of the others."""
    there = np.flatnonzero(known.any((0, across)))
    found = np.where(known, places, -1).max((0, across))
    step = int(found[there[1]] - found[there[0]]) // int(there[1] - there[0]) if len(there) > 1 else 1
    line: Spots = found[there[0]] + step * (np.arange(len(found)) - there[0])
    return line
