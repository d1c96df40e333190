"""What a tensor sees along all axes, and an operation seen from the rule that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.inspection.arguments import Arguments
from pellucid.inspection.reach import moves, terms
from pellucid.inspection.reach.taps import Taps
from pellucid.inspection.reach.terms import Reach, Shape, Term
from pellucid.inspection.trace import Operation, Value


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """One `Reach` per axis of the picture. With a `doubt` they are no more than a bound."""

    axes: tuple[Reach, ...]
    doubt: str = ""

    @property
    def anything(self) -> bool:
        return any(self.axes)

    def changed(self, change: Callable[[Term], Term]) -> Seen:
        """Every term changed; the same object if none is."""
        axes = tuple(terms.each(reach, change) for reach in self.axes)
        if all(new is old for new, old in zip(axes, self.axes, strict=True)):
            return self
        return Seen(axes, self.doubt)

    def broadcast(self, old: Shape, new: Shape) -> Seen:
        return self if old == new else self.changed(lambda term: moves.broadcast(term, old, new))

    def hull(self, dims: int) -> Seen:
        """What the whole tensor sees, as seen by every element of one with so many `dims`."""
        return Seen(tuple(_hull(reach, dims) for reach in self.axes), self.doubt)

    def doubted(self, doubt: str) -> Seen:
        return Seen(self.axes, self.doubt or doubt) if doubt else self


def _hull(reach: Reach, dims: int) -> Reach:
    def flat(term: Term) -> Term:
        return Term(term.table.reshape(4, -1).max(1).reshape(4, *(1,) * dims), (terms.FLAT,) * dims)

    return terms.union(map(flat, reach))


def united(parts: Sequence[Seen]) -> Seen:
    """What any of the parts sees; they have equally many dimensions."""
    if len(parts) == 1:
        return parts[0]
    axes = tuple(
        terms.union(term for reach in reaches for term in reach)
        for reaches in zip(*(part.axes for part in parts), strict=True)
    )
    return Seen(axes, next((part.doubt for part in parts if part.doubt), ""))


def taken(seen: Seen, along: dict[int, Taps]) -> Seen:
    """Dimensions go through taps."""

    def change(term: Term) -> Term:
        for at, one in along.items():
            term = moves.gathered(term, at, one)
        return term

    return seen.changed(change)


class Applied(Arguments):
    """An operation of the trace, with what its inputs see."""

    def __init__(self, operation: Operation, seen: Mapping[Value, Seen], nothing: Seen) -> None:
        super().__init__(operation)
        self.nothing = nothing
        self._seen = seen

    @property
    def seen(self) -> Seen:
        """What the first tensor sees."""
        return self.of(self.value)

    def of(self, value: Any) -> Seen:
        """What `value` sees; nothing if it is no tensor."""
        return self._seen.get(value, self.nothing) if isinstance(value, Value) else self.nothing

    def everything(self) -> Seen:
        """All that any input sees."""
        dims = len(self.output)
        return united([self.of(value).hull(dims) for value in self.operation.inputs])

    def with_others(self, seen: Seen, handled: Iterable[Value] | None = None) -> Seen:
        """`seen`, and all that the inputs see which are not `handled` (by default the first tensor): weights
        that are computed from the picture."""
        known = [self.value] if handled is None else [*handled]
        others = [value for value in self.operation.inputs if not any(value is one for one in known)]
        hulls = [self.of(value).hull(len(self.output)) for value in others if self.of(value).anything]
        return united([seen, *hulls]) if hulls else seen


Rule = Callable[[Applied], Seen | list[Seen]]
"""What every output of an operation sees, or what each does."""
