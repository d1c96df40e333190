"""Which samples train and which test, where a set does not say or the user asks for another division."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from pellucid.data.settings import DataSettings

Row = TypeVar("Row")

TEST_SHARE = 0.2  # of a set that comes without a test split

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
) -> dict[str, list[Row]]:
    """The splits "train", "test" and perhaps "val", from what a set has.

    With `folds`, all samples are dealt out anew. Otherwise a set without "test" is tested on its "val",
    and one without either on a fifth of its training samples. A hash of each sample's `name` decides,
    within each `stratum`.
    """
    result = {split: list(rows) for split, rows in splits.items()}
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
        chosen = held_out([name(row) for row in pool], [stratum(row) for row in pool], TEST_SHARE, "test")
        result = _separated(pool, chosen, "test")
    if settings.validation and "val" not in result:
        pool = result["train"]
        chosen = held_out(
            [name(row) for row in pool], [stratum(row) for row in pool], settings.validation, "val"
        )
        result |= _separated(pool, chosen, "val")
    return {split: result[split] for split in ("train", "val", "test") if split in result}


def held_out(names: Sequence[str], strata: Sequence[Hashable], share: float, purpose: str) -> list[bool]:
    """Which samples are held out: of each stratum the `share` whose names have the smallest hashes.

    So when a sample is added, at most one other changes sides. A stratum of two or more has at least one
    on each side.
    """
    numbers = [_hash(purpose, name) for name in names]
    chosen = [False] * len(names)
    for members in _members(strata).values():
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        for member in sorted(members, key=numbers.__getitem__)[:count]:
            chosen[member] = True
    return chosen


def in_fold(names: Sequence[str], strata: Sequence[Hashable], folds: int, fold: int) -> list[bool]:
    """Part `fold` of `folds` equal parts (to within one sample), each with its share of every stratum."""
    numbers = [_hash("fold", name) for name in names]
    dealt = [
        member for members in _members(strata).values() for member in sorted(members, key=numbers.__getitem__)
    ]
    chosen = [False] * len(names)
    for member in dealt[fold::folds]:
        chosen[member] = True
    return chosen


def _separated(rows: Sequence[Row], chosen: Sequence[bool], split: str) -> dict[str, list[Row]]:
    return {
        "train": [row for row, out in zip(rows, chosen, strict=True) if not out],
        split: [row for row, out in zip(rows, chosen, strict=True) if out],
    }


def _members(strata: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    members: dict[Hashable, list[int]] = {}
    for index, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(index)
    return members


def _hash(purpose: str, name: str) -> bytes:
    return hashlib.sha256(f"{purpose}/{name}".encode("utf-8", "surrogateescape")).digest()
