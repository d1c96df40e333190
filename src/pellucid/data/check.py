"""What is in a data set, and what is wrong with it: said before a day of training shows it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pellucid.data.duplicates import nearly_same, same
from pellucid.data.survey import Survey, survey
from pellucid.types.data_info import LeftOut


@dataclass(frozen=True)
class Report:
    """`counts` has the number of samples by split and class (a table has none), `sizes` ("height × width")
    and `modes` that of pictures. `duplicates` are groups of equal content, `near` pairs that look alike.

    Of these, `leaks` and `near_leaks` reach across splits: what is tested was trained on. `conflicts` are
    duplicates with different labels; `conflict_labels` has these, in the same order. Samples are
    called by their path, or "train[17]". `pixels` has those of label maps by split and class, "" for those
    that are not judged; `counts` then has the pictures in which the class is.
    """

    path: str
    kind: str
    counts: Mapping[str, Mapping[str, int]]
    samples: Mapping[str, int]
    sizes: Mapping[str, int]
    modes: Mapping[str, int]
    unreadable: tuple[LeftOut, ...]
    duplicates: tuple[tuple[str, ...], ...]
    leaks: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    near: tuple[tuple[str, ...], ...]
    near_leaks: tuple[tuple[str, ...], ...]
    faults: tuple[str, ...]
    multilabel: bool
    pixels: Mapping[str, Mapping[str, int]]
    conflict_labels: tuple[tuple[str, ...], ...]

    @property
    def broken(self) -> bool:
        """Whether training on it would stop, leave samples out, or be tested on what it was trained on."""
        return bool(self.unreadable or self.leaks or self.faults)


def check(path: Path, target: str = "") -> Report:
    """Every sample is read. `target` is a table's column to predict. `InputError`: no data set there."""
    seen = survey(path, target)
    groups = same(seen.contents)
    near = _look_alikes(seen, groups)
    conflicts = _differing(groups, seen.labels)
    splits = dict.fromkeys(seen.splits)
    return Report(
        path=str(path),
        kind=seen.kind,
        counts={split: _class_counts(seen, split) for split in splits},
        samples={split: sum(other == split for other in seen.splits) for split in splits},
        sizes=_most_first(seen.sizes),
        modes=_most_first(seen.modes),
        unreadable=seen.unreadable,
        duplicates=_named(seen, groups),
        leaks=_named(seen, _differing(groups, seen.splits)),
        conflicts=_named(seen, conflicts),
        near=_named(seen, near),
        near_leaks=_named(seen, _differing(near, seen.splits)),
        faults=seen.faults,
        multilabel=seen.multilabel,
        pixels={} if seen.pixels is None else {split: _pixels(seen, split) for split in splits},
        conflict_labels=tuple(
            tuple("|".join(seen.classes[label] for label in seen.labels[member]) for member in group)
            for group in conflicts
        ),
    )


def _look_alikes(seen: Survey, groups: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Pairs that are nearly the same; the first stands for all of a group of duplicates."""
    if seen.thumbnails is None:
        return []
    repeated = {member for group in groups for member in group[1:]}
    distinct = [position for position in range(len(seen.names)) if position not in repeated]
    return [(distinct[i], distinct[j]) for i, j in nearly_same(seen.thumbnails[distinct])]


def _class_counts(seen: Survey, split: str) -> dict[str, int]:
    counts = [0] * len(seen.classes)
    for other, labels in zip(seen.splits, seen.labels, strict=True):
        if other == split:
            for label in labels:
                counts[label] += 1
    return dict(zip(seen.classes, counts, strict=True))


def _pixels(seen: Survey, split: str) -> dict[str, int]:
    if seen.pixels is None:
        return {}
    own = [other == split for other in seen.splits]
    return dict(zip((*seen.classes, ""), seen.pixels[own].sum(axis=0).tolist(), strict=True))


def _differing(groups: Sequence[Sequence[int]], values: Sequence[Hashable]) -> list[Sequence[int]]:
    return [group for group in groups if len({values[member] for member in group}) > 1]


def _named(seen: Survey, groups: Sequence[Sequence[int]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(seen.names[member] for member in group) for group in groups)


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))
