"""Rules for reading and writing by index: `x[…]` and `x[…] = y`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from pellucid.inspection.arguments import NotUnderstood
from pellucid.inspection.reach import moves, taps, terms
from pellucid.inspection.reach.seen import Applied, Seen, united
from pellucid.inspection.reach.taps import Taps
from pellucid.inspection.reach.terms import NOTHING, Shape, Term
from pellucid.inspection.trace import Value

LARGEST = 2**20
"""Elements of a tensor that is written to in parts: each of them is followed by itself, which takes long."""


def read(op: Applied) -> Seen:
    if _computed(op):
        return op.everything().doubted("data-dependent: getitem")
    index = _index(op.argument(1, ""), len(op.shape))
    along: dict[int, Taps] = {}
    gone, new, looked_up, place, at = [], [], [], 0, 0
    for item in index:
        if item is None:
            new.append(place)
            place += 1
            continue
        length = op.shape[at]
        if isinstance(item, int):
            along[at] = taps.strided(length, item % length, 1, 1)
            gone.append(at)
        elif isinstance(item, slice):
            start, stop, step = item.indices(length)
            along[at] = taps.strided(length, start, len(range(start, stop, step)), step)
        elif isinstance(item, list):
            along[at] = taps.chosen(length, tuple(item))
        else:
            looked_up.append((at, item))
            gone.append(at)
            new += range(place, place + len(item.shape))
            place += len(item.shape) - 1
        place += not isinstance(item, int)
        at += 1
    if len(looked_up) > 1 or (looked_up and (gone[1:] or None in index)):
        raise NotUnderstood("several indices")

    def change(term: Term) -> Term:
        for at, one in along.items():
            term = moves.gathered(term, at, one)
        return moves.inserted(moves.dropped(terms.reduced(term, gone), gone), new)

    differ = any(term.sizes[at] > 1 for reach in op.seen.axes for term in reach for at, _ in looked_up)
    return op.seen.changed(change).doubted("unknown: getitem (places not looked at)" if differ else "")


def _computed(op: Applied) -> bool:
    """Whether the index says where by values: a mask, or something that depends on the picture."""
    index = op.argument(1, "")
    values = [item for item in (index if isinstance(index, tuple) else (index,)) if isinstance(item, Value)]
    return any(op.of(value).anything or value.dtype == torch.bool for value in values)


def _index(index: Any, dims: int) -> list[Any]:
    """One item for each of `dims` dimensions, and None for new ones."""
    items = list(index) if isinstance(index, tuple) else [index]
    for item in items:
        positions = isinstance(item, list) and all(type(one) is int for one in item)
        values = isinstance(item, Value)
        if not (item is None or item is Ellipsis or type(item) in (int, slice) or positions or values):
            raise NotUnderstood("an index of another kind")
    if sum(isinstance(item, list) for item in items) > 1:
        raise NotUnderstood("several indices")
    missing = dims - sum(item is not None and item is not Ellipsis for item in items)
    at = next((at for at, item in enumerate(items) if item is Ellipsis), len(items))
    return [*items[:at], *[slice(None)] * missing, *items[at + 1 :]]


def written(op: Applied) -> Seen:
    if _computed(op):
        return op.everything().doubted("data-dependent: setitem")
    index = _index(op.argument(1, ""), len(op.shape))
    if any(not isinstance(item, (int, slice)) for item in index):
        raise NotUnderstood("computed places")
    value = op.argument(2, "")
    ranges = [
        range(length)[item] if isinstance(item, slice) else range(item % length, item % length + 1)
        for item, length in zip(index, op.shape, strict=True)
    ]
    if not all(ranges):
        return op.seen  # into no element
    places = {at: places for at, places in enumerate(ranges) if len(places) < op.shape[at]}
    region = tuple(map(len, ranges))
    if math.prod(op.shape) > LARGEST:
        raise NotUnderstood("a write into a tensor of many elements")
    given = op.of(value)
    if given.anything:
        plain = tuple(length for length, item in zip(region, index, strict=True) if isinstance(item, slice))
        given = given.broadcast(value.shape, plain).changed(
            lambda term: moves.inserted(term, [at for at, item in enumerate(index) if isinstance(item, int)])
        )
    around = op.seen if places else op.nothing
    return united(
        [
            around.changed(lambda term: _without_region(term, op.shape, places)),
            given.changed(lambda term: _in_region(term, op.shape, places)),
        ]
    )


def _without_region(term: Term, shape: Shape, places: dict[int, range]) -> Term:
    sizes = [shape[at] if at in places else size for at, size in enumerate(term.sizes)]
    table = np.broadcast_to(term.table, (4, *sizes)).copy()
    table[_region(len(sizes), places)] = NOTHING
    return Term(table, _unruled(term, places))


def _in_region(term: Term, shape: Shape, places: dict[int, range]) -> Term:
    sizes = [shape[at] if at in places else size for at, size in enumerate(term.sizes)]
    table = np.full((4, *sizes), NOTHING)
    table[_region(len(sizes), places)] = term.table
    return Term(table, _unruled(term, places))


def _region(dims: int, places: dict[int, range]) -> tuple[slice, ...]:
    """An index into a table."""
    chosen = [places.get(dim) for dim in range(dims)]
    return (
        slice(None),
        *(slice(None) if at is None else slice(at.start, at.stop, at.step) for at in chosen),
    )


def _unruled(term: Term, places: dict[int, range]) -> tuple[terms.Grid | None, ...]:
    return tuple(None if at in places else rule for at, rule in enumerate(term.grid))
