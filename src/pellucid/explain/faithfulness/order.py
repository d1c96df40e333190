"""The pixels of pictures by how much a map makes of them, and pictures without some of them."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.explain.maps import resized
from pellucid.types.heatmap import Heatmap


def at_pixels(heatmap: Heatmap) -> Tensor:
    """The map (b, h, w) float32 at each pixel of the picture."""
    return resized(heatmap.values.float(), heatmap.size)


def ranks(maps: Tensor) -> Tensor:
    """(b, h, w) → the place of each pixel among those of its picture, 0 for the greatest, int64.

    Equal values come in a random but fixed order: in reading order, a map without evidence would take the
    picture away from the top and pass for one that found something.
    """
    flat = maps.flatten(1)
    mixed = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(0)).to(flat.device)
    order = mixed[flat[:, mixed].sort(dim=1, descending=True, stable=True).indices]
    places = torch.empty_like(order)
    places.scatter_(1, order, torch.arange(flat.shape[1], device=flat.device).expand_as(order))
    return places.reshape(maps.shape)


def random_maps(maps: Tensor, seed: int) -> Tensor:
    """Maps (b, h, w) that know nothing: noise on a grid of 7 × 7, enlarged, so that it is as smooth as what
    convolutions give.
    """
    count, height, width = maps.shape
    noise = torch.rand(1, 7, 7, generator=torch.Generator().manual_seed(seed)).expand(count, -1, -1)
    return resized(noise, (height, width)).to(maps.device)
