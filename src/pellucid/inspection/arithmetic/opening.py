"""One element of what an operation gave, seen from the rule that opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.inspection.arguments import Arguments, NotUnderstood
from pellucid.inspection.arithmetic.moving import MOVES, Indices, source_of
from pellucid.inspection.arithmetic.watching import Watched
from pellucid.inspection.trace import Operation, Value
from pellucid.types.arithmetic import Floats, Kind, Operand, Origin, Place, Step


@dataclass(frozen=True, eq=False)
class Opened:
    """What a rule found. `size` is how large the numbers are whose rounding the result has to bear: the sum
    of the sizes of what is added.
    """

    kind: Kind
    formula: str
    operands: tuple[Operand, ...]
    steps: tuple[Step, ...]
    size: float
    chosen: Place | None = None
    weights: int = 0
    multiplications: int = 0
    notes: tuple[str, ...] = ()


class Opening(Arguments):
    """`index` is the element's place in the output number `number`, the batch included."""

    def __init__(self, watched: Watched, operation: Operation, number: int, index: Place) -> None:
        super().__init__(operation)
        self.watched, self.number, self.index = watched, number, index

    @property
    def given(self) -> float:
        """The network's own number."""
        return float(self.watched.tensors[self.operation.outputs[self.number]][self.index])

    def tensor(self, value: Any) -> Tensor:
        if not isinstance(value, Value):
            raise NotUnderstood(f"{type(value).__name__} in place of a tensor")
        return self.watched.tensors[value]

    def number_at(self, value: Any, index: Place) -> float | None:
        """One number of a tensor; None for None."""
        return None if value is None else float(self.tensor(value)[index])

    def numbers_at(self, value: Value, at: Indices) -> Floats:
        """Many numbers of a tensor, 0 where a place lies beyond its borders."""
        places, inside = _within(at, value.shape)
        tensor = self.tensor(value)
        if tensor.is_complex():
            raise NotUnderstood("complex numbers")
        chosen = tensor[tuple(map(torch.as_tensor, places))]
        found: Floats = chosen.detach().double().cpu().numpy()
        return np.where(inside, found, 0.0) if not inside.all() else found

    def operand(
        self,
        name: str,
        value: Any,
        at: Indices,
        *,
        axes: tuple[str, ...] = (),
        weights: Floats | None = None,
        learnt: str = "",
    ) -> Operand:
        """The numbers of `value` at these places; a plain number has no origin."""
        if not isinstance(value, Value):
            return Operand(name, np.array(float(value)), None, (), weights, learnt)
        numbers = self.numbers_at(value, at)
        return Operand(name, numbers, self.origin(value, at), axes, weights, learnt)

    def origin(self, value: Value, at: Indices) -> Origin | None:
        """Where the numbers at these places came from; None if no unit gave them."""
        return origin_of(self.watched, value, at)

    def learnt(self, value: Any) -> str:
        """The name of a weight; of one that is computed, the address of what did."""
        return self.watched.names.get(value, "") if isinstance(value, Value) else ""

    def is_learnt(self, value: Any) -> bool:
        return isinstance(value, Value) and value.origin == "parameter"


Rule = Callable[[Opening], Opened]


def origin_of(watched: Watched, value: Value, at: Indices) -> Origin | None:
    """Of numbers at these places. One of several tensors that a split gave has no address: theirs is where
    they were before.
    """
    address = watched.names.get(value)
    if address is None:
        if value.producer is None or watched.trace.operations[value.producer].name not in MOVES:
            return None
        operation = watched.trace.operations[value.producer]
        number = next(index for index, each in enumerate(operation.outputs) if each is value)
        before = source_of(watched.tensors, operation, number, at)
        return None if before is None else origin_of(watched, *before)
    places, inside = _within(at, value.shape)
    chosen = watched.layout_at(value).order
    indices = np.stack([places[axis] for axis in chosen], -1) if chosen else np.zeros((*inside.shape, 0), int)
    return Origin(address, np.where(inside[..., None], indices, -1).astype(np.int64))


def _within(at: Indices, shape: Place) -> tuple[list[NDArray[np.int64]], NDArray[np.bool_]]:
    """The places as arrays of one shape, moved inside, and which of them were there."""
    given = np.broadcast_arrays(*(np.asarray(each, np.int64) for each in at)) if len(at) else ()
    if len(given) != len(shape):
        raise NotUnderstood(f"{len(given)} places for {len(shape)} dimensions")
    if not given:
        return [], np.ones((), bool)
    inside = np.ones(given[0].shape, bool)
    for each, length in zip(given, shape, strict=True):
        inside &= (each >= 0) & (each < length)
    return [np.where(inside, each, 0) for each in given], inside


def grid(*axes: Any) -> list[NDArray[np.int64]]:
    """For each axis its places, shaped so that together they make all combinations."""
    count = len(axes)
    found = []
    for at, each in enumerate(axes):
        places = np.asarray(each, np.int64)
        found.append(places.reshape([len(places) if axis == at else 1 for axis in range(count)]))
    return found


def summed(
    op: Opening,
    formula: str,
    operand: Operand,
    *,
    name: str = "sum of the products",
    bias: float | None = None,
    divided: float | None = None,
    weights: int = 0,
    multiplications: int = 0,
    notes: tuple[str, ...] = (),
) -> Opened:
    """A sum of products, with a bias or a divisor."""
    products = operand.products
    total, size = float(products.sum()), float(np.abs(products).sum())
    steps = [Step(name, total)]
    if bias is not None:
        steps += [Step("bias", bias), Step("value", total + bias, "sum + bias")]
        size += abs(bias)
    if divided is not None:
        steps += [Step("count", divided), Step("value", total / divided, "sum ÷ count")]
        size /= abs(divided)
    return Opened("sum", formula, (operand,), tuple(steps), size, None, weights, multiplications, notes)


SPACE = {1: ("x",), 2: ("y", "x"), 3: ("z", "y", "x")}
