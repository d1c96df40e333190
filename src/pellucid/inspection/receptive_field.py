"""Theoretical receptive fields: which pixels of its input each unit of a network can see.

A field is what the structure of the network allows, whatever its weights: the hull of all pixels from which
a path leads to the unit, holes of dilated convolutions included. It is followed through every operation of a
trace – skips, branches, reshapes, attention – with tables of what each element sees (`reach`), so that it is
exact for each unit and also at the border.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from pellucid.inspection.reach.field import ReceptiveField, summed_up
from pellucid.inspection.reach.rules import follow
from pellucid.inspection.reach.seen import Seen
from pellucid.inspection.reach.terms import pixels
from pellucid.inspection.trace import Trace, Value
from pellucid.types.errors import InputError

__all__ = ["ReceptiveField", "receptive_fields"]


def receptive_fields(trace: Trace, *, of: Value | None = None) -> Mapping[Value, ReceptiveField]:
    """The field of every value of the run, in the pixels of `of`, which has the shape (N, C, …).

    `of` may be any value, a feature map for instance; by default it is the network's first picture (four
    or more dimensions), or else its first input of three. Raises `InputError` where there is none.
    """
    picture = of if of is not None else _picture(trace)
    if len(picture.shape) < 3:
        raise InputError(f"a value of shape (N, C, …) was expected, not {picture.shape}")
    dims = len(picture.shape)
    nothing = Seen(((),) * (dims - 2))
    seen = {picture: Seen(tuple((pixels(picture.shape, at),) for at in range(2, dims)))}
    for operation in trace.operations:
        for value, found in zip(operation.outputs, follow(operation, seen, nothing), strict=True):
            if found.anything and value is not picture:
                seen[value] = found
    return _Fields(trace, picture, seen, nothing)


def _picture(trace: Trace) -> Value:
    shaped = [value for value in trace.inputs if len(value.shape) >= 3]
    pictures = sorted(shaped, key=lambda value: len(value.shape) == 3)
    if not pictures:
        raise InputError("receptive fields need an input of shape (N, C, …); this network has none")
    return pictures[0]


class _Fields(Mapping[Value, ReceptiveField]):
    """Summed up when asked for: a run has many more values than anyone looks at."""

    def __init__(self, trace: Trace, picture: Value, seen: Mapping[Value, Seen], nothing: Seen) -> None:
        made = [value for operation in trace.operations for value in operation.outputs]
        given = [value for call in trace.calls for value in call.inputs]
        self._values = dict.fromkeys([picture, *given, *made])
        self._seen, self._nothing = seen, nothing
        self._field = cache(lambda one, shape: summed_up(one, shape, picture.shape))

    def __getitem__(self, value: Value) -> ReceptiveField:
        if value not in self._values:
            raise KeyError(value)
        return self._field(self._seen.get(value, self._nothing), value.shape)

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
