"""Any classifier as an encoder: its feature maps, one of each resolution, without the classifier.

Nothing here knows any architecture. The network is run once without values. A *waist* of the run is a map
through which everything goes that comes later, so no shortcut passes it by; the last waist of each resolution
that a module gives is taken. What only works after the deepest of them is the classifier, and goes.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.inspection.trace import Call, Trace, Value, trace
from pellucid.types.errors import InputError

SIDE = 256  # of the picture that is tried; every classifier of pictures of any size takes it
DEEPEST, FEWEST = 5, 3


@dataclass(frozen=True)
class Level:
    """A map of a picture's sides / 2^`level`, about, with `channels`, as the module `name` gives it."""

    level: int
    name: str
    channels: int


class Pyramid:
    """`backbone` cut behind its last feature map, which `maps_of` runs. `levels` go from the largest map to
    the smallest; `dropped` are the names of the layers that are gone; `smallest` is a side of pictures that
    it takes.

    Raises `InputError` for a network that gives no such maps.
    """

    def __init__(self, backbone: nn.Module, channels: int, *, name: str) -> None:
        picture = torch.empty(1, channels, SIDE, SIDE, device="meta")
        try:
            run = trace(backbone, [picture])
        except InputError as error:
            raise InputError(
                f"{name} does not take pictures of any size, as a network to build on has to: {error}"
            ) from error
        found = {call.name: (level, call) for level, call in _last_maps(run).items()}
        if len(found) < FEWEST:
            raise InputError(
                f"{name} gives no feature maps of {FEWEST} resolutions to build on; take a convolutional "
                "network, unet/resnet18 say"
            )
        self.levels = tuple(
            Level(level, module, call.outputs[0].shape[1]) for module, (level, call) in found.items()
        )
        self.dropped = _cut(backbone, run, max(call.stop for _, call in found.values()))
        for module in found:
            backbone.get_submodule(module).register_forward_hook(partial(_keep, module))
        self.smallest = _smallest(backbone, channels, 2 ** self.levels[-1].level, name)

    def maps_of(self, backbone: nn.Module, x: Tensor) -> list[Tensor]:
        """The maps of `levels` for pictures (b, c, h, w)."""
        kept: dict[str, Tensor] = {}
        _kept.maps = kept
        try:
            backbone(x)
        finally:
            _kept.maps = None
        return [kept[level.name] for level in self.levels]


_kept = threading.local()  # the maps of the run that is going on in a thread


def _keep(name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
    maps = getattr(_kept, "maps", None)
    if maps is not None:
        maps[name] = output


def _last_maps(run: Trace) -> dict[int, Call]:
    """The last waist of each level, as the outermost module gives it that runs once."""
    waists = {id(value) for value in _waists(run)}
    times = Counter(call.name for call in run.calls)
    found: dict[int, Call] = {}
    for call in sorted(run.calls[1:], key=lambda call: (call.stop, -call.depth)):
        works = call.start < call.stop  # the identity does not
        if works and times[call.name] == 1 and len(call.outputs) == 1 and id(call.outputs[0]) in waists:
            level = _level_of(run, call.outputs[0])
            if level is not None:
                found[level] = call
    return dict(sorted(found.items()))


def _waists(run: Trace) -> Iterator[Value]:
    """The values that all outputs rest on, whichever way one goes back from them."""
    needed = {id(value) for value in run.outputs}
    last: dict[int, int] = {}  # by value, the last operation that uses it
    works = []
    for operation in reversed(run.operations):
        if any(id(value) in needed for value in operation.outputs):
            works.append(operation)
            for value in operation.inputs:
                needed.add(id(value))
                last.setdefault(id(value), operation.index)
    seen = {id(value) for value in run.inputs}
    alive = set(seen)
    for operation in reversed(works):
        if not any(id(value) in seen for value in operation.inputs):
            continue  # made of weights alone
        made = [value for value in operation.outputs if id(value) in needed]
        seen.update(map(id, made))
        alive = {value for value in alive if last.get(value, -1) > operation.index} | {*map(id, made)}
        if len(made) == 1 and alive == {id(made[0])}:
            yield made[0]


def _level_of(run: Trace, value: Value) -> int | None:
    """How often the picture was halved, rounded; None for what is no map (b, c, h, w) of the picture."""
    if len(value.shape) != 4 or value.shape[2] != value.shape[3] or value.shape[2] < 2:
        return None
    if value.producer is not None and run.operations[value.producer].name.startswith("adaptive"):
        return None  # to one size whatever the picture's is: the classifier has begun
    level = round(math.log2(SIDE / value.shape[2]))
    return level if 0 <= level <= DEEPEST else None


def _cut(backbone: nn.Module, run: Trace, end: int) -> tuple[str, ...]:
    """Put the identity in place of the layers that do nothing before operation `end`: those that run later,
    and those with weights that only training uses. Their names.
    """
    working = {call.name for call in run.calls if call.start < end}
    for operation in run.operations[:end]:
        working |= {
            value.name.rpartition(".")[0] for value in operation.inputs if value.origin == "parameter"
        }
    for name in [*working]:
        working.update(_above(name))
    called = {call.name for call in run.calls}
    dropped: list[str] = []
    for name, module in [*backbone.named_modules()]:
        idle = name not in working and (name in called or any(True for _ in module.parameters()))
        if idle and not any(above in dropped for above in _above(name)):
            dropped.append(name)
            backbone.set_submodule(name, nn.Identity())
    return tuple(dropped)


def _smallest(backbone: nn.Module, channels: int, side: int, name: str) -> int:
    """The first of `side`, twice that, and so on, that the network takes."""
    while True:
        try:
            trace(backbone, [torch.empty(1, channels, side, side, device="meta")])
        except InputError as error:
            if side >= SIDE:
                raise InputError(f"{name} cannot be cut before its classifier: {error}") from error
            side *= 2
        else:
            return side


def _above(name: str) -> Iterator[str]:
    while name:
        name = name.rpartition(".")[0]
        yield name
