"""Running a network with changes that are never written into it: what if this channel were silent?

The run goes through a copy of the network's structure that shares every parameter which is not changed, so
that it costs little, and several threads can try several things on one network at once.
"""

from __future__ import annotations

import copy
import math
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import named_layers, unwrapped
from pellucid.inspection.keeping import Key, key_of
from pellucid.inspection.layout import Layout, layer_layouts, layout_of_shape
from pellucid.inspection.parts import named_parts
from pellucid.inspection.replacing import replacing
from pellucid.types.address import Address
from pellucid.types.change import Change, Scaling, Writing
from pellucid.types.errors import InputError, unknown_name


@contextmanager
def changing(model: nn.Module, changes: Sequence[Change], inputs: Sequence[Any]) -> Iterator[nn.Module]:
    """The network as `changes` say, for one run on `inputs` in this block and thread: run what the block is
    given. `model` itself, its weights and buffers, stays as it is, whoever else runs it meanwhile.

    Changes are made in order; of two that write the same numbers the later one counts, and of two factors of
    one channel the product. Raises `InputError` for a layer, parameter, channel or number of values that the
    network does not have.
    """
    inner = unwrapped(model)
    scalings = defaultdict[Key, list[Scaling]](list)
    for change in changes:
        if isinstance(change, Scaling):
            named_layers(inner, str(Address(change.address.layer)))
            scalings[key_of(change.address.whole)].append(change)
    layouts = layer_layouts(inner, inputs) if scalings else {}
    own = _structure_of(inner)
    for change in changes:
        if isinstance(change, Writing):
            _write(own, change)
    with ExitStack() as stack:
        for key, several in scalings.items():
            layout = _layout(layouts, key, several)
            where = several[0].address.whole
            stack.enter_context(replacing(own, where, partial(_scaled, layout, several)))
        yield own


def _layout(layouts: Mapping[Key, Layout], key: Key, scalings: Sequence[Scaling]) -> Layout | None:
    """None for a network that cannot be traced: then the shape has to say it."""
    if not layouts:
        return None
    if key not in layouts:
        raise InputError(
            f"{scalings[0].address.whole} gives nothing that can be scaled when this network runs; "
            "`pellucid inspect` shows which layers do"
        )
    for scaling in scalings:
        layouts[key].check(scaling.address)
    return layouts[key]


def _scaled(layout: Layout | None, scalings: Sequence[Scaling], output: Any) -> Tensor:
    if not isinstance(output, Tensor):
        raise InputError(f"{scalings[0].address.whole} gives no single tensor; scale a layer inside of it")
    changed = output.clone()
    layout = layout or layout_of_shape(tuple(output.shape))
    arranged = layout.arranged(changed)  # a view: what is done to it is done to `changed`
    for scaling in scalings:
        layout.check(scaling.address)
        place: tuple[int | slice, ...] = (slice(None), *scaling.address.index)
        arranged[place] *= scaling.factor
    return changed


def _structure_of(model: nn.Module) -> nn.Module:
    """Modules and buffers of their own around the same parameters. Hooks are those of the moment: dicts of
    hooks are copied at one stroke, since other threads may hook the network meanwhile.
    """
    known: dict[int, Any] = {id(parameter): parameter for parameter in model.parameters()}
    for _, module in named_parts(model):
        for name, value in [*vars(module).items()]:
            if isinstance(value, OrderedDict) and "hooks" in name:
                known[id(value)] = value.copy()
    return copy.deepcopy(model, known)


def _write(own: nn.Module, change: Writing) -> None:
    name, index = change.address.layer, change.address.index
    parameters = dict(own.named_parameters(remove_duplicate=False))
    if name not in parameters:
        raise unknown_name("parameter", name, parameters, shown_by="pellucid inspect")
    old = parameters[name]
    shape = tuple(old.shape)
    if len(index) > len(shape) or any(at >= size for at, size in zip(index, shape, strict=False)):
        raise InputError(f"{name} is {_words(shape)}; {list(index)} is not in it")
    rest = shape[len(index) :]
    if len(change.values) != math.prod(rest):
        raise InputError(
            f"{change.address} has {math.prod(rest)} numbers ({_words(rest)}); got {len(change.values)}"
        )
    with torch.no_grad():
        new = old.detach().clone()
        new[index] = torch.tensor(change.values, dtype=torch.float64).to(new).reshape(rest)
    written = nn.Parameter(new, old.requires_grad)
    for module in own.modules():  # a parameter may have several owners
        for held, parameter in module._parameters.items():
            if parameter is old:
                module._parameters[held] = written


def _words(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"


@dataclass(frozen=True)
class Kernel:
    """The numbers with which a channel sees one of its `inputs` inputs: `values` row by row, of `shape`,
    (height, width) in two dimensions and () of a dense layer. `address` is where in the parameter.
    """

    address: Address
    shape: tuple[int, ...]
    inputs: int
    values: tuple[float, ...]

    def written(self, values: Sequence[float]) -> Writing:
        """The change that puts other numbers there."""
        return Writing(self.address, tuple(values))


def kernel_at(model: nn.Module, address: str | Address, source: int = 0) -> Kernel:
    """The kernel of channel `address` for input `source` of its group. Raises `InputError` for a layer
    without kernels.
    """
    asked = address if isinstance(address, Address) else Address.parse(address)
    layer = str(Address(asked.layer))
    module = named_layers(unwrapped(model), layer)[layer]
    if not isinstance(module, (nn.modules.conv._ConvNd, nn.Linear)):
        raise InputError(f"{layer} is a {type(module).__name__} and has no kernels; choose a convolution")
    if not asked.index:
        raise InputError(f"{layer} names no channel: write {layer}[0]")
    channel, weight = asked.index[0], module.weight
    groups = module.groups if isinstance(module, nn.modules.conv._ConvNd) else 1
    transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)  # (inputs, channels of a group, …)
    channels, inputs = (
        (weight.shape[1] * groups, weight.shape[0] // groups) if transposed else weight.shape[:2]
    )
    if channel >= channels or not 0 <= source < inputs:
        raise InputError(
            f"{layer} has {channels} channels that see {inputs} inputs each; got channel {channel} and input "
            f"{source}"
        )
    group, within = divmod(channel, weight.shape[1])
    place = (group * inputs + source, within) if transposed else (channel, source)
    values = weight.detach()[place].double()
    where = Address(f"{asked.layer}.weight".lstrip("."), index=place)
    return Kernel(where, tuple(values.shape), int(inputs), tuple(values.flatten().tolist()))
