"""Stored values become what a network expects."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from pellucid.types.data_info import Preprocessing


def normalised(values: Tensor, preprocessing: Preprocessing) -> Tensor:
    """(x · scale − mean) / std in float32, by channel of (b, c, h, w) pictures, feature of (b, n) tables.

    The channels of pictures, stored as RGB, are put into the order of `preprocessing` first. `values` are as
    they are stored, 0…255 for pictures, of any dtype; gradients flow through.
    """
    factor, offset = _affine(preprocessing, values.ndim, values.device)
    ordered = values.flip(1) if preprocessing.channels == "BGR" else values
    return ordered.to(torch.float32, copy=True).mul_(factor).add_(offset)


def shown(inputs: Tensor, preprocessing: Preprocessing) -> Tensor:
    """The inverse of `normalised`, over 255: pictures (b, c, h, w) as they are shown, RGB in [0, 1]."""
    factor, offset = _affine(preprocessing, inputs.ndim, inputs.device)
    values = (inputs.float() - offset) / (255 * factor)
    return values.flip(1) if preprocessing.channels == "BGR" else values


@lru_cache(maxsize=16)
def _affine(preprocessing: Preprocessing, dimensions: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Factor and offset that normalise in one multiplication and addition."""
    with torch.inference_mode(False):  # what is kept serves calls that take gradients, too
        mean, std = (torch.tensor(n, dtype=torch.float64) for n in (preprocessing.mean, preprocessing.std))
        shape = (1, -1, *[1] * (dimensions - 2))
        factor, offset = (
            part.float().view(shape).to(device) for part in (preprocessing.scale / std, -mean / std)
        )
    return factor, offset
