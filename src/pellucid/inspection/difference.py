"""What differs in the structure of two networks: layers and operations that one has and the other has not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from pellucid.inspection.trace import Trace, Value

Change = Literal["same", "changed", "removed", "added"]


@dataclass(frozen=True)
class Step:
    """One layer or operation in the order of the run: `Conv2d`, its settings as torch prints them, what it
    gives, and from what kinds of step its inputs come.
    """

    address: str
    kind: str
    settings: str
    shapes: tuple[tuple[int, ...], ...]
    sources: tuple[str, ...]

    @property
    def structure(self) -> tuple[str, str, tuple[str, ...], tuple[tuple[int, ...], ...]]:
        """What makes two steps of different networks the same: not their names."""
        return self.kind, self.settings, self.sources, self.shapes


@dataclass(frozen=True)
class Difference:
    """One step of the first network, of the second, or two that stand for each other but differ."""

    change: Change
    first: Step | None
    second: Step | None


def steps_of(trace: Trace) -> list[Step]:
    """Layers without parts, and the operations that modules run themselves, in the order of the run."""
    parents = {call.parent for call in trace.calls}
    steps: list[Step] = []
    maker: dict[int, int] = {}  # which step each operation belongs to
    position: dict[int, int] = {}  # of a layer without parts, by the index of its call
    spoken: Counter[str] = Counter()
    for operation in trace.operations:
        call = trace.calls[operation.call]
        if call.index in position:
            maker[operation.index] = position[call.index]
            continue
        maker[operation.index] = len(steps)
        if call.index in parents or call.depth == 0:
            name = f"{call.address}:{operation.name}"
            address = f"{name}#{spoken[name]}" if spoken[name] else name
            spoken[name] += 1
            kind, settings, given, made = operation.name, "", operation.inputs, operation.outputs
        else:
            position[call.index] = len(steps)
            address, kind, settings = call.address, call.kind, call.module.extra_repr()
            given, made = call.inputs, call.outputs
        shapes = tuple(value.shape for value in made)
        steps.append(Step(address, kind, settings, shapes, _sources(given, steps, maker)))
    return steps


def _sources(values: Sequence[Value], steps: Sequence[Step], maker: dict[int, int]) -> tuple[str, ...]:
    """The kinds of step that gave these values: that a sum takes the block's input is structure too."""
    kinds = []
    for value in values:
        made = None if value.producer is None else maker[value.producer]
        kinds.append(value.origin if made is None or made >= len(steps) else steps[made].kind)
    return tuple(kinds)


def compare_structure(first: Trace, second: Trace) -> list[Difference]:
    """The two runs side by side, in order.

    Steps are matched once by their names and once by what they are; what leaves fewer differences is taken,
    so that neither another naming nor another width hides what the networks share.
    """
    one, other = steps_of(first), steps_of(second)
    by_name = _aligned(one, other, lambda step: (step.address, step.kind))
    by_structure = _aligned(one, other, lambda step: step.structure)
    return min(by_name, by_structure, key=lambda found: sum(each.change != "same" for each in found))


def _aligned(one: Sequence[Step], other: Sequence[Step], key: Callable[[Step], Hashable]) -> list[Difference]:
    """Steps of equal `key` paired in the longest common sequences; between those, steps of one role."""
    return [
        difference
        for pairs, removed, added in _matched(one, other, key)
        for difference in (
            *(Difference("same" if a.structure == b.structure else "changed", a, b) for a, b in pairs),
            *(_paired(removed, added) if removed or added else ()),
        )
    ]


def _matched(
    one: Sequence[Step], other: Sequence[Step], key: Callable[[Step], Hashable]
) -> Iterator[tuple[list[tuple[Step, Step]], Sequence[Step], Sequence[Step]]]:
    """By turns: pairs that match, and what stands on either side between them."""
    matcher = SequenceMatcher(
        None, [key(step) for step in one], [key(step) for step in other], autojunk=False
    )
    for tag, low, high, start, stop in matcher.get_opcodes():
        if tag == "equal":
            yield list(zip(one[low:high], other[start:stop], strict=True)), (), ()
        else:
            yield [], one[low:high], other[start:stop]


def _paired(removed: Sequence[Step], added: Sequence[Step]) -> Iterator[Difference]:
    for pairs, without, new in _matched(removed, added, _role):
        yield from (Difference("changed", a, b) for a, b in pairs)
        yield from (Difference("removed", step, None) for step in without)
        yield from (Difference("added", None, step) for step in new)


def _role(step: Step) -> tuple[str, str]:
    """A step's kind and its name without numbers: what `layer1.0.conv1` is called in any block."""
    return step.kind, re.sub(r"[\d#.]+", "", step.address.rpartition(".")[2])
