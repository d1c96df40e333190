"""What the up-sampling study measures, where that is known beforehand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pellucid.blocks.upsample import UPSAMPLINGS
from pellucid.studies.upsampling import STUDIED, UpsamplingStudy, contributions, pattern, shares
from pellucid.types.errors import InputError

SMALL = UpsamplingStudy(steps=2, width=6, networks=3)


def test_energy_is_shared_out_exactly() -> None:
    """A mean of 3, stripes of amplitude 2 every 4 pixels, a wave of amplitude 1 every 16."""
    place = torch.arange(16, dtype=torch.float64)
    stripes = 2 * torch.cos(2 * math.pi * place / 4)
    wave = torch.sin(2 * math.pi * place / 16)
    maps = (3 + stripes[:, None] + wave[None, :])[None]
    np.testing.assert_allclose(shares(maps, 4), 256 * np.array([9, 2, 0.5]))
    noise = torch.randn(3, 16, 16, dtype=torch.float64)
    assert shares(noise, 4).sum() == pytest.approx(float(noise.square().sum()))


def test_who_draws_a_checkerboard() -> None:
    found = {name: pattern(SMALL, name) for name in STUDIED}
    for name in ("bilinear", "nearest", "sub-pixel"):
        assert found[name].checkerboard + found[name].other < 1e-9
        assert np.ptp(found[name].response) < 1e-5
    for name in ("transposed-2", "transposed-3", "transposed-4", "sub-pixel-careless"):
        assert found[name].checkerboard > 0.2
        assert found[name].other < 1e-9
        assert np.allclose(found[name].response[4:], found[name].response[:-4], atol=1e-5)
    assert found["unpooling"].other > 10 * found["unpooling"].checkerboard


def test_one_step_is_what_its_weights_add_up_to() -> None:
    """A transposed convolution of side 2 gives for an even input each of its four weights' sums, in turn."""
    found = pattern(replace(SMALL, steps=1, networks=1), "transposed-2")
    corner = found.response[:2, :2]
    assert np.allclose(found.response, np.tile(corner, (4, 4)), atol=1e-6)
    assert np.ptp(corner) > 0


@pytest.mark.parametrize(("name", "expected"), [("transposed-2", (1, 1)), ("transposed-3", (1, 4))])
def test_contributions_are_counted(name: str, expected: tuple[int, int]) -> None:
    assert contributions(UPSAMPLINGS[name]) == expected


def test_even_kernels_of_twice_the_stride_favour_no_pixel() -> None:
    assert contributions(UPSAMPLINGS["transposed-4"]) == (4, 4)
    assert contributions(UPSAMPLINGS["nearest"]) is None


def test_findings_are_a_table_a_picture_and_numbers_and_a_function_of_the_seed() -> None:
    study = replace(SMALL, upsampling=("transposed-2", "nearest"), networks=2)
    state = torch.get_rng_state()
    found, again = study.run(), study.run()
    assert torch.equal(torch.get_rng_state(), state)
    assert found.numbers == again.numbers
    assert found.numbers != replace(study, seed=1).run().numbers
    assert [row[0] for row in found.table.rows] == ["transposed-2", "nearest"]
    assert len(found.figure.panels) == 2
    assert "In a picture" in found.page().to_html()


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"upsampling": ("bilinaer",)}, "bilinear"), ({"upsampling": ()}, "one name"), ({"steps": 9}, "1 to 5")],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(SMALL, **settings).run()
