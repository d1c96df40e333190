"""One run of a network, written down: every call of a module and every operation, with the tensors between.

The run is a real one, in eager mode, so that the network may branch and loop as it likes. By default it
computes nothing: weights and inputs are replaced by meta tensors, which have shapes but no values.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from textwrap import shorten
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.inspection.capture import following
from pellucid.inspection.imitation import Imitation, memory_of, on_meta, tensors_of
from pellucid.inspection.modes import evaluation_mode, uncollected, undone
from pellucid.inspection.operations import made_by, name_of, within_torch
from pellucid.inspection.parts import named_parts
from pellucid.inspection.refusals import (
    REFUSALS,
    NeedsValuesError,
    check_inputs,
    first_line,
    needs_values,
    refusal,
)
from pellucid.inspection.wrappers import unwrapped
from pellucid.types.address import Address
from pellucid.types.batch import ATOMS, leaves, map_leaves
from pellucid.types.errors import InputError

Origin = Literal["operation", "input", "parameter", "buffer", "constant"]


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A tensor at one moment of the run; after an operation in place it is another value.

    `origin` says where it came from: from the operation number `producer`, or as the network's input,
    parameter or buffer called `name`, or as a constant, a plain tensor that a module holds. `memory` numbers
    the piece of memory that it lies in, the same for a tensor and its views; `bytes` is how much memory was
    taken for it: 0 for a view and after an operation in place.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    origin: Origin
    name: str = ""
    producer: int | None = None
    memory: int = -1
    bytes: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """One operation: `function` is torch's (`F.conv2d`, `Tensor.add`, …), `name` its plain name, with the
    library in front of an operator that is not torch's (`mylib::warp`). One that is called "untraced" stands
    for whatever made a tensor past torch's functions: TorchScript, another library, C++.

    `arguments` and `options` are as they were given, with tensors replaced by their values; `inputs` and
    `outputs` are those values. `call` is the index of the innermost module call around it.
    """

    index: int
    name: str
    function: Callable[..., Any]
    call: int
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


@dataclass(eq=False, slots=True)
class Call:
    """One call of a module. Operations `start` to `stop` ran in it, those of its parts included.

    `name` is as in `named_parts`, "" for the network itself; `number` counts the calls of one module from
    0. `parent` is the index of the call around it, None for the network's.
    """

    index: int
    name: str
    number: int
    module: nn.Module
    parent: int | None
    depth: int
    start: int
    stop: int = -1
    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()

    @property
    def address(self) -> str:
        return str(Address(self.name, self.number))

    @property
    def kind(self) -> str:
        return type(self.module).__name__


@dataclass(frozen=True, eq=False)
class Trace:
    """`calls` in the order in which they began: the network's own is the first. `device` is where it ran:
    "meta" if nothing was computed. `note` says why it was not, where meta was wanted.
    """

    calls: tuple[Call, ...]
    operations: tuple[Operation, ...]
    device: str
    note: str = ""

    @property
    def inputs(self) -> tuple[Value, ...]:
        return self.calls[0].inputs

    @property
    def outputs(self) -> tuple[Value, ...]:
        return self.calls[0].outputs

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """Where each operation is: `layer1.0:add`, and `layer1.0:add#1` for the second of the name that ran
        in the same call itself.
        """
        spoken = Counter[tuple[int, str]]()
        found = []
        for operation in self.operations:
            number = spoken[operation.call, operation.name]
            spoken[operation.call, operation.name] += 1
            call = self.calls[operation.call]
            found.append(str(Address(call.name, call.number, operation.name, number)))
        return tuple(found)

    def own_operations(self, call: Call) -> Iterator[Operation]:
        """The operations that ran in `call` itself and in none of its parts."""
        return (
            operation for operation in self.operations[call.start : call.stop] if operation.call == call.index
        )


@uncollected()
def trace(model: nn.Module, inputs: Sequence[Any], *, real: bool = False) -> Trace:
    """Run `model(*inputs)` in evaluation mode without gradients, and write it down.

    Only the shapes and dtypes of `inputs` count, unless `real` asks for the values themselves; a network
    whose path depends on values is run for real in any case, on the device of its weights, with zeros for
    inputs that have no values. It is left as it was. Raises `InputError` that names the layer where the
    network refuses the inputs, and its subclass `NeedsValuesError` where it needs values but has none.
    """
    inner = unwrapped(model)
    check_inputs(inner, inputs)
    device = device_of(inner)
    if real:
        return _run(inner, inputs, device)
    try:
        return trace_on_meta(inner, inputs)
    except InputError as error:
        if device == "meta":
            raise
        found = _run(inner, inputs, device)  # if the network refuses the inputs, it does so here
        given = "zeros" if any(leaf.is_meta for leaf in leaves(Tensor, inputs)) else "the values given"
        reason = shorten(first_line(error.__cause__ or error), 120, placeholder=" …")
        why = f"with {given}, since it does not run without values ({reason})"
        return Trace(found.calls, found.operations, found.device, why)


Keep = Callable[[Value, Tensor], None]


@uncollected()
def trace_keeping(model: nn.Module, inputs: Sequence[Any], keep: Keep, *, as_it_is: bool = False) -> Trace:
    """`trace` for real, which calls `keep(value, tensor)` when a tensor is first seen: weights, inputs, and
    what operations give. Later operations may overwrite the tensor. `as_it_is` leaves the modules in their
    modes instead of evaluating.
    """
    inner = unwrapped(model)
    check_inputs(inner, inputs)
    return _run(inner, inputs, device_of(inner), keep=keep, mode=nullcontext() if as_it_is else None)


@uncollected()
def trace_on_meta(model: nn.Module, inputs: Sequence[Any]) -> Trace:
    """`trace`, but nothing is ever computed: a network that needs values raises `NeedsValuesError`."""
    return _run(on_meta(unwrapped(model)), inputs, "meta")


def _run(
    model: nn.Module,
    inputs: Sequence[Any],
    device: str,
    *,
    keep: Keep | None = None,
    mode: AbstractContextManager[Any] | None = None,
) -> Trace:
    recorder = _Recorder(model, Imitation() if device == "meta" else _called, keep)
    try:
        with (
            evaluation_mode(model) if mode is None else mode,
            undone(model) if device != "meta" else torch.random.fork_rng(devices=[]),
            torch.no_grad(),
            following(model, enter=recorder.enter, leave=recorder.leave),
            recorder,
            default_device(device),
        ):
            model(*placed(inputs, device))
    except REFUSALS as error:
        kind = NeedsValuesError if device == "meta" and needs_values(error) else InputError
        raise kind(recorder.refusal(error)) from error
    return Trace(tuple(recorder.calls), tuple(recorder.operations), device)


def _called(function: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    return function(*arguments, **options)


class _Recorder(TorchFunctionMode):
    """Writes down what `following` and torch's functions report. `call` is how functions are called; `keep`
    is told of every new value.
    """

    def __init__(self, model: nn.Module, call: Callable[..., Any], keep: Keep | None = None) -> None:
        super().__init__()
        self._keep = keep
        self.calls: list[Call] = []
        self.operations: list[Operation] = []
        self._call = call
        self._modules = dict(named_parts(model))
        self._running: list[Call] = []
        self._numbers: Counter[str] = Counter()
        # By id; the tensors are held, so that no other one gets the id, or the memory, of one that is gone.
        self._values: dict[int, Value] = {}
        self._held: list[Tensor] = []
        self._memories: dict[int, tuple[int, Value]] = {}  # by address: a number, and what lay there last
        for holding, name, tensor in tensors_of(model):
            if id(tensor) not in self._values:
                self._remember(tensor, holding, name)

    def enter(self, name: str, inputs: Any) -> None:
        parent = self._running[-1] if self._running else None
        if parent is None:
            self._name_inputs(*inputs)
        call = Call(
            index=len(self.calls),
            name=name,
            number=self._numbers[name],
            module=self._modules[name],
            parent=None if parent is None else parent.index,
            depth=len(self._running),
            start=len(self.operations),
            inputs=tuple(map(self._value, leaves(Tensor, inputs))),
        )
        self._numbers[name] += 1
        self.calls.append(call)
        self._running.append(call)

    def leave(self, name: str, output: Any) -> None:
        while self._running[-1].name != name:  # a part that raised, if the network went on
            self._running.pop()
        call = self._running[-1]
        call.outputs = tuple(map(self._value, leaves(Tensor, output)))
        call.stop = len(self.operations)
        self._running.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._running and within_torch(sys._getframe(1)):
            raise NotImplementedError("compiled code in it, TorchScript for instance, runs unseen")
        options = kwargs or {}
        result = self._call(func, args, options)
        made = made_by(func, args, result)
        if not made or not self._running:
            return result
        # Read before the results are remembered: an operation in place gives back its own input.
        given = tuple(map(self._seen, args))
        given_options = {name: self._seen(option) for name, option in options.items()}
        inputs = leaves(Value, (given, given_options))
        self._add(name_of(func, made), func, given, given_options, inputs, made)
        return result

    def _seen(self, leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            return self._value(leaf)
        if isinstance(leaf, dict) or (
            isinstance(leaf, (tuple, list)) and not ATOMS.issuperset(map(type, leaf))
        ):
            return map_leaves(self._seen, leaf)
        return leaf

    def _add(
        self,
        name: str,
        function: Any,
        given: Any,
        options: Any,
        inputs: Sequence[Value],
        made: Sequence[Tensor],
    ) -> None:
        index = len(self.operations)
        outputs = tuple(self._remember(tensor, "operation", producer=index) for tensor in made)
        call = self._running[-1].index
        operation = Operation(index, name, function, call, given, options, tuple(inputs), outputs)
        self.operations.append(operation)

    def refusal(self, error: BaseException) -> str:
        """Which layer raised `error`, for which inputs."""
        call = next((call for call in reversed(self._running)), None)
        if call is None:
            return f"the network refused its inputs: {first_line(error)}"
        return refusal(call.address, call.module, [value.shape for value in call.inputs], error)

    def _value(self, tensor: Tensor) -> Value:
        """The value of a tensor now."""
        known = self._values.get(id(tensor))
        if known is not None:
            return known
        _, there = self._memories.get(memory_of(tensor), (0, None))
        if there is not None and (there.shape, there.dtype) == (tensor.shape, tensor.dtype):
            # The same under another name: so autograd functions give back their inputs.
            self._values[id(tensor)] = there
            self._held.append(tensor)
            return there
        call = self._running[-1]
        self._add("untraced", untraced, call.inputs, {}, call.inputs, [tensor])
        return self._values[id(tensor)]

    def _remember(self, tensor: Tensor, origin: Origin, name: str = "", producer: int | None = None) -> Value:
        address = memory_of(tensor)
        number, there = self._memories.get(address, (len(self._memories), None))
        size = tensor.untyped_storage().nbytes() if address and there is None else 0
        value = Value(tuple(tensor.shape), tensor.dtype, origin, name, producer, number, size)
        self._values[id(tensor)] = value
        self._memories[address] = number, value
        self._held.append(tensor)
        if self._keep is not None:
            self._keep(value, tensor)
        return value

    def _name_inputs(self, positional: Any, by_name: Mapping[str, Any]) -> None:
        named = [
            ("input" if len(positional) == 1 else f"input{at}", tree) for at, tree in enumerate(positional)
        ]
        for name, tree in (*named, *by_name.items()):
            for tensor in leaves(Tensor, tree):
                self._remember(tensor, "input", name)


def untraced(*inputs: Value) -> None:
    """The function of an operation that is not torch's."""


def placed(inputs: Sequence[Any], device: str) -> tuple[Any, ...]:
    """The inputs on `device`; zeros in place of tensors that have no values."""

    def place(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        return torch.zeros_like(leaf, device=device) if leaf.is_meta else leaf.to(device)

    moved: tuple[Any, ...] = map_leaves(place, tuple(inputs))
    return moved


def default_device(device: str) -> AbstractContextManager[Any]:
    """A network without values makes new tensors without them, too."""
    return torch.device("meta") if device == "meta" else nullcontext()


def device_of(model: nn.Module) -> str:
    """Where the weights are; the CPU for a network without any."""
    first = next(chain(model.parameters(), model.buffers()), None)
    return "cpu" if first is None else str(first.device)
