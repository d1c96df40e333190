"""A part of each picture, turned, scaled and bent: where every pixel of the new picture is read from.

All of it is one resampling: bilinear for pictures, the nearest pixel for label maps. What lies outside is the
picture mirrored at its edge, with its labels, as in U-Net's overlap tiles. Randomness is a function of each
sample's key, with a stream for each part, as in `augment`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.ops.random import keys as keys_of
from pellucid.ops.random import uniform
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError

_WINDOW, _SCALE, _ROTATE, _ELASTIC, _BALANCE = range(6, 11)  # streams; a saved run depends on these numbers
GRID = 3  # displacements of U-Net's elastic deformation: 3 × 3, in between by bicubic interpolation


@dataclass(frozen=True)
class Warp:
    """How much is varied: see `Augmentation`, whose fields of these names are explained to users."""

    window: int = 0
    balance: float = 0.0
    scale: float = 0.0
    rotate: float = 0.0
    elastic: float = 0.0

    @property
    def on(self) -> bool:
        return self.window > 0 or self.bends

    @property
    def bends(self) -> bool:
        """Whether pixels are interpolated, not only chosen."""
        return self.scale > 0 or self.rotate > 0 or self.elastic > 0


@dataclass(frozen=True)
class Sampling:
    """Where to read (b, height, width, 2) pixel positions x, y from; None for a plain part of the pictures,
    which begins at `corners` (b, 2) int64, row and column, and has `size`.
    """

    corners: Tensor
    size: tuple[int, int]
    places: Tensor | None

    def of(self, sample: int) -> Sampling:
        own = slice(sample, sample + 1)
        return Sampling(self.corners[own], self.size, None if self.places is None else self.places[own])

    def pictures(self, images: Tensor) -> Tensor:
        """(b, c, h, w) uint8 → (b, c, *size) uint8."""
        if self.places is None:
            return self._parts(images)
        return self._read(images, self.places, "bilinear").round_().clamp_(0, 255).to(images.dtype)

    def masks(self, masks: Tensor) -> Tensor:
        """(b, …, h, w) of any type, of labels or bool → (b, …, *size), each pixel one of the old."""
        if self.places is None:
            return self._parts(masks)
        flat = masks.reshape(len(masks), -1, *masks.shape[-2:])
        return self._read(flat, self.places, "nearest").to(masks.dtype).reshape(*masks.shape[:-2], *self.size)

    def _parts(self, values: Tensor) -> Tensor:
        height, width = self.size
        return torch.stack(
            [
                part[..., top : top + height, left : left + width]
                for part, (top, left) in zip(values, self.corners.tolist(), strict=True)
            ]
        )

    @staticmethod
    def _read(values: Tensor, places: Tensor, mode: str) -> Tensor:
        half = places.new_tensor([values.shape[-1] / 2, values.shape[-2] / 2])
        return F.grid_sample(
            values.float(), places / half - 1, mode, padding_mode="reflection", align_corners=False
        )


def draw(warp: Warp, keys: Tensor, extent: tuple[int, int], masks: Tensor | None) -> Sampling:
    """What each of `keys` (b,) does to its picture of `extent`. `masks` (b, h, w) are label maps, for
    `balance`.

    `InputError` for a window larger than the pictures.
    """
    size = (warp.window, warp.window) if warp.window else extent
    if size[0] > extent[0] or size[1] > extent[1]:
        raise InputError(f"augment.window = {warp.window} does not fit pictures of {extent[0]} × {extent[1]}")
    corners = _corners(warp, keys, extent, size, masks)
    return Sampling(corners, size, _places(warp, keys, corners, size) if warp.bends else None)


def _corners(
    warp: Warp, keys: Tensor, extent: tuple[int, int], size: tuple[int, int], masks: Tensor | None
) -> Tensor:
    """(b, 2): anywhere, or, for a part `balance` of the samples, around a pixel of a class drawn from those
    that the picture shows, all alike.
    """
    room = torch.tensor([extent[0] - size[0], extent[1] - size[1]], device=keys.device)
    draws = uniform(keys_of(keys, _WINDOW), 2)
    corners = (draws * (room + 1)).long()
    if not warp.balance or masks is None or not warp.window:
        return corners
    choices = uniform(keys_of(keys, _BALANCE), 3).tolist()
    for sample, (whether, which, where) in enumerate(choices):
        if whether < warp.balance:
            labels = masks[sample]
            shown = torch.unique(labels[labels != VOID])
            if len(shown):
                inside = (labels == shown[int(which * len(shown))]).nonzero()
                pixel = inside[int(where * len(inside))]
                # The window lies so that the pixel is at a random place in it, as far as the edges allow.
                corner = pixel - (draws[sample] * corners.new_tensor(size)).long()
                corners[sample] = torch.minimum(corner.clamp_min(0), room)
    return corners


def _places(warp: Warp, keys: Tensor, corners: Tensor, size: tuple[int, int]) -> Tensor:
    """(b, h, w, 2): x, y of the pixel centres' sources, in pixels from the picture's corner."""
    height, width = size
    device = keys.device
    zoom = torch.exp((2 * uniform(keys_of(keys, _SCALE), 1)[:, 0] - 1) * math.log1p(warp.scale))
    angle = (2 * uniform(keys_of(keys, _ROTATE), 1)[:, 0] - 1) * math.radians(warp.rotate)
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    y, x = torch.meshgrid(
        torch.arange(height, device=device) + 0.5 - height / 2,
        torch.arange(width, device=device) + 0.5 - width / 2,
        indexing="ij",
    )
    turn = torch.stack([cosine, -sine, sine, cosine], dim=1).view(-1, 2, 2)
    places = torch.stack([x, y], dim=-1) @ turn.transpose(1, 2)[:, None]
    if warp.elastic:
        places = places + _bent(warp.elastic, keys, size)
    centre = corners.flip(1) + corners.new_tensor([width, height]) / 2
    return places + centre[:, None, None]


def _bent(deviation: float, keys: Tensor, size: tuple[int, int]) -> Tensor:
    """(b, h, w, 2): smooth displacements in pixels, Gaussian on a coarse grid (U-Net, section 3.1)."""
    draws = uniform(keys_of(keys, _ELASTIC), 4 * GRID * GRID)
    first, second = draws.chunk(2, dim=1)
    # Box and Muller; the draws can be 0, but not 1.
    normal = torch.sqrt(-2 * torch.log1p(-first)) * torch.cos(2 * math.pi * second)
    coarse = (deviation * normal).view(-1, 2, GRID, GRID)
    fine = F.interpolate(coarse, size, mode="bicubic", align_corners=True)
    return fine.permute(0, 2, 3, 1)
