"""Pictures on their way to noise and back: noise schedules, the forward process in closed form, and single
steps of two samplers.

Ho, Jain & Abbeel, "Denoising diffusion probabilistic models", NeurIPS 2020 (arXiv:2006.11239). Step t, from 0
to T − 1 here, is the paper's t + 1. ᾱ_t, `kept`, is the part of the picture's variance that is left after it.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

ScheduleName = Literal["linear", "cosine"]


def betas(name: ScheduleName, steps: int) -> Tensor:
    """(T,) float64: the variance of the noise that each step adds, in (0, 1).

    "linear": from 1e-4 to 0.02 over 1,000 steps, and scaled for other numbers of them. "cosine": such that ᾱ
    falls as a squared cosine with an offset of 0.008, at most 0.999 (Nichol & Dhariwal, "Improved denoising
    diffusion probabilistic models", ICML 2021, eq. 17).
    """
    if name == "linear":
        scale = 1000 / steps
        return torch.linspace(scale * 1e-4, scale * 0.02, steps, dtype=torch.float64).clamp_max(0.999)
    at = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    kept = torch.cos((at + 0.008) / 1.008 * math.pi / 2) ** 2
    return (1 - kept[1:] / kept[:-1]).clamp_max(0.999)


def kept(betas: Tensor) -> Tensor:
    """(T,): ᾱ, the product of 1 − β up to each step."""
    return torch.cumprod(1 - betas, 0)


def noised(pictures: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """√ᾱ x₀ + √(1 − ᾱ) ε (eq. 4), with `kept` (b,) the ᾱ of each picture."""
    alpha = kept.to(pictures).view(-1, *[1] * (pictures.ndim - 1))
    return alpha.sqrt() * pictures + (1 - alpha).sqrt() * noise


def cleaned(noisy: Tensor, noise: Tensor, kept: Tensor | float) -> Tensor:
    """The picture that `noised` would have made `noisy` of, if the noise was `noise`."""
    alpha = torch.as_tensor(kept, dtype=noisy.dtype, device=noisy.device)
    return (noisy - (1 - alpha).sqrt() * noise) / alpha.sqrt()


def ddim_step(
    noisy: Tensor, noise: Tensor, now: float, then: float, *, fresh: Tensor | None = None, eta: float = 0.0
) -> tuple[Tensor, Tensor]:
    """From a picture at ᾱ = `now`, whose noise is predicted to be `noise`, to one at ᾱ = `then` > `now`, and
    the clean picture (in [-1, 1]) that is on the way there.

    Song, Meng & Ermon, "Denoising diffusion implicit models", ICLR 2021 (arXiv:2010.02502), eq. 12 and 16:
    with `eta` 0 nothing is drawn, with 1 it is DDPM's step with the variance β̃, from the noise `fresh`.
    """
    clean = cleaned(noisy, noise, now).clamp(-1, 1)
    # The noise that agrees with the clipped picture.
    noise = (noisy - math.sqrt(now) * clean) / math.sqrt(1 - now)
    deviation = eta * math.sqrt((1 - then) / (1 - now) * (1 - now / then))
    towards = math.sqrt(max(0.0, 1 - then - deviation**2)) * noise
    moved = math.sqrt(then) * clean + towards
    return (moved if fresh is None or not eta else moved + deviation * fresh), clean
