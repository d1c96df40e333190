"""Looking into a network with one picture: from all of it down to one unit, on one pass that is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from threading import RLock

import numpy as np
from torch import Tensor, nn

from pellucid.inspection.address import Resolved, resolve
from pellucid.inspection.arithmetic.unit import unit
from pellucid.inspection.arithmetic.watching import watch
from pellucid.inspection.effective_field import effective_receptive_field
from pellucid.inspection.layout import keyed_layouts
from pellucid.inspection.receptive_field import ReceptiveField, receptive_fields
from pellucid.inspection.statistics import MOST_LAYERS, map_layers
from pellucid.inspection.trace import Value
from pellucid.types.address import Address
from pellucid.types.errors import InputError
from pellucid.types.look import Box, ChannelLook, Field, Floats, LayerLook, UnitLook


class Looking:
    """A network and one picture (1, c, h, w), normalised as the network takes it. The network runs once, in
    evaluation mode, and all that it computed is kept: questions after that take milliseconds. Several threads
    may ask. Weights that change afterwards are noticed by `unit`: look anew then. `channels` is the order in
    which the network takes a picture's, "RGB" or "BGR".
    """

    def __init__(self, model: nn.Module, picture: Tensor, *, channels: str = "RGB") -> None:
        if picture.ndim != 4 or len(picture) != 1:
            raise InputError(f"one picture (1, c, h, w) was expected; got {tuple(picture.shape)}")
        self.model, self.picture, self._channels = model, picture, channels
        self.watched = watch(model, [picture])
        self._lock = RLock()
        self._influence: dict[Address, np.ndarray | None] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        height, width = self.picture.shape[2:]
        return height, width

    def at(self, address: str | Address) -> Resolved:
        """The tensor at an address, and how it is laid out. Raises `InputError` if there is none."""
        return resolve(self.watched, address)

    def strip(self) -> tuple[LayerLook, ...]:
        """The network from its input to its output: the layers worth seeing (`map_layers`). Where few sizes
        of maps tell it apart, as in a transformer, also some of the blocks that it repeats.
        """
        trace, keyed = self.watched.trace, keyed_layouts(self.watched.trace)
        names = list(map_layers(self.model, keyed))
        around = {call.parent for call in trace.calls}
        grids = {key: layout.grid for key, layout in keyed.items() if len(layout.grid) == 2}
        blocks = [
            call
            for call in trace.calls
            if call.index in around and (call.name, call.number) in grids and call.name not in names
        ]
        kinds = Counter(call.kind for call in blocks)
        missing = MOST_LAYERS - len(names)
        if missing > 1 and kinds:
            kind, count = kinds.most_common(1)[0]
            alike = [call for call in blocks if call.kind == kind]
            places = np.linspace(0, count - 1, min(missing, count)).round().astype(int)
            names += [alike[at].address for at in places]
        ends = {call.address: call.stop for call in trace.calls}
        return tuple(map(self.layer, sorted(names, key=ends.__getitem__)))

    def layer(self, address: str | Address) -> LayerLook:
        """All channels of the layer or operation at `address`."""
        found = self.at(address)
        kernels = found.kernels(self.watched)
        of_picture = kernels is not None and kernels.shape[1] == 3 and self._sees_picture(found)
        if kernels is not None and of_picture and self._channels == "BGR":
            kernels = kernels.flip(1)
        return LayerLook(
            str(found.address.whole),
            found.kind,
            found.layout.words(),
            _floats(found.channels()),
            _floats(found.maps()) if len(found.layout.grid) == 2 else None,
            None if kernels is None else _floats(kernels),
            of_picture,
        )

    def _sees_picture(self, found: Resolved) -> bool:
        return found.operation is not None and found.operation.inputs[0].origin == "input"

    def channel(self, address: str | Address) -> ChannelLook:
        """The channel that `address` names, or that its unit is of."""
        found = self.at(address)
        if not found.address.index:
            raise InputError(f"{found.address} names no channel: write {found.address}[0]")
        channel = found.channel
        layer = self.layer(found.address)
        if layer.maps is not None:
            flat = int(np.nanargmax(layer.maps[channel])) if np.isfinite(layer.maps[channel]).any() else 0
            place = tuple(map(int, np.unravel_index(flat, layer.maps[channel].shape)))
            position = found.layout.position(*place)
        else:
            flat = int(np.nan_to_num(layer.values[channel], nan=-np.inf).argmax())
            place, position = (), tuple(map(int, np.unravel_index(flat, layer.values[channel].shape)))
        strongest = found.unit(channel, position)
        return ChannelLook(layer, channel, str(strongest), place, self.field(strongest))

    def unit(self, address: str | Address, *, influence: bool = True) -> UnitLook:
        """One unit: its value, its arithmetic, what it sees. `influence=False` leaves out the effective
        receptive field, which takes a pass forward and back.
        """
        found = self.at(address)
        found.number()
        place = found.layout.place(found.position)
        counts = self.influence(found.address) if influence else None
        nothing = ("no pixel changes this unit: the effective receptive field is empty",)
        return UnitLook(
            self.channel(found.address),
            str(found.address),
            found.number(),
            place,
            self._patch(found, place),
            self.field(found.address),
            counts,
            unit(self.watched, found.address),
            nothing if influence and counts is None else (),
        )

    def field(self, address: str | Address) -> Field | None:
        """What a unit can see of the picture; None where it sees nothing of it."""
        found = self.at(address)
        field = self._fields.get(found.value)
        if field is None or field.status == "nothing":
            return None
        at = dict(zip(found.layout.order, found.address.index, strict=True))
        position = tuple(at.get(dim, 0) for dim in field.dims)
        return Field(_box(field.window(*position)), _box(field.window(*position, clipped=True)), field.status)

    def influence(self, address: str | Address) -> np.ndarray | None:
        """(h, w) float64, summing to 1: how much each pixel counts for the units at the place of this one;
        None if none does.
        """
        found = self.at(address)
        where = found.unit(0, found.position)
        with self._lock:
            if where not in self._influence:
                self._influence[where] = self._effective(found)
            return self._influence[where]

    def _effective(self, found: Resolved) -> np.ndarray | None:
        whole = found.address.whole
        if found.operation is None:
            return None
        try:
            place = found.position
            effective = effective_receptive_field(self.model, str(whole), self.picture, unit=place)
        except InputError:  # it does not depend on the picture
            return None
        return np.asarray(effective.influence.numpy())

    @cached_property
    def _fields(self) -> Mapping[Value, ReceptiveField]:
        with self._lock:
            return receptive_fields(self.watched.trace)

    def _patch(self, found: Resolved, place: tuple[int, ...]) -> Box | None:
        """The cell of the grid, on the picture."""
        if len(place) != 2:
            return None
        edges = [
            (round(at * side / cells), round((at + 1) * side / cells))
            for at, side, cells in zip(place, self.size, found.layout.grid, strict=True)
        ]
        (top, bottom), (left, right) = edges
        return top, left, bottom, right


def _box(window: tuple[int, ...]) -> Box:
    top, left, bottom, right = window
    return top, left, bottom, right


def _floats(tensor: Tensor) -> Floats:
    array: Floats = tensor.detach().float().cpu().numpy()
    return array
