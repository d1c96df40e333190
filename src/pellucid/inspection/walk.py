"""Back-propagation through a small computation, one operation at a time.

Every operation is carried out once more by itself, with its own inputs, for its local derivatives; the chain
rule then walks from the result back: the gradient of a node is the sum, over the operations that use it, of
their gradient times their local derivative. (Rumelhart, Hinton & Williams, "Learning representations by
back-propagating errors", 1986.)
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.inspection.arithmetic.watching import Watched, watch
from pellucid.inspection.modes import undone
from pellucid.inspection.refusals import first_line
from pellucid.inspection.trace import Operation, Value
from pellucid.types.batch import leaves, map_leaves
from pellucid.types.errors import InputError
from pellucid.types.walk import Floats, Form, Role, Walk, WalkEdge, WalkNode

MOST_OPERATIONS, MOST_NUMBERS = 200, 1024


def walk(
    computation: Callable[..., Any] | nn.Module, inputs: Mapping[str, Any], constants: Collection[str] = ()
) -> Walk:
    """Forward value and gradient of every operation, variable and constant of `computation(*inputs)`.

    `inputs` by name: tensors, numbers or nested lists of them, in double precision. Those in `constants`, a
    target for instance, have no gradient; a module's parameters are variables too. Raises `InputError` where
    the result is not one number, and where there are more than 200 operations or a tensor of more than 1,024
    numbers: a walk is there to be followed.
    """
    given = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in inputs.items()}
    for name in constants:
        if name not in given:
            raise InputError(f"the constant {name!r} is no input; there are {', '.join(given) or 'none'}")
    model = computation if isinstance(computation, nn.Module) else _Computation(computation)
    if any(parameter.dtype != torch.float64 for parameter in model.parameters()):
        raise InputError("the walk is taken in double precision: pass the network as `network.double()`")
    watched = watch(model, [*given.values()], as_it_is=True)
    _check(watched)
    found = _Walking(watched, list(given), constants).walk()
    _compare(found, model, given, constants)
    return found


def walk_of_defaults(function: Callable[..., Any]) -> Walk:
    """`walk` of a function whose parameters have values by default: these are the inputs, and those that can
    be given by name alone (after `*`) are constants.
    """
    parameters = inspect.signature(function).parameters.values()
    without = [each.name for each in parameters if each.default is inspect.Parameter.empty]
    if without:
        raise InputError(
            f"{function.__name__} is walked through with the values that its parameters have by default; "
            f"{', '.join(without)} {'has' if len(without) == 1 else 'have'} none"
        )
    inputs = {each.name: each.default for each in parameters}
    constants = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]

    def called(*values: Tensor) -> Any:
        named = dict(zip(inputs, values, strict=True))
        return function(
            *(value for name, value in named.items() if name not in constants),
            **{name: named[name] for name in constants},
        )

    return walk(called, inputs, constants)


class _Computation(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def _check(watched: Watched) -> None:
    outputs, operations = watched.trace.outputs, watched.trace.operations
    if len(outputs) != 1 or outputs[0].shape not in ((), (1,)):
        shapes = " and ".join("×".join(map(str, value.shape)) for value in outputs) or "nothing"
        raise InputError(f"back-propagation begins at one number, a loss; the computation gave {shapes}")
    if outputs[0].producer is None:
        raise InputError("the result is an input: there is nothing to walk through")
    if len(operations) > MOST_OPERATIONS:
        raise InputError(
            f"{len(operations)} operations are too many to follow; {MOST_OPERATIONS} are the most"
        )
    largest = max((value for value in watched.tensors), key=lambda value: int(np.prod(value.shape)))
    if np.prod(largest.shape) > MOST_NUMBERS:
        raise InputError(
            f"a tensor of {'×'.join(map(str, largest.shape))} numbers is too large to follow; "
            f"{MOST_NUMBERS:,} are the most: take a smaller network or input"
        )


def _compare(found: Walk, model: nn.Module, inputs: Mapping[str, Tensor], constants: Collection[str]) -> None:
    """Raise `InputError` where autograd finds other gradients: values were written over behind the walk."""
    own = {name: value.detach().clone() for name, value in inputs.items()}
    with torch.inference_mode(False), torch.enable_grad(), undone(model):
        asked = {name: value.requires_grad_() for name, value in own.items() if name not in constants}
        asked |= {name: each for name, each in model.named_parameters() if each.requires_grad}
        # An input may be written to in place, which a leaf of the graph may not.
        (result,) = leaves(Tensor, model(*(value.clone() for value in own.values())))
        try:
            gradients = torch.autograd.grad(result.sum(), [*asked.values()], allow_unused=True)
        except RuntimeError as error:
            raise InputError(f"autograd refuses this computation: {first_line(error)}") from error
    walked = {node.name: node.gradient for node in found.nodes}
    for name, gradient in zip(asked, gradients, strict=True):
        mine, theirs = walked.get(name), None if gradient is None else _array(gradient)
        nothing = [each is None or not each.any() for each in (mine, theirs)]
        if not all(nothing) and (any(nothing) or not np.allclose(mine, theirs, rtol=1e-6, atol=1e-12)):  # type: ignore[arg-type]
            raise InputError(
                f"the walk's gradient of {name} is not autograd's: the computation overwrites part of a "
                "tensor in place, or draws at random; write it without"
            )


@dataclass
class _Local:
    """One use of a value by an operation, and the derivative of an output with respect to it."""

    source: str
    target: str
    value: Value | None
    output: Value
    jacobian: Tensor | None  # (outputs, inputs)


class _Walking:
    def __init__(self, watched: Watched, names: list[str], constants: Collection[str]) -> None:
        self.watched, self.constants = watched, constants
        self.names: dict[Value, str] = {}
        self.nodes: list[tuple[str, Role, str, Tensor, Value | None]] = []
        self.spoken: Counter[str] = Counter()
        inputs = [value for value in watched.trace.inputs if value.origin == "input"]
        for name, value in zip(names, inputs, strict=True):
            self._add(name, "constant" if name in constants else "variable", "", value)
        self.moving = {value for value in inputs if self.names[value] not in constants}

    def walk(self) -> Walk:
        local = [use for operation in self.watched.trace.operations for use in self._uses(operation)]
        result = self.watched.trace.outputs[0]
        gradients: dict[Value, Tensor] = {result: torch.ones(result.shape, dtype=torch.float64)}
        edges: list[WalkEdge] = []
        for use in reversed(local):
            back = gradients.get(use.output)
            flows = None
            if back is not None and use.jacobian is not None and use.value is not None:
                flows = (back.flatten() @ use.jacobian).reshape(use.value.shape)
                gradients[use.value] = gradients[use.value] + flows if use.value in gradients else flows
            edges.append(self._edge(use, flows))
        nodes = tuple(
            WalkNode(name, role, kind, _array(tensor), self._gradient(value, gradients))
            for name, role, kind, tensor, value in self.nodes
        )
        return Walk(nodes, tuple(reversed(edges)), self.names[result])

    def _gradient(self, value: Value | None, gradients: Mapping[Value, Tensor]) -> Floats | None:
        if value is None or value not in self.moving or value not in gradients:
            return None
        return _array(gradients[value])

    def _add(self, name: str, role: Role, kind: str, value: Value) -> None:
        self.names[value] = name
        self.nodes.append((name, role, kind, self.watched.tensors[value], value))

    def _constant(self, number: float) -> str:
        name = f"{number:g}"
        self.spoken[name] += 1
        name = name if self.spoken[name] == 1 else f"{name}#{self.spoken[name] - 1}"
        self.nodes.append((name, "constant", "", torch.tensor(float(number), dtype=torch.float64), None))
        return name

    def _named(self, value: Value) -> str:
        """The node of a value; weights and constants get theirs when they are first used."""
        if value not in self.names:
            learnt = value.origin == "parameter"
            name = value.name or f"constant#{len(self.nodes)}"
            self._add(name, "variable" if learnt else "constant", "", value)
            if learnt:
                self.moving.add(value)
        return self.names[value]

    def _uses(self, operation: Operation) -> list[_Local]:
        """The operation's inputs with their local derivatives; its outputs become nodes."""
        sources = [self._named(value) for value in operation.inputs]
        numbers = [each for each in operation.arguments[:2] if isinstance(each, float | int)]
        plain = [each for each in numbers if not isinstance(each, bool)] if _is_arithmetic(operation) else []
        fixed = [self._constant(each) for each in plain]
        jacobians = self._jacobians(operation)
        uses = []
        for number, output in enumerate(operation.outputs):
            name = self._output_name(operation, output, number)
            self._add(name, "operation", operation.name, output)
            for at, (value, source) in enumerate(zip(operation.inputs, sources, strict=True)):
                jacobian = jacobians[number][at] if number < len(jacobians) else None
                if jacobian is not None:
                    self.moving.add(output)
                uses.append(_Local(source, name, value, output, jacobian))
            uses += [_Local(source, name, None, output, None) for source in fixed]
        return uses

    def _output_name(self, operation: Operation, output: Value, number: int) -> str:
        name = self.watched.names.get(output)
        if name is None:
            first = self.watched.names[operation.outputs[0]]
            name = f"{first}.{number}"
        name = name.lstrip(":") or operation.name
        return f"{name} (result)" if name in self.names.values() else name

    def _jacobians(self, operation: Operation) -> list[list[Tensor | None]]:
        """For each output the derivative with respect to each input (outputs, inputs); None where none is."""
        moving = [value in self.moving for value in operation.inputs]
        if not any(moving):
            return [[None] * len(moving) for _ in operation.outputs]
        with torch.inference_mode(False), torch.enable_grad():
            own = [
                self.watched.tensors[value].detach().clone().requires_grad_(flows)
                for value, flows in zip(operation.inputs, moving, strict=True)
            ]
            outputs = _again(operation, own)
            return [self._jacobian(output, own, moving) for output in outputs]

    @staticmethod
    def _jacobian(output: Tensor, inputs: list[Tensor], moving: list[bool]) -> list[Tensor | None]:
        asked = [tensor for tensor, flows in zip(inputs, moving, strict=True) if flows]
        if not output.requires_grad:
            return [None] * len(inputs)
        rows = [
            torch.autograd.grad(each, asked, retain_graph=True, allow_unused=True)
            for each in output.flatten().unbind()
        ]
        found = iter(zip(*rows, strict=True))
        columns: list[Tensor | None] = []
        for flows in moving:
            row = next(found) if flows else ()
            missing = not row or row[0] is None
            columns.append(None if missing else torch.stack([each.flatten() for each in row]))
        return columns

    def _edge(self, use: _Local, flows: Tensor | None) -> WalkEdge:
        if use.jacobian is None:
            return WalkEdge(use.source, use.target, "number", None, None)
        form, derivative = _simplest(use.jacobian, use.output.shape)
        return WalkEdge(use.source, use.target, form, derivative, None if flows is None else _array(flows))


