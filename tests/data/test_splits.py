"""Divisions: exact shares, and stability when samples are added."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.data.settings import DataSettings
from pellucid.data.splits import POOL_BELOW, divide, held_out, in_fold
from pellucid.types.errors import InputError

NAMES = [f"{index}.png" for index in range(200)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.05, 0.95))
def test_every_stratum_gives_its_share(strata: list[int], share: float) -> None:
    chosen = held_out(NAMES[: len(strata)], strata, share, "test")
    for stratum in set(strata):
        members = [out for out, other in zip(chosen, strata, strict=True) if other == stratum]
        if len(members) == 1:
            assert not members[0]
        else:
            assert 1 <= sum(members) < len(members)
            assert abs(sum(members) - share * len(members)) <= 1


def test_an_added_sample_moves_at_most_one_other() -> None:
    before = held_out(NAMES[:50], [0] * 50, 0.2, "test")
    for extra in NAMES[50:]:
        after = held_out([*NAMES[:50], extra], [0] * 51, 0.2, "test")
        assert sum(a != b for a, b in zip(before, after[:50], strict=True)) <= 1


@pytest.mark.parametrize("labels", [3, 6, 8, 12])
def test_the_share_of_a_multi_label_set_is_right(labels: int) -> None:
    sets = np.random.default_rng(labels).random((2000, labels)) < 0.4
    strata = {f"{index}.png": tuple(np.flatnonzero(row)) for index, row in enumerate(sets)}
    divided = divide({"train": list(strata)}, DataSettings(), str, strata.__getitem__, POOL_BELOW)
    assert abs(len(divided["test"]) / 2000 - 0.2) <= 0.02


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2)), min_size=1, max_size=60), st.integers(2, 5))
def test_samples_of_one_name_stay_together(samples: list[tuple[int, int]], folds: int) -> None:
    names, strata = [str(name) for name, _ in samples], [stratum for _, stratum in samples]
    for chosen in (held_out(names, strata, 0.3, "test"), in_fold(names, strata, folds, 0)):
        sides = set(zip(names, chosen, strict=True))
        assert len(sides) == len(set(names))


@pytest.mark.parametrize("folds", [2, 5, 7])
def test_folds_are_a_partition_of_equal_parts(folds: int) -> None:
    strata = [index % 3 for index in range(100)]
    parts = [in_fold(NAMES[:100], strata, folds, fold) for fold in range(folds)]
    assert all(sum(column) == 1 for column in zip(*parts, strict=True))
    assert max(map(sum, parts)) - min(map(sum, parts)) <= 1
    for stratum in range(3):
        counts = [
            sum(out for out, other in zip(part, strata, strict=True) if other == stratum) for part in parts
        ]
        assert max(counts) - min(counts) <= 1


def sizes(splits: dict[str, list[str]], settings: DataSettings) -> dict[str, int]:
    divided = divide(splits, settings, str, lambda name: 0)
    members = [name for rows in divided.values() for name in rows]
    assert sorted(members) == sorted(name for rows in splits.values() for name in rows)
    return {split: len(rows) for split, rows in divided.items()}


def test_missing_splits_are_made() -> None:
    train = NAMES[:100]
    assert sizes({"train": train}, DataSettings()) == {"train": 80, "test": 20}
    assert sizes({"val": NAMES[100:130], "train": train}, DataSettings()) == {"train": 100, "test": 30}
    assert sizes({"train": train}, DataSettings(validation=0.25)) == {"train": 60, "val": 20, "test": 20}
    own = {"test": NAMES[100:110], "train": train, "val": NAMES[110:130]}
    assert sizes(own, DataSettings(validation=0.5)) == {"train": 100, "val": 20, "test": 10}
    assert sizes(own, DataSettings(folds=13, fold=3)) == {"train": 120, "test": 10}


@pytest.mark.parametrize(
    "field",
    [
        {"size": 0},
        {"smallest_crop": 0},
        {"validation": 1},
        {"folds": 1},
        {"fold": 1},
        {"folds": 3, "fold": 3},
    ],
)
def test_settings_out_of_range(field: dict[str, int]) -> None:
    with pytest.raises(InputError, match=rf"^data\.{list(field)[-1]} must be"):
        DataSettings(**field)
