"""A run of a network with all its numbers kept, so that any unit of it can be opened afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pellucid.inspection.imitation import memory_of
from pellucid.inspection.layout import Layout, layouts, plain
from pellucid.inspection.trace import Call, Operation, Trace, Value, trace_keeping
from pellucid.types.batch import leaves
from pellucid.types.errors import InputError


@dataclass(frozen=True, eq=False)
class Watched:
    """One run: what was computed (`trace`) and with which numbers (`tensors`).

    The tensors are the run's own, except those that were overwritten later, of which there are copies.
    Weights are the network's: once it has learnt on, a unit can no longer be opened.
    """

    trace: Trace
    tensors: dict[Value, Tensor] = field(repr=False)
    versions: dict[Value, int] = field(repr=False)

    @property
    def bytes(self) -> int:
        """The memory that the run's numbers take beside the weights."""
        sizes = {memory_of(tensor): tensor.untyped_storage().nbytes() for tensor in self.tensors.values()}
        own = {memory_of(self.tensors[value]) for value in self.versions}
        return sum(size for memory, size in sizes.items() if memory not in own)

    @cached_property
    def layouts(self) -> Mapping[Value, Layout]:
        return layouts(self.trace)

    @cached_property
    def names(self) -> dict[Value, str]:
        """The address of every tensor that has one: of the module or operation that gave it, of an input or
        weight.
        """
        found = {value: value.name for value in self.tensors if value.origin != "operation"}
        found |= {value: f":{value.name}" for value in self.tensors if value.origin == "input"}
        found |= {
            operation.outputs[0]: address
            for address, operation in self.operations.items()
            if operation.outputs
        }
        for call in reversed(self.trace.calls):  # the outer ones last
            made = {self.trace.operations[at].outputs[0] for at in range(call.start, call.stop)}
            if call.index and call.outputs and call.outputs[0] in made and not self._has_parts(call):
                found[call.outputs[0]] = call.address
        return found

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """By address: `layer1.0:add`, `:flatten`."""
        return dict(zip(self.trace.addresses, self.trace.operations, strict=True))

    @cached_property
    def calls(self) -> dict[str, Call]:
        """By address, those that gave tensors."""
        return {call.address: call for call in self.trace.calls if call.outputs}

    @cached_property
    def given(self) -> dict[str, Value]:
        """Inputs (":input") and weights ("conv1.weight") by address."""
        return {
            f":{value.name}" if value.origin == "input" else value.name: value
            for value in self.tensors
            if value.origin != "operation"
        }

    def layout_at(self, value: Value) -> Layout:
        """Where its channels and positions are; of weights, whose places are said as they are, all are."""
        return self.layouts.get(value) or plain(value.shape)

    def check_unchanged(self) -> None:
        """Raise `InputError` if weights have been written to since the run."""
        for value, version in self.versions.items():
            if self.tensors[value]._version != version:
                raise InputError(
                    f"{value.name} has changed since the network was watched: watch it again to see how it "
                    "computes now"
                )

    def _has_parts(self, call: Call) -> bool:
        return call.index in self._parents

    @cached_property
    def _parents(self) -> set[int | None]:
        return {call.parent for call in self.trace.calls}


def watch(model: nn.Module, inputs: Sequence[Any], *, as_it_is: bool = False) -> Watched:
    """Run `model(*inputs)` once and keep every number in it.

    In evaluation mode, as `trace` does, or with `as_it_is` in the modes that the modules are in; without
    gradients; the network is left as it was. What is overwritten in place is copied before. Takes the memory
    of all that the network computes: ResNet-50 on one picture, 170 MB. Raises `InputError` where the network
    refuses the inputs.
    """
    keeper = _Keeper()
    with torch.inference_mode(False), _BeforeWriting(keeper):
        trace = trace_keeping(model, inputs, keeper.keep, as_it_is=as_it_is)
    versions = {
        value: tensor._version
        for value, tensor in keeper.tensors.items()
        if value.origin == "parameter" and not tensor.is_inference()
    }
    found = Watched(trace, {value: tensor.detach() for value, tensor in keeper.tensors.items()}, versions)
    _ = found.layouts, found.names  # worked out here, so that the first unit asked for is as quick as others
    return found


class _Keeper:
    """The tensor of every value; a copy of those that are about to be overwritten."""

    def __init__(self) -> None:
        self.tensors: dict[Value, Tensor] = {}
        self._there: dict[int, list[Value]] = defaultdict(list)  # by memory

    def keep(self, value: Value, tensor: Tensor) -> None:
        self.tensors[value] = tensor
        self._there[memory_of(tensor)].append(value)

    def release(self, tensor: Tensor) -> None:
        """`tensor` is about to be overwritten."""
        values = self._there.pop(memory_of(tensor), [])
        with torch._C.DisableTorchFunction():
            for value in values:
                self.tensors[value] = self.tensors[value].detach().clone()


class _BeforeWriting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells the keeper of every write to memory just before it happens, from C++ too."""

    def __init__(self, keeper: _Keeper) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.keeper = keeper

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func._schema.is_mutable:
            for position, about in enumerate(func._schema.arguments):
                if about.alias_info is None or not about.alias_info.is_write:
                    continue
                written = args[position] if position < len(args) else options.get(about.name)
                for tensor in leaves(Tensor, written):
                    self.keeper.release(tensor)
        return func(*args, **options)
