"""What autoencoders minimise beside the error of their pictures, as pure functions, and how pictures are
spoiled.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.ops.random import keys, uniform

_UNIT = 1 / (1 << 24)  # between two numbers of `uniform`


def normal(key: Tensor, count: int) -> Tensor:
    """`count` float32 standard normal numbers for every key: (…,) int64 → (…, count). Box & Muller, 1958."""
    pairs = -(-count // 2)
    draws = uniform(key, 2 * pairs)
    radius = (-2 * (1 - draws[..., :pairs]).clamp_min(_UNIT).log()).sqrt()  # 1 − u is in (0, 1]
    angle = 2 * math.pi * draws[..., pairs:]
    return torch.cat([radius * angle.cos(), radius * angle.sin()], -1)[..., :count]


def with_gaussian_noise(pictures: Tensor, key: Tensor, deviation: float) -> Tensor:
    """(b, c, h, w) plus noise of that standard deviation, a function of each one's key (b,); not clipped."""
    noise = normal(key.to(pictures.device), pictures[0].numel())
    return pictures + deviation * noise.view_as(pictures)


def masked(pictures: Tensor, key: Tensor, share: float) -> Tensor:
    """(b, c, h, w) with each pixel set to 0 with probability `share`, a function of each one's key (b,).

    Vincent et al., "Extracting and composing robust features with denoising autoencoders", ICML 2008, §2.3.
    """
    height, width = pictures.shape[-2:]
    kept = uniform(keys(key.to(pictures.device), 1), height * width) >= share
    return pictures * kept.view(len(pictures), 1, height, width)


def binary_cross_entropy_nats(logits: Tensor, pictures: Tensor) -> Tensor:
    """(b,): −Σ x log σ(z) + (1 − x) log (1 − σ(z)) over all numbers of a picture, x in [0, 1]."""
    return F.binary_cross_entropy_with_logits(logits, pictures, reduction="none").flatten(1).sum(1)


def squared_error(values: Tensor, pictures: Tensor) -> Tensor:
    """(b,): Σ (x̂ − x)² over all numbers of a picture: −log of a normal density with variance ½, but for a
    constant.
    """
    return (values - pictures).square().flatten(1).sum(1)


def kl_from_standard_normal(means: Tensor, log_variances: Tensor) -> Tensor:
    """(b, k): KL(N(μ, σ²) ‖ N(0, 1)) = (μ² + σ² − log σ² − 1) / 2 of each number of the code, in nats.

    Kingma & Welling, "Auto-encoding variational Bayes", ICLR 2014, appendix B.
    """
    return (means.square() + log_variances.exp() - log_variances - 1) / 2


def kl_of_rates(activity: Tensor, rate: float) -> Tensor:
    """(k,): KL between coins of the asked `rate` and the units' measured mean `activity` (k,), both in (0,
    1).

    Ng, "Sparse autoencoder", CS294A lecture notes, 2011.
    """
    activity = activity.clamp(1e-6, 1 - 1e-6)
    asked = activity.new_tensor(rate)
    return asked * (asked / activity).log() + (1 - asked) * ((1 - asked) / (1 - activity)).log()


def sigmoid_contraction(code: Tensor, weight: Tensor) -> Tensor:
    """(b,): ‖∂h/∂x‖², the squared Frobenius norm of the Jacobian of h = σ(W x + b), from the code h (b, k)
    and W (k, f): Σ_j (h_j (1 − h_j))² Σ_i W_ji².

    Rifai et al., "Contractive auto-encoders: explicit invariance during feature extraction", ICML 2011, §3.
    """
    return (code * (1 - code)).square() @ weight.square().sum(1)
