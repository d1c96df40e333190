"""What one picture is inside a network, at each depth of looking: layer, channel, unit.

Plain numbers and numpy's arrays, for whoever draws or prints them. Boxes are (top, left, bottom, right) in
pixels of the picture as the network gets it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.types.arithmetic import Arithmetic

Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class LayerLook:
    """A layer or operation. `values` are its channels (channels, *positions); `maps` the same as (channels,
    h, w), None where they have no places in the picture. `kernels` (channels, in, *window) make the channels,
    None where no convolution or dense layer does.
    """

    address: str
    kind: str
    words: str
    values: Floats = field(repr=False)
    maps: Floats | None = field(default=None, repr=False)
    kernels: Floats | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Field:
    """What a unit sees: `window` may reach past the picture, `seen` is what it sees of it. `status` as in
    `ReceptiveField`.
    """

    window: Box
    seen: Box
    status: str


@dataclass(frozen=True, eq=False)
class ChannelLook:
    """Channel `channel` of `layer`. `strongest` is the address of its greatest unit on this picture, at
    `place` (row, column) of the map, () where there is none; `field` is what that unit sees.
    """

    layer: LayerLook
    channel: int
    strongest: str
    place: tuple[int, ...]
    field: Field | None

    @property
    def values(self) -> Floats:
        return np.asarray(self.layer.values[self.channel])

    @property
    def map(self) -> Floats | None:
        return None if self.layer.maps is None else np.asarray(self.layer.maps[self.channel])

    @property
    def kernels(self) -> Floats | None:
        """(in, *window)."""
        return None if self.layer.kernels is None else np.asarray(self.layer.kernels[self.channel])


@dataclass(frozen=True, eq=False)
class UnitLook:
    """One unit of `channel`. `place` is (row, column) of the map, () without one; `patch` is the part of the
    picture that lies under that place. `influence` (h, w) sums to 1: how much each pixel counts at this
    place, over the channels of the layer; None where the unit has none.
    """

    channel: ChannelLook
    address: str
    value: float
    place: tuple[int, ...]
    patch: Box | None
    field: Field | None
    influence: NDArray[np.float64] | None
    arithmetic: Arithmetic
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON's types, without the arrays."""
        seen = self.field and {
            "window": self.field.window,
            "seen": self.field.seen,
            "status": self.field.status,
        }
        return {
            "address": self.address,
            "value": self.value,
            "place": list(self.place),
            "patch": self.patch,
            "field": self.field and asdict(self.field),
            "arithmetic": self.arithmetic.to_dict(),
            "notes": list(self.notes),
        }
