"""The points of the plane: where they lie is known, and they are the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.data.opening import open_data
from pellucid.data.planar import CENTRES, DEVIATION, PLANAR, RADIUS, sample
from pellucid.data.settings import DataSettings
from pellucid.types.errors import InputError


@pytest.mark.parametrize("name", PLANAR)
def test_a_sample_is_a_function_of_its_seed(name: str) -> None:
    points, parts = sample(name, 500, seed=3)
    again, _ = sample(name, 500, seed=3)
    other, _ = sample(name, 500, seed=4)
    assert points.dtype == np.float32
    assert np.array_equal(points, again)
    assert not np.array_equal(points, other)
    assert np.abs(points).max() < 3
    assert set(parts.tolist()) == set(range(len(PLANAR[name][1])))


def test_the_eight_gaussians_have_their_moments() -> None:
    points, parts = sample("gaussians8", 40_000)
    for part, centre in enumerate(CENTRES):
        own = points[parts == part]
        assert len(own) == pytest.approx(5000, rel=0.06)
        assert own.mean(0) == pytest.approx(centre, abs=0.01)
        assert own.std(0) == pytest.approx([DEVIATION] * 2, rel=0.05)


def test_rings_lie_where_they_should() -> None:
    points, parts = sample("rings", 20_000)
    radii = np.hypot(*points.T)
    for part in (0, 1):
        expected = (part + 1) * RADIUS / 2
        assert radii[parts == part].mean() == pytest.approx(expected + DEVIATION**2 / 2 / expected, abs=0.01)


def test_moons_cannot_be_parted_by_a_line_but_by_their_circles() -> None:
    points, parts = sample("moons", 4000)
    middle = RADIUS * 0.75 * np.array([[-0.5, -0.25], [0.5, 0.25]])
    for part in (0, 1):
        radii = np.hypot(*(points[parts == part] - middle[part]).T)
        assert np.abs(radii - RADIUS * 0.75).max() < 6 * DEVIATION


def test_opened_by_name_they_are_tables() -> None:
    data = open_data(DataSettings(name="gaussians8"))
    assert data.info.shape == (2,)
    assert data.info.counts == {"train": 8000, "test": 2000}
    assert sum(data.info.class_counts) == 8000


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="swiss-roll"):
        sample("swiss-rol", 10)
    with pytest.raises(InputError, match="at least 1"):
        sample("moons", 0)
    with pytest.raises(InputError, match="leave out"):
        open_data(DataSettings(name="moons", validation=0.1))
