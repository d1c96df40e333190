"""One unit of a network opened: which numbers it came from, where these came from, and how they add up.

Plain numbers and numpy's arrays, so that whoever draws or prints them needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.types.errors import InputError

Floats = NDArray[np.float64]
Place = tuple[int, ...]

Kind = Literal["sum", "choice", "formula", "normalisation", "passes on", "given", "unknown"]
"""sum: products or summands are added. choice: one of several numbers is taken. formula: a function of one
number or two. normalisation: one number is set against the mean, variance or sum of its group. passes on: a
number is moved, and stays the same. given: a picture's pixel, a weight, a constant. unknown: said in `notes`.
"""


@dataclass(frozen=True, eq=False)
class Origin:
    """Where an array of numbers came from: `address` is that of a layer, an operation, an input
    (":input") or a weight ("conv1.weight"); `indices` (*shape, d) int64 say for each number what stands in
    the brackets, [channel, y, x] or, of a weight, its place in the tensor. −1 where a number came from
    nowhere: padding.
    """

    address: str
    indices: NDArray[np.int64] = field(repr=False)

    def at(self, place: Place = ()) -> str:
        """The address of the unit that the number at `place` came from; "" if it came from nowhere."""
        index = self.indices[place].tolist()
        if -1 in index:
            return ""
        return f"{self.address}[{', '.join(map(str, index))}]" if index else self.address

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(*shape,): which numbers came from somewhere."""
        return np.asarray((self.indices >= 0).all(-1))


@dataclass(frozen=True)
class Term:
    """One number of an operand: `value` is what it was, `weight` what it was multiplied with, `product` what
    it adds. `source` is the address of the unit that it came from, "" for padding.
    """

    place: Place
    value: float
    weight: float
    product: float
    source: str


@dataclass(frozen=True, eq=False)
class Operand:
    """Numbers that go in, of one name: the window that a kernel sees, the left side of an addition.

    `values` may have any shape, () for a single number. The axes are `axes` ("channel", "y", "x"; "key").
    `weights` are of the same shape, what each is multiplied with, and `learnt` is the address of the tensor
    they lie in, "" if they are computed. `origin` is None for numbers that no unit gave. `columns` are
    further numbers of the same shape that lead to the weights ("q · k" of attention).
    """

    name: str
    values: Floats = field(repr=False)
    origin: Origin | None = None
    axes: tuple[str, ...] = ()
    weights: Floats | None = field(default=None, repr=False)
    learnt: str = ""
    columns: Mapping[str, Floats] = field(default_factory=dict, repr=False)

    @property
    def products(self) -> Floats:
        """What each number adds: with its weight, or as it is."""
        return self.values if self.weights is None else self.values * self.weights

    @property
    def by_row(self) -> Floats:
        """(n,): the products summed along all axes but the first: of a window, for each channel."""
        products = self.products
        return products.reshape(len(products), -1).sum(1) if products.ndim else products.reshape(1)

    def term(self, place: Place = ()) -> Term:
        weight = 1.0 if self.weights is None else float(self.weights[place])
        source = "" if self.origin is None else self.origin.at(place)
        return Term(place, float(self.values[place]), weight, float(self.products[place]), source)

    def strongest(self, most: int | None = None) -> Iterator[Term]:
        """The terms by what they add, the greatest in size first."""
        order = np.argsort(-np.abs(self.products), axis=None, kind="stable")[:most]
        for flat in order.tolist():
            yield self.term(tuple(int(at) for at in np.unravel_index(flat, self.values.shape)))

    def strongest_rows(self, most: int | None = None) -> list[int]:
        """The rows (channels, keys) by what they add."""
        found: list[int] = np.argsort(-np.abs(self.by_row), kind="stable")[:most].tolist()
        return found


@dataclass(frozen=True)
class Step:
    """A number on the way: `name` says which, `how` with which formula it came from those before."""

    name: str
    value: float
    how: str = ""


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """How one unit came to its value.

    `value` is the network's own number; the last of `steps` is what the arithmetic gives, to the rounding of
    the network's numbers (`agrees`). `layer` is the class of the module, "" where an operation was asked
    for; `operation` torch's name for what was computed ("conv2d"). `chosen` is the place, in the first
    operand, of the number that was taken. `weights` counts the learnt numbers that went in, `multiplications`
    the products. `shape` is that of the whole, channel first; `index` the unit's place in it.
    """

    address: str
    layer: str
    operation: str
    kind: Kind
    formula: str
    value: float
    steps: tuple[Step, ...]
    operands: tuple[Operand, ...] = ()
    chosen: Place | None = None
    weights: int = 0
    multiplications: int = 0
    tolerance: float = 0.0
    shape: tuple[int, ...] = ()
    index: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def result(self) -> float:
        """What the arithmetic gives; NaN where it is unknown."""
        return self.steps[-1].value if self.steps else float("nan")

    @property
    def agrees(self) -> bool:
        """Whether the result is the network's value, up to the rounding of the network's numbers."""
        same = self.result == self.value or (self.result != self.result and self.value != self.value)
        return bool(self.steps) and (same or abs(self.result - self.value) <= self.tolerance)

    def sources(self, most: int | None = None) -> Iterator[Term]:
        """The terms that came from units, those that add most first; of a choice, the one that was taken
        alone. The first one's `source` is where to go on when a unit is followed back.
        """
        if self.chosen is not None and self.operands:
            yield self.operands[0].term(self.chosen)
            return
        terms = [term for each in self.operands for term in each.strongest(most) if term.source]
        yield from sorted(terms, key=lambda term: -abs(term.product))[:most]

    def to_dict(self, most: int = 64) -> dict[str, Any]:
        """The record as JSON's types, with at most `most` terms of each operand: `shape` says how many
        there are.
        """
        return {
            **{
                name: getattr(self, name)
                for name in (
                    "address", "layer", "operation", "kind", "formula", "value", "result", "agrees",
                    "weights", "multiplications",
                )
            },
            **{name: list(getattr(self, name)) for name in ("shape", "index", "notes")},
            "steps": [{"name": step.name, "value": step.value, "how": step.how} for step in self.steps],
            "chosen": None if self.chosen is None else list(self.chosen),
            "operands": [_operand(operand, most) for operand in self.operands],
        }  # fmt: skip


def _operand(operand: Operand, most: int) -> dict[str, Any]:
    terms = [
        {
            **vars(term),
            "place": list(term.place),
            **{n: float(v[term.place]) for n, v in operand.columns.items()},
        }
        for term in operand.strongest(most)
    ]
    shape, axes = list(operand.values.shape), list(operand.axes)
    return {"name": operand.name, "shape": shape, "axes": axes, "learnt": operand.learnt, "terms": terms}


def follow_back(start: Arithmetic, choose: Callable[[str], Arithmetic], steps: int) -> Iterator[Arithmetic]:
    """`start`, then the unit that its strongest term came from, and so on for at most `steps` further units;
    `choose(address)` opens a unit. It ends at the picture, at a weight and at what is unknown.
    """
    if steps < 0:
        raise InputError(f"steps must be 0 or more; got {steps}")
    yield start
    for _ in range(steps):
        source = next((term.source for term in start.sources(1)), "")
        if not source:
            return
        start = choose(source)
        yield start
