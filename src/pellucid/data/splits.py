"""Which samples train and which test, where a set does not say or the user asks for another division."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from pellucid.data.settings import DataSettings
from pellucid.types.errors import InputError

Row = TypeVar("Row")

TEST_SHARE = 0.2  # of a set that comes without a test split
POOL_BELOW = 25  # samples: a share of so many or more is right to within two points after rounding

ALIASES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def divide(
    splits: Mapping[str, Sequence[Row]],
    settings: DataSettings,
    name: Callable[[Row], str],
    stratum: Callable[[Row], Hashable],
    smallest: int = 1,
) -> dict[str, list[Row]]:
    """The splits "test", "train" unless the set is for tests alone, and perhaps "val", from what a set has.

    With `folds`, all samples are dealt out anew. Otherwise a set without "test" is tested on its "val",
    and one without either on a fifth of its training samples. A hash of each sample's `name` decides,
    within each `stratum`; samples of one name stay together. Strata of fewer than `smallest` samples count
    as one: the sets of labels of a multi-label set can be as many as its samples.
    """
    result = {split: list(rows) for split, rows in splits.items()}
    if settings.validation and not settings.folds and "train" not in result:
        raise InputError(
            f"data.validation is {settings.validation:g}, but this set is for tests alone; leave it out"
        )
    if settings.folds:
        pool = [row for rows in result.values() for row in rows]
        chosen = in_fold(
            [name(row) for row in pool], [stratum(row) for row in pool], settings.folds, settings.fold
        )
        result = _separated(pool, chosen, "test")
    elif "test" not in result and "val" in result:
        result["test"] = result.pop("val")
    elif "test" not in result:
        pool = result["train"]
        names, strata = [name(row) for row in pool], [stratum(row) for row in pool]
        result = _separated(pool, held_out(names, strata, TEST_SHARE, "test", smallest), "test")
    if settings.validation and "val" not in result:
        pool = result["train"]
        names, strata = [name(row) for row in pool], [stratum(row) for row in pool]
        result |= _separated(pool, held_out(names, strata, settings.validation, "val", smallest), "val")
    return {split: result[split] for split in ("train", "val", "test") if split in result}


def faults(
    labels: Mapping[str, Sequence[tuple[int, ...]]],
    classes: Sequence[str],
    multilabel: bool,
    settings: DataSettings,
) -> list[str]:
    """What makes divided samples, given by their class numbers, unfit to train a classifier on, or to test
    it where there are none to train on.

    That a rare class is missing from the training samples of one fold is no fault, nor is a rare label.
    """
    empty = [split for split, rows in labels.items() if split != "val" and not rows]
    if empty:
        return [f"no picture is left for {split}; give it more, or another division" for split in empty]
    if multilabel or "train" not in labels:
        return []
    present = {label for row in labels["train"] for label in row}
    if len(present) == 1:
        only = classes[present.pop()]
        return [f"only the class {only!r} has training pictures; two are needed to tell apart"]
    if settings.folds:
        return []
    return [
        f"{split} has {', '.join(repr(classes[label]) for label in unknown[:8])}"
        f"{', …' if len(unknown) > 8 else ''}: a class that train does not have"
        for split, rows in labels.items()
        if (unknown := sorted({label for row in rows for label in row} - present))
    ]


def held_out(
    names: Sequence[str], strata: Sequence[Hashable], share: float, purpose: str, smallest: int = 1
) -> list[bool]:
    """Which samples are held out: of each stratum the `share` whose names have the smallest hashes.

    So when a sample is added, at most one other changes sides. A stratum of two or more names has at least
    one on each side. Strata of fewer than `smallest` names count as one.
    """
    members = _members(names, strata, purpose)
    pooled = [name for group in members if len(group) < smallest for name in group]
    members = [group for group in members if len(group) >= smallest]
    held: set[str] = set()
    for group in (*members, sorted(pooled, key=lambda name: _hash(purpose, name))):
        count = min(max(round(share * len(group)), 1), max(0, len(group) - 1))
        held.update(group[:count])
    return [name in held for name in names]


def in_fold(names: Sequence[str], strata: Sequence[Hashable], folds: int, fold: int) -> list[bool]:
    """Part `fold` of `folds` equal parts (to within one name), each with its share of every stratum."""
    dealt = [name for group in _members(names, strata, "fold") for name in group]
    held = set(dealt[fold::folds])
    return [name in held for name in names]


def _separated(rows: Sequence[Row], chosen: Sequence[bool], split: str) -> dict[str, list[Row]]:
    return {
        "train": [row for row, out in zip(rows, chosen, strict=True) if not out],
        split: [row for row, out in zip(rows, chosen, strict=True) if out],
    }


def _members(names: Sequence[str], strata: Sequence[Hashable], purpose: str) -> list[list[str]]:
    """The names of each stratum in the order of their hashes; one in several is of its first sample's."""
    first: dict[str, Hashable] = {}
    for name, stratum in zip(names, strata, strict=True):
        first.setdefault(name, stratum)
    members: dict[Hashable, list[str]] = {}
    for name, stratum in first.items():
        members.setdefault(stratum, []).append(name)
    return [sorted(group, key=lambda name: _hash(purpose, name)) for group in members.values()]


def _hash(purpose: str, name: str) -> bytes:
    return hashlib.sha256(f"{purpose}/{name}".encode("utf-8", "surrogateescape")).digest()
