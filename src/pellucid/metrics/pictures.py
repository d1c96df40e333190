"""How like two pictures are: peak signal-to-noise ratio and structural similarity."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.types.errors import InputError

WINDOW = 11  # pixels of SSIM's Gaussian window, of standard deviation 1.5
_LEAST = 1e-12  # squared error of pictures that are equal: 120 dB


def mean_squared_error(pictures: Tensor, others: Tensor) -> Tensor:
    """(b,) from (b, c, h, w) in [0, 1] twice."""
    if pictures.shape != others.shape or pictures.ndim != 4:
        raise InputError(
            f"two batches (b, c, h, w) of one shape are compared; got {tuple(pictures.shape)} and "
            f"{tuple(others.shape)}"
        )
    return (pictures - others).double().square().flatten(1).mean(1)


def psnr(pictures: Tensor, others: Tensor) -> Tensor:
    """(b,) in dB: 10 · log10(1 / mean squared error) of pictures (b, c, h, w) in [0, 1]; 120 where equal."""
    return -10 * mean_squared_error(pictures, others).clamp_min(_LEAST).log10()


def ssim(pictures: Tensor, others: Tensor) -> Tensor:
    """(b,) in [-1, 1]: the mean over places and channels of pictures (b, c, h, w) in [0, 1], at least
    `WINDOW` pixels a side.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 2004: a
    Gaussian window of 11 × 11, K1 = 0.01, K2 = 0.03; only places where the window is inside count.
    """
    mean_squared_error(pictures, others)
    if min(pictures.shape[-2:]) < WINDOW:
        raise InputError(
            f"SSIM looks at {WINDOW} × {WINDOW} pixels at a time; these pictures have "
            f"{pictures.shape[-2]} × {pictures.shape[-1]}"
        )
    x, y = pictures.double().flatten(0, 1)[:, None], others.double().flatten(0, 1)[:, None]
    means = [_blurred(each) for each in (x, y, x * x, y * y, x * y)]
    mx, my, xx, yy, xy = means
    c1, c2 = 0.01**2, 0.03**2
    likeness = ((2 * mx * my + c1) * (2 * (xy - mx * my) + c2)) / (
        (mx * mx + my * my + c1) * (xx - mx * mx + yy - my * my + c2)
    )
    return likeness.flatten(1).mean(1).view(pictures.shape[:2]).mean(1)


def _blurred(x: Tensor) -> Tensor:
    """(n, 1, h, w) → (n, 1, h − 10, w − 10), by rows and then by columns."""
    window = _window().to(x.device)
    return F.conv2d(F.conv2d(x, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))


@lru_cache(maxsize=1)
def _window() -> Tensor:
    at = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.tensor(
        [math.exp(-(float(place) ** 2) / (2 * 1.5**2)) for place in at], dtype=torch.float64
    )
    return weights / weights.sum()
