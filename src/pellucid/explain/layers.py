"""At which layers a method looks: those that are named, or the last that is still a map of the picture."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from pellucid.explain.running import run
from pellucid.explain.target import Target, main_output
from pellucid.inspection.capture import Captured, Key, capture, named_layers, unwrapped
from pellucid.inspection.grid import Grid, grid_of
from pellucid.inspection.modes import evaluation_mode
from pellucid.types.address import Address
from pellucid.types.errors import InputError

LayerNames = str | Sequence[str] | None


@dataclass(frozen=True)
class Layer:
    """A module's call, and how what it gives lies on the picture."""

    name: str
    call: int
    grid: Grid

    @property
    def address(self) -> str:
        return str(Address(self.name, self.call))


# What was found for a network, by its structure and the inputs' shape: looking costs a pass of one picture.
_found: WeakKeyDictionary[nn.Module, dict[Hashable, tuple[Layer, ...]]] = WeakKeyDictionary()


def layers_of(
    model: nn.Module, inputs: Tensor, target: Target, layer: LayerNames = None
) -> tuple[Layer, ...]:
    """The layers named, as addresses; without a name, the last layer before the head that has spatial extent
    and on whose map the target depends.

    Pooling, and the layer that gives the classes' scores, belong to the head. In a transformer it is the last
    normalisation whose patch tokens the target depends on: where the head reads the class token only, that is
    the one before the last attention, since afterwards no other token matters. `inputs` (b, c, h, w) are as
    the network sees them; the first one is looked at. Raises `InputError` for a name that does not exist, and
    for layers that are no map of the picture.
    """
    inner = unwrapped(model)
    names = (layer,) if isinstance(layer, str) else None if layer is None else tuple(layer)
    structure = tuple((name, type(module)) for name, module in inner.named_modules())
    key = (names, tuple(inputs.shape[1:]), structure)
    known = _found.setdefault(inner, {})
    if key in known:
        return known[key]
    if names is not None:
        known[key] = _named(inner, inputs, names)
        return known[key]
    found, certain = _chosen(inner, inputs[:1], target)
    if certain:
        known[key] = (found,)
    return (found,)


def _named(model: nn.Module, inputs: Tensor, names: tuple[str, ...]) -> tuple[Layer, ...]:
    if not names:
        raise InputError("name at least one layer, or none at all for the automatic choice")
    addresses = [Address.parse(name) for name in names]
    modules = named_layers(model, [address.layer for address in addresses])
    with evaluation_mode(model), torch.no_grad(), capture(model, _every, keep=_shape) as seen:
        run(model, inputs[:1])
    made = list(_tensors(seen))
    found = []
    for address in addresses:
        key = (address.layer, address.call)
        at = next((place for place, (made_by, _) in enumerate(made) if made_by == key), None)
        if at is None:
            raise InputError(f"{address} gives no tensor when the network runs; {_hint(made, inputs)}")
        wide = _wide(modules[address.layer])
        grid = _grid([shape for _, shape in made[: at + 1]], inputs, wide)
        if grid is None:
            shape = "×".join(map(str, made[at][1][1:]))
            raise InputError(
                f"{address} gives {shape} for a picture, which has no spatial extent to draw a map of; "
                f"{_hint(made, inputs)}"
            )
        found.append(Layer(*key, grid))
    return tuple(found)


def _chosen(model: nn.Module, inputs: Tensor, target: Target) -> tuple[Layer, bool]:
    """The layer, and whether the target depends on it at this picture."""
    with evaluation_mode(model):
        with capture(model, _every, keep=lambda _, leaf: leaf, gradients=True) as seen:
            output = run(model, inputs)
            score = target.settled(output)(output).sum()
        gradients = seen.gradients_of(score) if score.requires_grad else {}
    candidates = list(_candidates(model, seen, inputs, _classes(output)))
    if not candidates:
        raise InputError(
            f"{type(model).__name__} has no layer that is still a map of the picture, so there is nothing to "
            "draw; methods that look at the input itself need none"
        )
    for layer in reversed(candidates):
        gradient = gradients.get((layer.name, layer.call))
        if gradient is not None and bool(layer.grid.maps(gradient).any()):
            return layer, True
    return candidates[-1], False


def _candidates(model: nn.Module, seen: Captured, inputs: Tensor, classes: int) -> Iterator[Layer]:
    """Every tensor that is a map of the picture, in the order in which they were made, by its best name."""
    modules = dict(model.named_modules())
    names: dict[int, list[Key]] = {}  # of each tensor: a container gives what its last part gave
    for key, made in _tensors(seen):
        names.setdefault(id(made), []).append(key)
    order = {key: place for place, key in enumerate(seen.outputs)}
    last = max((order[key] for key in order if _has_weights(modules[key[0]], alone=True)), default=0)
    shapes: list[Sequence[int]] = []
    for key, made in _tensors(seen):
        shapes.append(tuple(made.shape))
        makers = [each for each in names[id(made)] if _computes(modules[each[0]])]
        owners = [each for each in makers if not isinstance(modules[each[0]], nn.Sequential)]
        if not owners or key != owners[0] or len(made) != len(inputs):
            continue  # pooled, or seen before, or of something else than the pictures
        maker = modules[key[0]]
        try:
            grid = _grid(shapes, inputs, _wide(maker))
        except InputError:  # tokens of something else
            continue
        if grid is None or (grid.kind == "tokens" and "norm" not in type(maker).__name__.lower()):
            continue
        if order[key] >= last and grid.maps(made).shape[1] == classes:
            continue
        name, call = min(makers, key=lambda each: (each[1], each[0].count("."), -order[each]))
        yield Layer(name, call, grid)


def _every(name: str, module: nn.Module) -> bool:
    return name != ""


def _shape(name: str, output: Tensor) -> tuple[int, ...]:
    return tuple(output.shape)


def _tensors(seen: Captured) -> Iterator[tuple[Key, Any]]:
    """What layers gave, as far as it is one tensor (or its shape)."""
    for key, made in seen.outputs.items():
        if isinstance(made, Tensor) or (isinstance(made, tuple) and all(type(n) is int for n in made)):
            yield key, made


def _grid(shapes: Sequence[Sequence[int]], inputs: Tensor, wide: bool) -> Grid | None:
    height, width = inputs.shape[2:]
    return grid_of(shapes[-1], (height, width), shapes[:-1], wide=wide)


def _wide(module: nn.Module) -> bool:
    return type(module) in (nn.Linear, nn.LayerNorm)


def _has_weights(module: nn.Module, *, alone: bool = False) -> bool:
    return next(module.parameters(recurse=not alone), None) is not None


def _computes(module: nn.Module) -> bool:
    """Whether a module is more than pooling, dropout or another arrangement of the same values."""
    return _has_weights(module) or "activation" in type(module).__module__


def _classes(output: Any) -> int:
    """How many classes the output tells apart; 0 where it is no plain one."""
    try:
        found = main_output(output)
    except InputError:
        return 0
    return found.shape[1] if found.ndim > 1 else 0


def _hint(made: Iterable[tuple[Key, Any]], inputs: Tensor) -> str:
    """The last layer that would have done."""
    height, width = inputs.shape[2:]
    for (name, call), shape in reversed(list(made)):
        if len(shape) == 4 and grid_of(shape, (height, width)) is not None:
            return f"{Address(name, call)} is the last layer that is a map"
    return "the network has no layer that is a map"
