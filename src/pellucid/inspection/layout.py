"""Where a tensor inside a network keeps its channels, and where the positions in the picture.

A shape alone does not say it: (1, 56, 56, 96) is a map of Swin, channels last, and (1, 197, 192) are the
tokens of a ViT, of which the first belongs to no patch. So each dimension's meaning is followed through the
operations of a trace: a convolution gives channels and places, a permutation moves them, a reshape joins the
places of a map to tokens on a grid, and tokens put before these are a prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import capture
from pellucid.inspection.keeping import Key, key_of
from pellucid.inspection.meaning import Meaning, Tokens, meanings, usual
from pellucid.inspection.modes import evaluation_mode, undone
from pellucid.inspection.trace import Trace, Value, trace
from pellucid.inspection.wrappers import unwrapped
from pellucid.types.address import Address
from pellucid.types.batch import leaves
from pellucid.types.errors import InputError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Of one tensor of `shape`. `channel` is the dimension of its channels, None where it has none.
    `positions` are the dimensions along which one channel goes on: (2, 3) of a map (b, c, h, w), (1, 2) of
    one with channels last, (1,) of tokens, () of vectors. The batch is dimension 0, unless that is among the
    positions, as in the windows of Swin.

    `grid` is how one channel lies on the network's input: (rows, columns) on a picture, (frames, rows,
    columns) in a clip, (length,) on a signal; () where it does not. Tokens lie on it row by row, after
    `prefix` others: class token, registers, distillation.
    """

    shape: Shape
    channel: int | None
    positions: tuple[int, ...]
    grid: Shape = ()
    prefix: int = 0

    @property
    def channels(self) -> int:
        return 1 if self.channel is None else self.shape[self.channel]

    @property
    def order(self) -> Shape:
        """The dimensions as an address names them: the channel, if there are any, then the positions."""
        return self.positions if self.channel is None else (self.channel, *self.positions)

    @property
    def extent(self) -> Shape:
        """How many positions there are along each of `positions`."""
        return tuple(self.shape[at] for at in self.positions)

    @property
    def tokens(self) -> bool:
        """Whether the positions are numbers of tokens, not places themselves."""
        return self.grid != self.extent

    def arranged(self, values: Tensor) -> Tensor:
        """`values`, of this layout, as (b, channels, *positions)."""
        batched = 0 not in self.order
        moved = values.permute(*[0] * batched, *self.order)
        moved = moved if batched else moved.unsqueeze(0)
        return moved if self.channel is not None else moved.unsqueeze(1)

    def maps(self, values: Tensor) -> Tensor:
        """`values` as (b, channels, height, width): tokens put on their grid, those of the prefix left out.
        Raises `InputError` where a channel is no picture.
        """
        if len(self.grid) != 2:
            raise InputError(f"expected feature maps or tokens on a grid; this gives {self.words()}")
        arranged = self.arranged(values)
        if not self.tokens:
            return arranged
        lying = arranged[..., self.prefix : self.prefix + prod(self.grid)]
        return lying.reshape(*lying.shape[:-1], *self.grid)

    def values(self, maps: Tensor, like: Tensor) -> Tensor:
        """The inverse of `maps`: maps (n, channels, height, width) as the layer gives them. Tokens of the
        prefix, which are on no map, are those of `like`, of this layout with a batch of n or 1.
        """
        whole = self.arranged(like).expand(len(maps), *self.arranged(like).shape[1:]).clone()
        if self.tokens:
            whole[..., self.prefix : self.prefix + prod(self.grid)] = maps.flatten(2)
        else:
            whole.copy_(maps)
        order = (0, *self.order)
        return whole.permute(*(order.index(at) for at in range(len(order))))

    def place(self, position: Sequence[int]) -> Shape:
        """Where on the grid one unit's `position` is; () for a token of the prefix, and without a grid."""
        if not self.tokens:
            return tuple(position)
        if not self.grid or not 0 <= position[0] - self.prefix < prod(self.grid):
            return ()
        number, found = position[0] - self.prefix, list[int]()
        for length in reversed(self.grid):
            number, at = divmod(number, length)
            found.insert(0, at)
        return tuple(found)

    def position(self, *place: int) -> Shape:
        """The position of the unit at `place` on the grid."""
        if not self.tokens:
            return place
        number = 0
        for at, length in zip(place, self.grid, strict=True):
            number = number * length + at
        return (self.prefix + number,)

    def check(self, address: Address) -> None:
        """Raise `InputError` for an index that does not exist here, saying what does."""
        if not address.index:
            return
        name = str(address.whole) or "the network"
        units = (*zip(self._names(), self.extent, strict=True),)
        if self.channel is not None:
            units = (("channel", self.channels), *units)
        if len(address.index) not in (1, len(units)):
            unit = f" or [{', '.join(what for what, _ in units)}]" if self.positions else ""
            raise InputError(
                f"{name} gives {self.words()}: [channel]{unit} was expected, not {list(address.index)}"
            )
        limits = units if len(address.index) == len(units) else (("channel", self.channels),)
        for number, (what, count) in zip(address.index, limits, strict=True):
            if number >= count:
                many = f"{count} {what}s, 0 to {count - 1}" if count > 1 else f"one {what}, 0"
                raise InputError(f"{name} has {many}; got {what} {number}")

    def words(self) -> str:
        """ "512 channels of 7 × 7", "192 channels of 197 tokens (1 and a grid of 14 × 14)"."""
        channels = f"{self.channels:,} channel{'s' * (self.channels != 1)}"
        if not self.positions:
            return f"{channels} without positions"
        if self.grid and self.tokens:
            before = f"{self.prefix} and " if self.prefix else ""
            grid = " × ".join(map(str, self.grid))
            return f"{channels} of {self.extent[0]:,} tokens ({before}a grid of {grid})"
        what = "" if self.grid else " positions"
        return f"{channels} of {' × '.join(map(str, self.extent))}{what}"

    def _names(self) -> tuple[str, ...]:
        if not self.grid:
            return ("position",) * len(self.positions)
        return (
            ("token",)
            if self.tokens
            else {1: ("place",), 2: ("row", "column")}.get(len(self.grid), ("frame", "row", "column"))
        )


