"""The search for look-alikes against comparing every pair."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.data import duplicates
from pellucid.data.duplicates import nearly_same, same


def thumbnails(count: int, channels: int, seed: int) -> NDArray[np.uint8]:
    """Random smooth pictures, every fourth a noisy, darker copy of an earlier one."""
    random = np.random.default_rng(seed)
    pictures = np.repeat(np.repeat(random.integers(0, 256, (count, channels, 4, 4)), 4, 2), 4, 3).astype(
        float
    )
    for index in range(4, count, 4):
        noise = random.normal(0, random.uniform(1, 20), pictures[0].shape)
        pictures[index] = 0.6 * pictures[random.integers(index)] + 20 + noise
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)


def every_pair(pictures: NDArray[np.uint8], correlation: float) -> list[tuple[int, int]]:
    flat = pictures.reshape(*pictures.shape[:2], -1).astype(np.float64)
    flat = (flat - flat.mean(2, keepdims=True)).reshape(len(flat), -1)
    units = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(units @ units.T >= correlation, 1))]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("block", [7, 2048])
@pytest.mark.parametrize("correlation", [0.9, 0.97])
def test_no_pair_is_missed_and_none_invented(
    monkeypatch: pytest.MonkeyPatch, channels: int, block: int, correlation: float
) -> None:
    monkeypatch.setattr(duplicates, "_BLOCK", block)
    for seed in range(3):
        pictures = thumbnails(120, channels, seed)
        pictures[10] = 128  # a plain one is like none
        found = nearly_same(pictures, correlation)
        assert found == every_pair(pictures, correlation)
        assert len(found) >= 3


def test_brightness_and_contrast_do_not_hide_a_copy() -> None:
    pictures = thumbnails(3, 3, 0)
    copy = np.rint(pictures[0] * 0.5 + 60).astype(np.uint8)
    assert nearly_same(np.concatenate([pictures, copy[None]])) == [(0, 3)]


def test_all_the_same() -> None:
    assert nearly_same(np.repeat(thumbnails(1, 3, 0), 4, 0)) == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 2),
        (1, 3),
        (2, 3),
    ]


def test_nothing_to_compare() -> None:
    assert nearly_same(np.zeros((0, 3, 16, 16), np.uint8)) == []
    assert nearly_same(thumbnails(1, 3, 0)) == []
    assert nearly_same(np.full((5, 1, 16, 16), 7, np.uint8)) == []


def test_groups_of_equal_keys() -> None:
    assert same([b"x", b"y", b"x", b"z", b"y", b"x"]) == [[0, 2, 5], [1, 4]]
    assert same([1, 2, 3]) == []
