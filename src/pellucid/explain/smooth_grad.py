"""Gradients at noisy copies of a picture: their mean, and how much they vary.

SmoothGrad: Smilkov et al. 2017 (arXiv:1706.03825). VarGrad: Adebayo et al. 2018, "Local explanation methods
for deep neural networks lack sensitivity to parameter values" (arXiv:1810.03307).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.explain.gradients import UNSIGNED, Channels, reduced, unsigned
from pellucid.explain.looking import Seen, input_gradients, pictures_alone
from pellucid.explain.target import Target
from pellucid.explain.trying import AT_ONCE
from pellucid.ops.random import seed_of
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap


def smooth_grad(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    samples: int = 25,
    noise: float = 0.15,
    channels: Channels = "largest",
    seed: int = 0,
) -> Heatmap:
    """The mean gradient over `samples` copies with Gaussian noise, whose standard deviation is `noise` of the
    range of the picture's values.
    """
    seen, mean, _ = _moments(model, inputs, target, samples, noise, seed)
    options = {"samples": samples, "noise": noise, "channels": channels, "seed": seed}
    return seen.heatmap(reduced(mean, channels), "smooth-grad", options=options, notes=unsigned(channels))


def var_grad(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
) -> Heatmap:
    """The variance of the gradient over noisy copies, summed over channels."""
    seen, _, variance = _moments(model, inputs, target, samples, noise, seed)
    options = {"samples": samples, "noise": noise, "seed": seed}
    return seen.heatmap(variance.sum(1), "var-grad", options=options, notes=(UNSIGNED,))


def _moments(
    model: nn.Module, inputs: Tensor, target: Target | None, samples: int, noise: float, seed: int
) -> tuple[Seen, Tensor, Tensor]:
    """The gradients' mean and variance over the copies. The noise of a copy depends on the seed and its
    number: it is the same for all pictures.
    """
    if samples < 1 or noise < 0:
        raise InputError(f"expected at least one sample and noise from 0 on; got {samples} and {noise:g}")
    with pictures_alone(model, inputs, target) as seen:
        pictures = seen.inputs
        spread = noise * (pictures.amax((1, 2, 3)) - pictures.amin((1, 2, 3))).float()
        total = torch.zeros_like(pictures, dtype=torch.float32)
        squares = torch.zeros_like(total)
        count = len(pictures)
        places = [(copy, picture) for copy in range(samples) for picture in range(count)]
        for start in range(0, len(places), AT_ONCE):
            chosen = places[start : start + AT_ONCE]
            rows = torch.tensor([picture for _, picture in chosen], device=pictures.device)
            drawn = torch.stack([_normal(pictures[0].shape, seed_of(seed, copy)) for copy, _ in chosen])
            noisy = pictures[rows] + (spread[rows].view(-1, 1, 1, 1) * drawn.to(pictures.device)).to(
                pictures.dtype
            )
            gradient, _ = input_gradients(model, noisy, seen.settled, rows)
            total.index_add_(0, rows, gradient)
            squares.index_add_(0, rows, gradient.square())
    mean = total / samples
    return seen, mean, (squares / samples - mean.square()).clamp_(min=0)


def _normal(shape: torch.Size, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


METHODS = {"smooth-grad": smooth_grad, "var-grad": var_grad}