def layouts(trace: Trace) -> Mapping[Value, Layout]:
    """The layout of every value of the run. The first dimension of the network's inputs is the batch."""
    found = meanings(trace)
    batch = next((value.shape[0] for value in trace.inputs if value.shape), 1)
    return {value: _layout(value.shape, labels, batch) for value, labels in found.items() if value.shape}


def plain(shape: Shape) -> Layout:
    """Of a tensor in which every dimension is a position: weights, constants."""
    return Layout(shape, None, tuple(range(len(shape))))


def layout_of_shape(shape: Shape) -> Layout:
    """What is usual for a shape: (b, c, …), but (b, tokens, c) of three dimensions."""
    labels = ("batch", None, "channel") if len(shape) == 3 else usual(len(shape))
    return _layout(shape, labels, shape[0] if shape else 1)


def layer_layouts(model: nn.Module, inputs: Sequence[Any]) -> Mapping[Key, Layout]:
    """The layout of what each layer and operation gives, of several tensors the first, by the keys of
    `capture`: (name, call), where an operation's name is like "layer1.0:add".

    Shapes are those for `inputs`, of which only shapes count. What is found is kept until the network is
    built otherwise, so that asking again costs nothing. A network that cannot be traced has none: {}.
    """
    inner = unwrapped(model)
    parts = tuple(map(id, inner.modules()))
    looks: _Looks = (parts, tuple((tuple(one.shape), one.dtype) for one in leaves(Tensor, inputs)))
    with _lock:
        known = _known.setdefault(inner, {})
        if looks in known:
            return known[looks]
    found = _of_layers(inner, inputs)
    with _lock:
        if any(key[0] != parts for key in known):
            known.clear()
        known[looks] = found
    return found


def channels_first(known: Mapping[Key, Layout], key: Key, output: Tensor) -> Tensor:
    """What a layer gave as (b, channels, *positions), by the `known` layouts or as is usual for its shape.
    Raises `InputError` where one picture is in several rows of the batch.
    """
    layout = known.get(key) or layout_of_shape(tuple(output.shape))
    if 0 in layout.order:
        raise InputError(
            f"{Address.parse(key[0]) if key[0] else 'the network'} gives {layout.words()} that are pieces of "
            "pictures, such as windows; choose the layer around it"
        )
    return layout.arranged(output)


def layouts_in(model: nn.Module, run: Callable[[], Any]) -> Mapping[Key, Layout]:
    """`layer_layouts` for the inputs that `model` gets when `run`, called once, runs it."""
    with (
        evaluation_mode(model),
        undone(model),
        torch.inference_mode(),
        capture(
            model, "", keep=lambda _, tensor: torch.empty_like(tensor, device="meta"), inputs=True
        ) as seen,
    ):
        run()
    given, named = seen.inputs.get(("", 0), ()), seen.options.get(("", 0))
    return {} if named or not given else layer_layouts(model, given)


_Looks = tuple[tuple[int, ...], tuple[tuple[Shape, torch.dtype], ...]]
_known: WeakKeyDictionary[nn.Module, dict[_Looks, Mapping[Key, Layout]]] = WeakKeyDictionary()
_lock = Lock()


def _of_layers(model: nn.Module, inputs: Sequence[Any]) -> Mapping[Key, Layout]:
    try:
        run = trace(model, inputs)
    except InputError:
        return {}
    return keyed_layouts(run)


def keyed_layouts(run: Trace) -> dict[Key, Layout]:
    """`layouts`, of the first tensor that each layer and operation gave, by the keys of `capture`."""
    of = layouts(run)
    return {key: of[value] for key, value in first_values(run).items() if value in of}


def first_values(run: Trace) -> dict[Key, Value]:
    """The first tensor that each layer and operation gave, by the keys of `capture`."""
    given = chain(
        (((call.name, call.number), call.outputs) for call in run.calls),
        (
            (key_of(Address.parse(text)), one.outputs)
            for text, one in zip(run.addresses, run.operations, strict=True)
        ),
    )
    return {key: outputs[0] for key, outputs in given if outputs}


def _layout(shape: Shape, labels: Sequence[Meaning], batch: int) -> Layout:
    channel = labels.index("channel") if "channel" in labels else None
    batched = labels[0] == "batch" or (labels[0] is None and shape[0] == batch)
    if channel is None and batched and len(shape) > 1:
        free = [at for at, label in enumerate(labels) if at and label is None]
        likely = len(shape) - 1 if len(shape) == 3 else 1
        channel = likely if likely in free else None
    positions = tuple(at for at in range(len(shape)) if at != channel and (at or not batched))
    tokens = labels[positions[0]] if len(positions) == 1 else None
    if isinstance(tokens, Tokens):
        return Layout(shape, channel, positions, tokens.grid, tokens.prefix)
    on_input = positions and all(labels[at] == "place" for at in positions)
    return Layout(shape, channel, positions, tuple(shape[at] for at in positions) if on_input else ())
