"""One run of a network, written down: every call of a module and every operation, with the tensors between.

The run is a real one, in eager mode, so that the network may branch and loop as it likes. By default it
computes nothing: weights and inputs are replaced by meta tensors, which have shapes but no values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.inspection.capture import following, unwrapped
from pellucid.inspection.imitation import on_meta
from pellucid.inspection.modes import evaluation_mode
from pellucid.types.batch import map_leaves
from pellucid.types.errors import InputError

T = TypeVar("T")

Origin = Literal["operation", "input", "parameter", "buffer", "constant"]


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A tensor at one moment of the run; after an operation in place it is another value.

    `origin` says where it came from: from the operation number `producer`, or as the network's input,
    parameter or buffer called `name`, or as a constant that the network's code made.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    origin: Origin
    name: str = ""
    producer: int | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """One operation: `function` is torch's (`F.conv2d`, `Tensor.add`, …), `name` its plain name.

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

    `name` is as in `named_modules()`, "" for the network itself; `number` counts the calls of one module from
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
        return f"{self.name}#{self.number}" if self.number else self.name

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

    def own_operations(self, call: Call) -> Iterator[Operation]:
        """The operations that ran in `call` itself and in none of its parts."""
        return (
            operation for operation in self.operations[call.start : call.stop] if operation.call == call.index
        )


def trace(model: nn.Module, inputs: Sequence[Any], *, real: bool = False) -> Trace:
    """Run `model(*inputs)` in evaluation mode without gradients, and write it down.

    Only the shapes and dtypes of `inputs` count, unless `real` asks for the values themselves; a network
    whose path depends on values is run for real in any case, on the device of its weights. It is left as it
    was. Raises `InputError` that names the layer where the network refuses the inputs.
    """
    inner = unwrapped(model)
    if real:
        return _run(inner, inputs, _device_of(inner))
    try:
        return trace_on_meta(inner, inputs)
    except InputError as error:
        device = _device_of(inner)
        if device == "meta":
            raise
        found = _run(inner, inputs, device)  # if the network refuses the inputs, it does so here
        why = f"not without values ({_first_line(error.__cause__ or error)})"
        return Trace(found.calls, found.operations, found.device, why)


def trace_on_meta(model: nn.Module, inputs: Sequence[Any]) -> Trace:
    """`trace`, but nothing is ever computed: a network that needs values raises `InputError`, too."""
    return _run(on_meta(unwrapped(model)), map_leaves(_without_values, tuple(inputs)), "meta")


# What a forward pass raises that finds a shape it does not take, or no values where it looks at some.
_REFUSALS = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
    NotImplementedError,
    ArithmeticError,
)


def _run(model: nn.Module, inputs: Sequence[Any], device: str) -> Trace:
    recorder = _Recorder(model)
    placed = map_leaves(lambda leaf: _on(device, leaf), tuple(inputs))
    try:
        with (
            evaluation_mode(model),
            torch.no_grad(),
            torch.device(device) if device == "meta" else nullcontext(),
            following(model, enter=recorder.enter, leave=recorder.leave),
            recorder,
        ):
            model(*placed)
    except _REFUSALS as error:
        raise InputError(recorder.refusal(error)) from error
    return Trace(tuple(recorder.calls), tuple(recorder.operations), device)