def _again(operation: Operation, tensors: list[Tensor]) -> list[Tensor]:
    """The operation carried out on these tensors, one for each of its inputs in order; what it writes to in
    place is a copy.
    """
    given = iter(tensors)

    def replaced(leaf: Any) -> Any:
        # A copy that is no leaf of the graph may be written to.
        return next(given).clone() if isinstance(leaf, Value) else leaf

    arguments = map_leaves(replaced, operation.arguments)
    made = operation.function(*arguments, **map_leaves(replaced, dict(operation.options)))
    return leaves(Tensor, arguments[0] if operation.name == "setitem" else made)


def _is_arithmetic(operation: Operation) -> bool:
    """Whether plain numbers among the arguments are operands, not settings."""
    plain = operation.name.lstrip("ir")
    return any(plain.startswith(name) for name in ("add", "sub", "mul", "div", "truediv", "pow", "maximum"))


def _simplest(jacobian: Tensor, shape: tuple[int, ...]) -> tuple[Form, Floats]:
    if jacobian.numel() == 1:
        return "number", _array(jacobian.reshape(()))
    square = jacobian.shape[0] == jacobian.shape[1]
    if square and bool((jacobian == torch.diag(jacobian.diagonal())).all()):
        return "elementwise", _array(jacobian.diagonal().reshape(shape))
    return "matrix", _array(jacobian)


def _array(tensor: Tensor) -> Floats:
    found: Floats = tensor.detach().double().cpu().numpy().copy()
    return found
