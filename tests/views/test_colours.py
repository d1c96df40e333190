from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pellucid.types.errors import InputError
from pellucid.views import colours
from pellucid.views.colours import COLOURS, MISSING, SERIES, STEPS, ColourScale

# Machado, Oliveira & Fernandes, "A physiologically-based model for simulation of color vision deficiency"
# (2009), severity 1.0, on linear RGB.
DEFICIENCIES = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
    "none": np.eye(3).tolist(),
}


def _lab(srgb: np.ndarray, deficiency: str = "none") -> np.ndarray:
    """CIELAB (D65) of colours in [0, 1] as a person with that deficiency sees them; no OKLab in it."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(DEFICIENCIES[deficiency]).T, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("theme", [0, 1])
def test_series_stay_apart_for_every_eye(theme: int, deficiency: str) -> None:
    seen = {name: _lab(np.array(colours.rgb(COLOURS[name][theme])) / 255, deficiency) for name in SERIES}
    nearest = min(
        (float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in itertools.combinations(SERIES, 2)
    )
    assert nearest[0] > 10, nearest  # CIE76; 2.3 is a just noticeable difference


@pytest.mark.parametrize("theme", [0, 1])
def test_series_are_readable_on_the_page(theme: int) -> None:
    for name in (*SERIES, "ink", "muted", "good", "bad"):
        levels = [_relative_luminance(COLOURS[each][theme]) + 0.05 for each in (name, "page")]
        assert max(levels) / min(levels) > 3, name


def _relative_luminance(colour: str) -> float:
    srgb = np.array(colours.rgb(colour)) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("name", ["blue", "orange"])
def test_words_on_shades_are_readable(name: str) -> None:
    for shade in np.linspace(0, 1, 21):
        ink = colours.ink_on(name, round(float(shade), 2))
        assert colours.readability(ink, name, float(shade)) > 3


def test_unsigned_scale_grows_evenly_lighter() -> None:
    lightness = _lab(colours.palette("unsigned") / 255)[:, 0]
    steps = np.diff(lightness[::16])
    assert (steps > 0).all()
    assert steps.max() < 2 * steps.min()


def test_signed_scale_is_neutral_in_the_middle_and_symmetric() -> None:
    lab = _lab(colours.palette("signed") / 255)
    middle = STEPS // 2
    assert np.abs(lab[middle, 1:]).max() < 3
    assert lab[middle, 0] > 95
    np.testing.assert_allclose(lab[:middle, 0], lab[:middle:-1, 0], atol=8)
    assert (np.diff(lab[: middle + 1, 0]) > -0.6).all()  # rounding to 8 bits aside, it never turns back


@settings(deadline=None, max_examples=40)
@given(arrays.arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6)))
def test_scales_hold_what_they_were_made_for(values: np.ndarray) -> None:
    for scale in (colours.signed(values), colours.unsigned(values), colours.fitting(values)):
        assert scale.low <= values.min() or scale.kind == "unsigned"
        assert scale.high >= values.max()
        index = scale.indices(values).astype(int)
        order = np.argsort(values, axis=None)
        assert (np.diff(index.ravel()[order]) >= 0).all()
    zero = colours.signed(values).indices(np.zeros(1))
    assert zero == STEPS // 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-44, 1e-37, 1e30])
def test_numbers_of_any_size_have_colours(size: float, dtype: type) -> None:
    values = (np.array([-1.0, 0.0, 1.0]) * size).astype(dtype)
    if values.any():
        assert colours.signed(values).indices(values).tolist() == [0, STEPS // 2, STEPS - 1]


def test_scale_without_extent_shows_no_evidence_rather_than_noise() -> None:
    assert (colours.signed(np.zeros((2, 2))).indices(np.zeros((2, 2))) == STEPS // 2).all()
    assert (colours.unsigned(np.full((2, 2), 7.0)).indices(np.full((2, 2), 7.0)) == 0).all()


def test_not_finite_values_are_transparent_and_do_not_set_the_scale() -> None:
    values = np.array([np.nan, np.inf, 2.0, -1.0])
    scale = colours.signed(values)
    assert (scale.low, scale.high) == (-2, 2)
    assert scale.indices(values).tolist()[:2] == [MISSING, MISSING]
    assert scale.rgba(values)[:, 3].tolist() == [0, 0, 255, 255]
    assert colours.signed([np.nan]).high == 0


def test_joined_scale_holds_all() -> None:
    scale = colours.joined([colours.signed([-1.0]), colours.unsigned([0.0, 3.0])])
    assert (scale.kind, scale.low, scale.high) == ("signed", -3, 3)


def test_unknown_colour_offers_the_closest() -> None:
    with pytest.raises(InputError, match="orange"):
        colours.check_colour("orang")
    with pytest.raises(ValueError, match="symmetric"):
        ColourScale("signed", 0, 1)
