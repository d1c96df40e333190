"""At which layers a method looks: those that are named, or the last that is still a map of the picture."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from pellucid.explain.placing import Frame, frames
from pellucid.explain.target import Target, main_output
from pellucid.inspection.address import unknown_address
from pellucid.inspection.capture import Key, capture, key_of, unwrapped
from pellucid.inspection.layout import Layout, keyed_layouts, layouts
from pellucid.inspection.meaning import moves
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.parts import named_parts
from pellucid.inspection.running import run
from pellucid.inspection.trace import Trace, Value, trace
from pellucid.types.address import Address
from pellucid.types.errors import InputError

LayerNames = str | Sequence[str] | None


@dataclass(frozen=True)
class Layer:
    """A module's call or an operation, and how what it gives lies on the picture: its grid covers the whole,
    or, with a `frame`, more than that.
    """

    at: Address
    layout: Layout
    frame: Frame | None = None

    @property
    def address(self) -> str:
        return str(self.at)

    @property
    def key(self) -> Key:
        """Where `capture` keeps what it gave."""
        return key_of(self.at)

    def over_picture(self, maps: Tensor) -> Tensor:
        """Maps (…, h, w) on the layer's grid, on one that covers the picture."""
        return maps if self.frame is None else self.frame.cut(maps)


# What was found for a network, by its structure and the inputs' shape: looking costs a pass of one picture.
_found: WeakKeyDictionary[nn.Module, dict[Hashable, tuple[Layer, ...]]] = WeakKeyDictionary()


def layers_of(
    model: nn.Module, inputs: Tensor, target: Target, layer: LayerNames = None
) -> tuple[Layer, ...]:
    """The layers named, as addresses; without a name, the last layer before the head that has spatial extent
    and on whose map the target depends. An operation counts as a layer where no module is one: the last
    rectifier of a DenseNet is ":relu".

    Pooling, and the layer that gives the classes' scores, belong to the head. In a transformer it is the last
    normalisation whose patch tokens the target depends on: where the head reads the class token only, that is
    the one before the last attention, since afterwards no other token matters. `inputs` (b, c, h, w) are as
    the network sees them; the first one is looked at. Raises `InputError` for a name that does not exist, and
    for layers that are no map of the picture.
    """
    inner = unwrapped(model)
    names = (layer,) if isinstance(layer, str) else None if layer is None else tuple(layer)
    structure = tuple((name, type(module)) for name, module in named_parts(inner))
    key = (names, tuple(inputs.shape[1:]), structure)
    known = _found.setdefault(inner, {})
    if key in known:
        return known[key]
    if names is not None:
        known[key] = _named(inner, inputs[:1], names)
        return known[key]
    found, certain = _chosen(inner, inputs[:1], target)
    if certain:
        known[key] = (found,)
    return (found,)


def _named(model: nn.Module, inputs: Tensor, names: tuple[str, ...]) -> tuple[Layer, ...]:
    if not names:
        raise InputError("name at least one layer, or none at all for the automatic choice")
    modules = dict(named_parts(model))
    watched = trace(model, [inputs])
    of = keyed_layouts(watched)
    placed = frames(watched)
    found = []
    for name in names:
        address = Address(name) if name in modules else Address.parse(name)
        layout = of.get(key_of(address))
        if layout is None or address.index:
            raise _not_there(watched, modules, address)
        if not _is_map(layout):
            raise InputError(
                f"{address} gives {layout.words()}, which have no spatial extent to draw a map of; "
                f"{_hint(watched, of)}"
            )
        found.append(Layer(address, layout, placed.get(key_of(address))))
    return tuple(found)


def _chosen(model: nn.Module, inputs: Tensor, target: Target) -> tuple[Layer, bool]:
    """The layer, and whether the target depends on it at this picture."""
    watched = trace(model, [inputs])
    every = [*_maps(watched)]
    with evaluation_mode(model):
        with capture(model, [each.at for _, each in every], keep=_nothing, gradients=True) as seen:
            output = run(model, inputs)
            score = target.settled(output)(output).sum()
        gradients = seen.gradients_of(score) if score.requires_grad and every else {}
    head, classes = _last_weights(watched), _classes(output)
    candidates = [each for at, each in every if at < head or each.layout.channels != classes]
    if not candidates:
        raise InputError(
            f"{type(model).__name__} has no layer that is still a map of the picture, so there is nothing to "
            "draw; methods that look at the input itself, as saliency and occlusion do, need none"
        )
    for layer in reversed(candidates):
        gradient = first_of(gradients.get(layer.key))
        if gradient is not None and bool(layer.layout.maps(gradient).any()):
            return _framed(watched, layer), True
    return _framed(watched, candidates[-1]), False


