"""What samples are judged by sees them as they would be stored, and brings them to its size without
aliasing.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from pellucid.metrics.frechet import frechet_distance
from pellucid.tasks.judges import as_expected, pixels, plain_pixels, resized
from pellucid.types.data_info import Preprocessing

STORED = Preprocessing((0.5,), (0.5,), channels="L", size=(64, 64))


def pictures(count: int, side: int = 64, seed: int = 0) -> torch.Tensor:
    """(count, 1, side, side) in [0, 1], with detail down to single pixels."""
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(seed))


def naive(samples: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return F.interpolate(samples, size, mode="bilinear", align_corners=False)


@pytest.mark.parametrize("size", [(16, 16), (29, 32), (100, 80)])
def test_pictures_are_resized_as_pillow_does(size):
    """Pillow's filter is antialiased; torch's bilinear one alone is something else, where pictures shrink."""
    given = pictures(1)
    theirs = Image.fromarray(given[0, 0].numpy()).resize(size[::-1], Image.Resampling.BILINEAR)
    np.testing.assert_allclose(resized(given, size)[0, 0].numpy(), np.asarray(theirs), atol=1e-5)
    if size < (64, 64):
        assert float((naive(given, size)[0, 0] - torch.from_numpy(np.array(theirs))).abs().max()) > 0.1


def test_a_score_knows_aliased_pictures_from_antialiased_ones():
    """The same pictures made small both ways are far from one another, in pixels: which way is taken decides
    the score.
    """
    judge = plain_pixels(STORED)
    given = 2 * pictures(300) - 1
    aliased = naive(pixels(given, STORED), (16, 16)).flatten(1)
    again = judge.features(2 * pictures(300, seed=1) - 1)
    same, other = (frechet_distance(again, each) for each in (judge.features(given), aliased))
    assert other > 5 * same


def test_a_judge_sees_pictures_as_it_was_trained():
    """Size, channels and normalisation are the judge's; a stored value is a whole number of 255ths."""
    colour = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.4), size=(32, 32))
    seen = as_expected(pixels(torch.full((2, 1, 64, 64), 0.2), STORED), colour)
    assert seen.shape == (2, 3, 32, 32)
    stored = round(255 * 0.6) / 255
    for channel, (mean, std) in enumerate(zip(colour.mean, colour.std, strict=True)):
        assert float(seen[0, channel, 5, 5]) == pytest.approx((stored - mean) / std, abs=1e-5)
