"""A small U-Net that says which noise is in a noisy picture, and is told how much there is.

Ho, Jain & Abbeel, "Denoising diffusion probabilistic models", NeurIPS 2020 (arXiv:2006.11239), appendix B:
residual blocks with group norm and SiLU, the step as sines and cosines through two dense layers, added within
each block; the last layers of blocks and network begin at zero. Where we deviate, for pictures of some 28
pixels on a processor: one block at each size, no attention but the convolutions' reach, as published it is
two and at 16 × 16.

b batch · c channels of a picture · w channels at full size, 2w at half and quarter size · e numbers of the
step
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.models.shapes import picture_shape

_GROUPS = 8


def embedded(steps: Tensor, numbers: int) -> Tensor:
    """(b,) steps as (b, numbers): sines and cosines of wavelengths from 2π to 10,000 · 2π."""
    half = numbers // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=steps.device) / max(1, half - 1))
    angles = steps.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


class Block(nn.Module):
    """(b, n, h, w), (b, e) → (b, n', h, w)."""

    def __init__(self, *, inputs: int, outputs: int, told: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(_GROUPS, inputs), nn.GroupNorm(_GROUPS, outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.told = nn.Linear(told, outputs)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        _begin_at_zero(self.conv2)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        maps = self.conv1(F.silu(self.norm1(x))) + self.told(step)[:, :, None, None]
        added: Tensor = self.shortcut(x) + self.conv2(F.silu(self.norm2(maps)))
        return added


class Ddpm(nn.Module):
    """(b, c, h, w), (b,) → (b, c, h, w): the noise in pictures that have gone so many steps."""

    def __init__(self, *, channels: int, width: int) -> None:
        super().__init__()
        told = 4 * width
        sizes = (width, 2 * width, 2 * width)
        block = partial(Block, told=told)
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, told), nn.SiLU(), nn.Linear(told, told), nn.SiLU())
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.down = nn.ModuleList(
            block(inputs=n, outputs=m) for n, m in zip((width, *sizes), sizes, strict=False)
        )
        self.shrink = nn.ModuleList(nn.Conv2d(n, n, 3, stride=2, padding=1) for n in sizes[:-1])
        self.middle = block(inputs=sizes[-1], outputs=sizes[-1])
        self.grow = nn.ModuleList(nn.Conv2d(n, n, 3, padding=1) for n in sizes[:0:-1])
        self.up = nn.ModuleList(
            block(inputs=below + beside, outputs=beside)
            for below, beside in zip((sizes[-1], *sizes[::-1]), sizes[::-1], strict=False)
        )
        self.norm, self.noise = nn.GroupNorm(_GROUPS, width), nn.Conv2d(width, channels, 3, padding=1)
        _begin_at_zero(self.noise)

    def forward(self, x: Tensor, steps: Tensor | None = None) -> Tensor:
        """`steps` are whole numbers from 0; without them, 0 of each picture."""
        steps = x.new_zeros(x.shape[0]) if steps is None else steps
        step = self.time(embedded(steps, self.width).to(x.dtype))
        maps, kept = self.stem(x), list[Tensor]()
        for place, block in enumerate(self.down):
            maps = block(maps if not place else self.shrink[place - 1](maps), step)
            kept.append(maps)
        maps = self.middle(maps, step)
        for place, block in enumerate(self.up):
            beside = kept.pop()
            if place:
                maps = self.grow[place - 1](F.interpolate(maps, beside.shape[2:], mode="nearest"))
            maps = block(torch.cat([maps, beside], 1), step)
        noise: Tensor = self.noise(F.silu(self.norm(maps)))
        return noise


def _begin_at_zero(layer: nn.Conv2d) -> None:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _build(*, inputs: tuple[int, ...], outputs: int, width: int) -> Ddpm:
    """`outputs` says nothing: the noise has the channels of the picture."""
    channels, _, _ = picture_shape(inputs, smallest=8)
    return Ddpm(channels=channels, width=width)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "ddpm": partial(_build, width=64),
    "ddpm-32": partial(_build, width=32),
}
