"""What a table of pixels seen amounts to: a field's size, stride and offset, and each unit's window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, lcm

import numpy as np

from pellucid.inspection.reach.seen import Seen
from pellucid.inspection.reach.terms import FLAT, Grid, Reach, Shape, Table, reduced
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class ReceptiveField:
    """Of the units of one value; all tuples have an entry per axis of the picture: (height, width).

    `size` is in pixels: how much a unit sees in a picture without border (the largest, if units differ).
    `stride` is how far apart the fields of neighbouring units lie on average; a half after upsampling by two.
    `offset` is the middle of the field of the first unit, where pixel i reaches from i to i + 1: the field of
    unit i lies around offset + stride·i. Both are None where the fields lie on no grid.

    `status` says how far this goes:

    - "exact": of every unit.
    - "exact inside": fields near the border see pixels elsewhere too (circular padding, the rolled windows of
      Swin), which the clipped `window` tells.
    - "uneven": units see differently much, each its `window`; the size is the largest.
    - "whole image": every unit sees all of it, and would see all of a larger one.
    - "nothing": the value does not depend on the picture.
    - "data-dependent: OPERATION": what is seen depends on values. The fields are no more than a bound.
    - "unknown: OPERATION": Pellucid has no rule for this use of it. The fields are no more than a bound.

    `dims` are the dimensions of the value along which the position of a unit counts: (2, 3) in feature maps,
    (1,) in tokens, none in vectors. Along the others (channels), fields are united.
    """

    size: tuple[int, ...]
    stride: tuple[float, ...] | None
    offset: tuple[float, ...] | None
    status: str
    dims: tuple[int, ...] = ()
    _shape: tuple[int, ...] = field(default=(), repr=False)
    _axes: tuple[Reach, ...] = field(default=(), repr=False, compare=False)

    def window(self, *position: int, clipped: bool = False) -> tuple[int, ...]:
        """The field of the unit at `position` along `dims`: (top, left, bottom, right), where the field is
        picture[top:bottom, left:right].

        It may reach beyond the picture. `clipped`, it is the hull of the pixels that the unit really sees,
        which is less than what lies within the picture where only padding would have reached. Zeros if the
        unit sees nothing.
        """
        if len(position) != len(self.dims) or not all(
            0 <= at < length for at, length in zip(position, self._shape, strict=True)
        ):
            wanted = " × ".join(map(str, self._shape)) or "no position: all units see the same"
            raise InputError(f"a unit of {wanted} was expected, not {position}")
        rows = slice(2, 4) if clipped else slice(0, 2)
        places = tuple(zip(self.dims, position, strict=True))
        bounds = [_bounds(reach, places, rows) for reach in self._axes]
        if any(high < low for low, high in bounds):
            return (0,) * (2 * len(bounds))
        return (*(int(low) for low, _ in bounds), *(int(high) + 1 for _, high in bounds))


def _bounds(reach: Reach, places: Sequence[tuple[int, int]], rows: slice) -> tuple[float, float]:
    low, high = inf, -inf
    for term in reach:
        index: list[int | slice] = [rows, *[slice(None)] * len(term.grid)]
        for dim, at in places:
            index[dim + 1] = slice(at, at + 1) if term.sizes[dim] > 1 else slice(None)
        first, last = term.table[tuple(index)].reshape(2, -1).max(1)
        low, high = min(low, -first), max(high, last)
    return low, high


def summed_up(seen: Seen, shape: Shape, picture: Shape) -> ReceptiveField:
    """The fields of a value of that shape, in a picture of that shape (N, C, …)."""
    likely = range(2 if len(shape) == len(picture) else 0, len(shape))
    carriers = _carriers(seen, likely)
    dims = _dims(carriers, shape, len(picture))
    lengths = tuple(shape[at] for at in dims)
    others = [at for at in range(len(shape)) if at not in dims]
    axes = seen.changed(lambda term: reduced(term, others)).axes
    if not all(any(np.isfinite(term.table[2:]).any() for term in reach) for reach in axes):
        return ReceptiveField((0,) * len(axes), None, None, "nothing")
    shared = [any({*along} & {*other} for other in carriers if other is not along) for along in carriers]
    lines = list(map(_line, axes, carriers, shared))
    size = tuple(
        _largest(reach, slice(0, 2) if along else slice(2, 4))
        for reach, along in zip(axes, carriers, strict=True)
    )
    regular = [line for line in lines if line is not None]
    if len(regular) < len(lines) and _all_see(axes, picture):
        regular = [(0.0, length / 2) for length in picture[2:]]
        size, carriers = picture[2:], []
    if seen.doubt or len(regular) < len(lines):
        return ReceptiveField(size, None, None, seen.doubt or "uneven", dims, lengths, axes)
    stride, offset = tuple(line[0] for line in regular), tuple(line[1] for line in regular)
    if size == picture[2:] and not any(carriers):
        status = "whole image"
    else:
        outside = any((term.table[2:] > term.table[:2]).any() for reach in axes for term in reach)
        status = "exact inside" if outside else "exact"
    return ReceptiveField(size, stride, offset, status, dims, lengths, axes)


def _all_see(axes: Sequence[Reach], picture: Shape) -> bool:
    """Whether every unit sees the whole picture."""
    for reach, length in zip(axes, picture[2:], strict=True):
        first, last = np.maximum.reduce(np.broadcast_arrays(*(term.table[2:] for term in reach)))
        if first.min() < 0 or last.min() < length - 1:
            return False
    return True


def _carriers(seen: Seen, likely: range) -> list[tuple[int, ...]]:
    """Per axis, the dimensions along which position counts: not those along which channels merely differ, so
    those that no other axis runs along, or else the `likely` ones."""
    varying: list[set[int]] = []
    for reach in seen.axes:
        varying.append({at for term in reach for at, size in enumerate(term.sizes) if size > 1})
        varying[-1].update(at for term in reach for at, rule in enumerate(term.grid) if _goes_on(rule))
    found = []
    for axis, dims in enumerate(varying):
        others = set().union(*(other for at, other in enumerate(varying) if at != axis))
        own = dims - others or dims & {*likely}
        ruled = {at for at in own if any(_goes_on(term.grid[at]) for term in seen.axes[axis])}
        found.append(tuple(sorted(ruled or {at for at in own if _differs(seen.axes[axis], at)})))
    return found


def _differs(reach: Reach, at: int) -> bool:
    """Whether elements along a dimension see different pixels that are there."""
    return any((term.table[2:] != term.table[2:].take([0], at + 1)).any() for term in reach)


def _goes_on(rule: Grid | None) -> bool:
    return rule is not None and rule is not FLAT and rule != FLAT


def _dims(carriers: Sequence[tuple[int, ...]], shape: Shape, picture: int) -> tuple[int, ...]:
    """Where units differ; in a map, also where they could."""
    dims = {at for axis in carriers for at in axis}
    if len(shape) == picture:
        free = [at for at in range(2, picture) if at not in dims]
        dims.update(free[: picture - 2 - len(dims)])
    return tuple(sorted(dims))


def _line(reach: Reach, dims: tuple[int, ...], shared: bool) -> tuple[float, float] | None:
    """(stride, offset) of the fields along one axis; None if they lie on no grid. `shared`: another axis runs
    along the same dimensions, as in tokens."""
    if not dims:
        low, high = _bounds(reach, (), slice(2, 4))
        return 0.0, float(low + high + 1) / 2
    if len(dims) == 1 and not shared:
        return _ruled_line(reach, dims[0])
    if len({term.sizes for term in reach}) > 1:
        return None
    first, last = np.maximum.reduce([term.table[:2] for term in reach]).reshape(2, -1)  # the first negated
    seeing = np.isfinite(first)
    sizes, starts = (first + last)[seeing], np.unique(-first[seeing])
    gaps = np.diff(starts)
    if (sizes != sizes[0]).any() or (gaps.size and (gaps != gaps[0]).any()):
        return None
    return float(gaps[0]) if gaps.size else 0.0, float(last[seeing][0] - first[seeing][0] + 1) / 2


def _ruled_line(reach: Reach, at: int) -> tuple[float, float] | None:
    """The same along one dimension that carries on by a rule; the offset is the mean of one period. Units
    whose fields lie further off than a field is long, as after two maps were put end to end, have no grid.
    """
    rules = [rule for term in reach if (rule := term.regular(at))]
    if len(rules) < len(reach) or any(rule.step != rules[0].step for rule in rules):
        return None
    tables = [term.table[:2] for term in reach]
    joint = tables[0] if len(tables) == 1 else np.maximum.reduce(np.broadcast_arrays(*tables))
    rows = joint.reshape(2, -1)[:, : lcm(*(rule.period for rule in rules))].tolist()
    step = float(rules[0].step)
    fields = [
        ((last - first + 1) / 2 - step * i, last + first + 1)
        for i, (first, last) in enumerate(zip(*rows, strict=True))
        if first > -inf
    ]
    if not fields:
        return None
    middles, lengths = zip(*fields, strict=True)
    offset = sum(middles) / len(middles)
    return (step, offset) if max(abs(middle - offset) for middle in middles) <= max(lengths) else None


def _largest(reach: Reach, rows: slice) -> int:
    """The size of the largest interval. It may begin where one term does and end where another does."""
    tables = [term.table[rows] for term in reach]
    return 1 + int(max(_longest(one, two) for one in tables for two in tables))


def _longest(one: Table, two: Table) -> float:
    """The largest sum of `one`'s −first and `two`'s last over elements that have both."""
    first, last = one[0], two[1]
    if first.shape != last.shape:
        first = first.max(tuple(at for at, size in enumerate(last.shape) if size == 1), keepdims=True)
        last = last.max(tuple(at for at, size in enumerate(first.shape) if size == 1), keepdims=True)
    return float((first + last).max())