class _Recorder(TorchFunctionMode):
    """Writes down what `following` and torch's functions report."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.operations: list[Operation] = []
        self._modules = dict(model.named_modules())
        self._kind = type(model).__name__
        self._running: list[Call] = []
        self._numbers: Counter[str] = Counter()
        # By id; the tensors are held, so that no other one gets the id of one that is gone.
        self._values: dict[int, Value] = {}
        self._held: list[Tensor] = []
        for name, parameter in model.named_parameters():
            self._remember(parameter, Value(tuple(parameter.shape), parameter.dtype, "parameter", name))
        for name, buffer in model.named_buffers():
            self._remember(buffer, Value(tuple(buffer.shape), buffer.dtype, "buffer", name))

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
            inputs=tuple(self._value(tensor) for tensor in _leaves(Tensor, inputs)),
        )
        self._numbers[name] += 1
        self.calls.append(call)
        self._running.append(call)

    def leave(self, name: str, output: Any) -> None:
        call = self._running.pop()
        while call.name != name:  # a part that raised, if the network went on
            call = self._running.pop()
        call.stop = len(self.operations)
        call.outputs = tuple(self._value(tensor) for tensor in _leaves(Tensor, output))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        result = func(*args, **options)
        made = _leaves(Tensor, result)
        if result is None and func is Tensor.__setitem__:
            made = [args[0]]  # the one function that changes a tensor without giving it back
        if not made or not self._running:
            return result
        # Read before the results are remembered: an operation in place gives back its own input.
        given, given_options = map_leaves(self._seen, tuple(args)), map_leaves(self._seen, options)
        index = len(self.operations)
        outputs = []
        for tensor in made:
            value = Value(tuple(tensor.shape), tensor.dtype, "operation", producer=index)
            self._remember(tensor, value)
            outputs.append(value)
        self.operations.append(
            Operation(
                index=index,
                name=_name_of(func),
                function=func,
                call=self._running[-1].index,
                arguments=given,
                options=given_options,
                inputs=tuple(_leaves(Value, (given, given_options))),
                outputs=tuple(outputs),
            )
        )
        return result

    def refusal(self, error: BaseException) -> str:
        """Which layer raised `error`, for which inputs."""
        running = [call for call in self._running if call.stop < 0]
        call = running[-1] if running else None
        if call is None:
            return f"{self._kind} refused its inputs: {_first_line(error)}"
        where = f"{call.address} ({call.kind})" if call.name else f"{call.kind}.forward"
        shapes = ", ".join("×".join(map(str, value.shape)) or "a scalar" for value in call.inputs)
        expected = _expectation(call.module)
        return (
            f"{where} refused an input of shape {shapes}"
            f"{f'; it expects {expected}' if expected else ''}: {_first_line(error)}"
        )

    def _seen(self, leaf: Any) -> Any:
        return self._value(leaf) if isinstance(leaf, Tensor) else leaf

    def _value(self, tensor: Tensor) -> Value:
        """The value of a tensor now; one that no operation here made is a constant."""
        known = self._values.get(id(tensor))
        if known is None:
            known = Value(tuple(tensor.shape), tensor.dtype, "constant")
            self._remember(tensor, known)
        return known

    def _remember(self, tensor: Tensor, value: Value) -> None:
        self._values[id(tensor)] = value
        self._held.append(tensor)

    def _name_inputs(self, positional: Any, by_name: Mapping[str, Any]) -> None:
        named = [
            ("input" if len(positional) == 1 else f"input{at}", tree) for at, tree in enumerate(positional)
        ]
        for name, tree in (*named, *by_name.items()):
            for tensor in _leaves(Tensor, tree):
                self._remember(tensor, Value(tuple(tensor.shape), tensor.dtype, "input", name))


def _name_of(func: Any) -> str:
    """ "conv2d", "add", "shape": the function's name without underscores; of a property, the property's."""
    name = getattr(func, "__name__", "")
    if name == "__get__":
        name = getattr(func.__self__, "__name__", name)
    return name.strip("_") or str(func)


def _leaves(kind: type[T], tree: Any) -> list[T]:
    """What is of `kind` in a tree of dicts, lists and tuples, in order."""
    if isinstance(tree, kind):
        return [tree]
    if isinstance(tree, Mapping):
        return [leaf for part in tree.values() for leaf in _leaves(kind, part)]
    if isinstance(tree, (list, tuple)):
        return [leaf for part in tree for leaf in _leaves(kind, part)]
    return []


def _expectation(module: nn.Module) -> str:
    """What a layer of torch's says about its inputs."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return f"{module.in_channels} channels"
    if isinstance(module, nn.Linear):
        return f"{module.in_features} features in the last dimension"
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return f"{module.num_features} channels"
    return ""


def _on(device: str, leaf: Any) -> Any:
    """A leaf of the inputs on `device`; zeros in place of a tensor that has no values."""
    if not isinstance(leaf, Tensor):
        return leaf
    return torch.zeros_like(leaf, device=device) if leaf.is_meta and device != "meta" else leaf.to(device)


def _without_values(leaf: Any) -> Any:
    return torch.empty_like(leaf, device="meta") if isinstance(leaf, Tensor) else leaf


def _device_of(model: nn.Module) -> str:
    """Where the weights are; the CPU for a network without any."""
    first = next(chain(model.parameters(), model.buffers()), None)
    return "cpu" if first is None else str(first.device)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
