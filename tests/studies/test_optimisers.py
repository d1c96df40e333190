"""Trails are torch's own steps: those of the closed forms, where there are any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, rosen

from pellucid.studies.optimisers import OPTIMISERS, SURFACES, OptimisersStudy, race, surface_of
from pellucid.types.errors import InputError

RAVINE = OptimisersStudy("ravine", rate=0.01, steps=40)


def test_surfaces_are_lowest_where_they_say() -> None:
    for name, surface in SURFACES.items():
        for least in surface.least:

            def height(place: np.ndarray, value=surface.value) -> float:  # type: ignore[no-untyped-def]
                return float(value(*torch.tensor(place)))

            found = minimize(
                height, np.array(least) + 0.05, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}
            )
            np.testing.assert_allclose(found.x, least, atol=2e-4, err_msg=name)
        assert surface.map().min() >= surface.lowest - 1e-9


def test_rosenbrock_is_scipy_s() -> None:
    x, y = torch.randn(2, 20, dtype=torch.float64)
    np.testing.assert_allclose(SURFACES["rosenbrock"].value(x, y), rosen(torch.stack([x, y]).numpy()))


def test_plain_steps_are_powers() -> None:
    """On x²/2 + 50 y² a step multiplies x by 1 − r and y by 1 − 100 r."""
    found = race(RAVINE, "sgd")
    steps = np.arange(41)
    expected = np.stack([-3.5 * 0.99**steps, 1.2 * 0.0**steps], 1)
    np.testing.assert_allclose(found.places, expected, atol=1e-12)
    np.testing.assert_allclose(found.values, expected[:, 0] ** 2 / 2 + 50 * expected[:, 1] ** 2, atol=1e-10)


def test_momentum_nesterov_and_adam_are_their_recurrences() -> None:
    study = replace(RAVINE, rate=0.004)
    slope = np.array([1.0, 100.0])
    for name, ahead in (("momentum", False), ("nesterov", True)):
        place, speed = np.array([-3.5, 1.2]), np.zeros(2)
        for told in race(study, name).places:
            np.testing.assert_allclose(told, place, atol=1e-10)
            gradient = slope * place
            speed = gradient if not speed.any() else 0.9 * speed + gradient
            place = place - 0.004 * (gradient + 0.9 * speed if ahead else speed)
    place, first, second = np.array([-3.5, 1.2]), np.zeros(2), np.zeros(2)
    for step, told in enumerate(race(study, "adam").places, 1):
        np.testing.assert_allclose(told, place, atol=1e-9)
        gradient = slope * place
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        place = place - 0.004 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_one_comes_down_with_the_rate_that_suits(surface: str, optimiser: str) -> None:
    found = race(OptimisersStudy(surface, steps=300), optimiser)
    assert len(found.values) == 301
    assert found.values.min() < 0.6 * found.values[0] or found.values[-1] < found.values[0] - 1


def test_who_leaves_all_bounds_is_told() -> None:
    found = race(replace(RAVINE, rate=0.1), "sgd")
    assert 1 < len(found.values) < 41
    told = replace(RAVINE, rate=0.1, optimiser=("sgd", "adam")).run()
    assert [row[2] for row in told.table.rows] == [len(found.values) - 1, 40]
    assert "The race" in told.page().to_html()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"surface": "rosenbrok"}, "did you mean 'rosenbrock'"),
        ({"optimiser": ("adm",)}, "adam"),
        ({"optimiser": ()}, "one name"),
        ({"steps": 0}, "1 to 5,000"),
        ({"start": (float("nan"), 0.0)}, "finite"),
        ({"rate": -1.0}, "above 0"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(OptimisersStudy(), **settings).run()


def test_an_unknown_surface() -> None:
    with pytest.raises(InputError, match="surface"):
        surface_of("hill")
