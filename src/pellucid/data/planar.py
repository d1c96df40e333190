"""Points of the plane from known distributions: what mixtures, GANs and flows can be seen to fit or to miss.

`sample` is a pure function of (name, count, seed), and each point knows which part of the distribution it was
drawn from. All lie within [-3, 3]². Opened by name they are tables of two columns, x and y, whose classes are
these parts.

The eight Gaussians are those of Metz et al., "Unrolled generative adversarial networks", ICLR 2017, on a circle
of radius 2, with a deviation of 0.1 where theirs is 0.02, so that a part has a shape that can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.tensors import InMemory, class_counts, fingerprint
from pellucid.ops.random import seed_of
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError, unknown_name

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], tuple[Floats, NDArray[np.int64]]]

DEVIATION = 0.1  # of the noise around the eight centres, and across rings, roll and moons
RADIUS = 2.0  # of the circle of centres, and of the larger ring
CENTRES: Floats = RADIUS * np.stack(
    [np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1
)
"""(8, 2): the middles of the eight Gaussians, counter-clockwise from the right."""
_COUNTS = {"train": 8000, "test": 2000}
_SEED = 0


def sample(name: str, count: int, seed: int = _SEED) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`count` points (count, 2) of the distribution `name`, a key of `PLANAR`, and the part (count,) of each."""
    if name not in PLANAR:
        raise unknown_name("planar distribution", name, PLANAR)
    if count < 1:
        raise InputError(f"{name}: the number of points must be at least 1, got {count}")
    random = np.random.Generator(np.random.Philox(seed_of(seed, list(PLANAR).index(name))))
    points, parts = PLANAR[name][0](random, count)
    return points.astype(np.float32), parts


def _gaussians(random: np.random.Generator, count: int) -> tuple[Floats, NDArray[np.int64]]:
    parts = random.integers(8, size=count)
    return CENTRES[parts] + _noise(random, count), parts


def _rings(random: np.random.Generator, count: int) -> tuple[Floats, NDArray[np.int64]]:
    parts = random.integers(2, size=count)
    angles = random.uniform(0, 2 * np.pi, count)
    radii = (parts + 1) * RADIUS / 2
    return radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1) + _noise(random, count), parts


def _swiss_roll(random: np.random.Generator, count: int) -> tuple[Floats, NDArray[np.int64]]:
    """One and a half turns of a spiral, evenly along its angle."""
    angles = random.uniform(1.5 * np.pi, 4.5 * np.pi, count)
    spiral = angles[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1) / (2 * np.pi)
    return spiral + _noise(random, count) / 2, np.zeros(count, np.int64)


def _moons(random: np.random.Generator, count: int) -> tuple[Floats, NDArray[np.int64]]:
    """Two half circles that reach into one another."""
    parts = random.integers(2, size=count)
    angles = random.uniform(0, np.pi, count)
    upper = np.stack([np.cos(angles) - 0.5, np.sin(angles) - 0.25], 1)
    return RADIUS * 0.75 * np.where(parts[:, None] == 0, upper, -upper) + _noise(random, count), parts


def _noise(random: np.random.Generator, count: int) -> Floats:
    return DEVIATION * random.standard_normal((count, 2))


PLANAR: Mapping[str, tuple[Draw, tuple[str, ...]]] = {
    "gaussians8": (_gaussians, ("E", "NE", "N", "NW", "W", "SW", "S", "SE")),
    "rings": (_rings, ("inner", "outer")),
    "swiss-roll": (_swiss_roll, ("roll",)),
    "moons": (_moons, ("upper", "lower")),
}
"""By name: how points are drawn, and what the parts are called. The order decides the seeds: only append."""


def open_planar(name: str, settings: DataSettings) -> Data:
    """8,000 training and 2,000 test points, values as they are (not standardised), with seed 0."""
    if settings.validation or settings.folds or settings.size or settings.channels:
        raise InputError(
            f"{name} is drawn as it is needed, with the splits it has; leave out validation, folds, size and "
            "channels"
        )
    total = sum(_COUNTS.values())
    points, parts = (torch.from_numpy(each) for each in sample(name, total))
    edge = _COUNTS["train"]
    splits = {"train": InMemory(points[:edge], parts[:edge]), "test": InMemory(points[edge:], parts[edge:])}
    classes = PLANAR[name][1]
    info = DataInfo(
        name=name,
        shape=(2,),
        classes=classes,
        counts=_COUNTS,
        class_counts=class_counts(parts[:edge], len(classes)),
        preprocessing=Preprocessing((0.0, 0.0), (1.0, 1.0), scale=1.0, channels=""),
        fingerprint=fingerprint(points, parts),
    )
    return Data(info, splits)


DATASETS: Mapping[str, Callable[[DataSettings], Data]] = {name: partial(open_planar, name) for name in PLANAR}
