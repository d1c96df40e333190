"""Small random moves of pictures, so that what is optimised is a shape and not one raster of pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Motion:
    """How far pictures are moved: `jitter` as a part of their sides, `scale` as a part of 1, `rotation` in
    degrees; each up to so much in both directions.
    """

    jitter: float = 0.06
    scale: float = 0.1
    rotation: float = 8.0


def moved(pictures: Tensor, motion: Motion, generator: torch.Generator) -> Tensor:
    """Each picture shifted, enlarged or reduced, and turned by its own random amounts, in its own size.

    (b, c, h, w) → the same. What comes in at the edges is the picture mirrored. Pictures are resampled once,
    bilinearly, and gradients flow through.
    """
    draws = torch.rand(4, len(pictures), generator=generator) * 2 - 1
    right, down = draws[:2] * motion.jitter * 2  # a side is 2 long in affine_grid's units
    zoom = 1 + draws[2] * motion.scale
    angle = draws[3] * math.radians(motion.rotation)
    height, width = pictures.shape[-2:]
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = [
        torch.stack([cosine, -sine * height / width, right], 1),
        torch.stack([sine * width / height, cosine, down], 1),
    ]
    matrix = torch.stack(rows, 1).to(pictures)
    places = F.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, places, padding_mode="reflection", align_corners=False)