def _framed(watched: Trace, layer: Layer) -> Layer:
    return replace(layer, frame=frames(watched).get(layer.key))


def first_of(tree: Any) -> Any:
    """What a layer gave, of several tensors the first."""
    while isinstance(tree, (tuple, list, dict)):
        tree = next(iter(tree.values() if isinstance(tree, dict) else tree), None)
    return tree


def _maps(watched: Trace) -> Iterator[tuple[int, Layer]]:
    """Everything computed that is a map of the picture, in order, by its best name, and by which operation.

    Of tokens only what was normalised counts: between a normalisation and the next sum they are parts.
    """
    of, names, kinds = layouts(watched), _names(watched), _kinds(watched)
    for address, operation in zip(watched.addresses, watched.operations, strict=True):
        if not operation.outputs or _passes_on(operation.name):
            continue
        value = operation.outputs[0]
        layout = of.get(value)
        if layout is None or not _is_map(layout):
            continue
        normalises = any("norm" in kind.lower() for kind in (operation.name, *kinds.get(value, ())))
        if layout.tokens and not normalises:
            continue
        yield operation.index, Layer(names.get(value) or Address.parse(address), layout)


def _is_map(layout: Layout) -> bool:
    return len(layout.grid) == 2 and max(layout.grid) > 1


def _passes_on(operation: str) -> bool:
    """Whether it only pools, resizes or arranges values that were computed before."""
    return "pool" in operation or "dropout" in operation or moves(operation) or operation in _PASS_ON


_PASS_ON = frozenset(
    "clone contiguous detach to float half bfloat16 type interpolate upsample pad untraced".split()
)


def _names(watched: Trace) -> dict[Value, Address]:
    """The modules that gave each value: the first call, of a container rather than of its last part."""
    ranked: dict[Value, tuple[tuple[int, int, int], Address]] = {}
    for call in watched.calls[1:]:
        if len(call.outputs) == 1 and call.start < call.stop:
            rank = (call.number, call.name.count("."), -call.stop)
            known = ranked.get(call.outputs[0])
            if known is None or rank < known[0]:
                ranked[call.outputs[0]] = rank, Address(call.name, call.number)
    return {value: address for value, (_, address) in ranked.items()}


def _kinds(watched: Trace) -> dict[Value, list[str]]:
    """The classes of the modules that gave each value."""
    found: dict[Value, list[str]] = {}
    for call in watched.calls[1:]:
        for value in call.outputs:
            found.setdefault(value, []).append(call.kind)
    return found


def _last_weights(watched: Trace) -> int:
    """Which operation is the last that uses weights."""
    weighted = (
        each.index for each in watched.operations if any(one.origin == "parameter" for one in each.inputs)
    )
    return max(weighted, default=0)


def _nothing(name: str, output: Tensor) -> None:
    """What to keep of a layer whose gradient alone counts."""


def _classes(output: Any) -> int:
    """How many classes the output tells apart; 0 where it is no plain one."""
    try:
        found = main_output(output)
    except InputError:
        return 0
    return found.shape[1] if found.ndim > 1 else 0


def _not_there(watched: Trace, modules: Mapping[str, nn.Module], address: Address) -> InputError:
    if address.index:
        return InputError(f"a map is of all channels of a layer: name {address.whole}, not {address}")
    calls = [call.address for call in watched.calls if call.outputs]
    ran = {call.name for call in watched.calls}
    if address.layer in modules and address.layer not in ran:
        return InputError(f"{address} gives no tensor when the network runs")
    return unknown_address(address, calls, watched.addresses)


def _hint(watched: Trace, of: Mapping[Key, Layout]) -> str:
    """The last layer that would have done."""
    made = [each for _, each in _maps(watched)]
    return f"{made[-1].address} is the last layer that is a map" if made else "the network has none that has"
