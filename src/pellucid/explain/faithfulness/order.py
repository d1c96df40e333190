"""The pixels of pictures by how much a map makes of them, and pictures without some of them."""

from __future__ import annotations

from dataclasses import replace

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


def random_map(heatmap: Heatmap, seed: int) -> Heatmap:
    """A map that knows nothing, of the grain of `heatmap`: noise on the same grid, the same for all pictures.

    The grain has to be the same, since it counts by itself: what is put into a blurred picture in single
    pixels looks like noise to a network, and what is put in as patches like something seen.
    """
    count, height, width = heatmap.values.shape
    noise = torch.rand(1, height, width, generator=torch.Generator().manual_seed(seed))
    values = noise.expand(count, -1, -1).to(heatmap.values.device)
    return replace(heatmap, values=values, method=f"random, {height} × {width}", scores={}, notes=())
