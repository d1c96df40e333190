"""RISE: Petsiuk, Das & Saenko 2018, "Randomized input sampling for explanation of black-box models", BMVC
(arXiv:1806.07421).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.explain.baselines import baseline
from pellucid.explain.looking import Options, pictures_alone
from pellucid.explain.target import Target
from pellucid.explain.trying import AT_ONCE, tried
from pellucid.ops.random import seed_of
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap


def rise(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    masks: int = 500,
    cells: int = 7,
    keep: float = 0.5,
    hidden_by: str = "mean",
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
) -> Heatmap:
    """How much higher the score is on average when a pixel is seen: E[f | seen] − E[f], over random masks of
    `cells` × `cells`, each kept with probability `keep`, enlarged and shifted.

    Equation 6 of the paper estimates E[f | seen] alone, and divides by `keep` instead of by how often the
    pixel really was seen: then a network that says the same of everything has a map too, of the masks. The
    order of pixels differs by that noise only. The masks are the same for all pictures.
    """
    if masks < 1 or cells < 1 or not 0 < keep < 1:
        raise InputError(
            f"expected masks and cells from 1 on and keep in (0, 1); got {masks}, {cells} and {keep:g}"
        )
    with pictures_alone(model, inputs, target) as seen:
        pictures = seen.inputs
        count, size = len(pictures), (pictures.shape[2], pictures.shape[3])
        drawn = random_masks(masks, cells, keep, size, seed).to(pictures)
        cover = baseline(pictures, hidden_by, preprocessing, seed)
        rows = torch.arange(count, device=pictures.device).repeat(masks)

        def masked(numbers: Tensor) -> Tensor:
            mask, row = drawn[numbers.div(count, rounding_mode="floor"), None], rows[numbers]
            return cover[row] + mask * (pictures[row] - cover[row])

        scores = tried(model, seen.settled, rows, masked, batch).view(masks, count)
    weights = drawn.float()
    mean = scores.mean(0)
    above = torch.einsum("mb,mhw->bhw", scores - mean, weights) / weights.sum(0).clamp(min=1e-6)
    options: Options = {"masks": masks, "cells": cells, "keep": keep, "hidden_by": hidden_by, "seed": seed}
    return seen.heatmap(above, "rise", options=options, scores={"mean score of masked pictures": mean})


def random_masks(count: int, cells: int, keep: float, size: tuple[int, int], seed: int) -> Tensor:
    """(count, h, w) in [0, 1]: grids of 0 and 1, enlarged beyond the picture and cut at random places."""
    generator = torch.Generator().manual_seed(seed_of(seed))
    cell = [-(-side // cells) for side in size]
    larger = [(cells + 1) * side for side in cell]
    masks = torch.empty(count, *size)
    for place in range(count):
        grid = (torch.rand(1, 1, cells, cells, generator=generator) < keep).float()
        y, x = (int(torch.randint(side, (), generator=generator)) for side in cell)
        wide = F.interpolate(grid, larger, mode="bilinear", align_corners=False)[0, 0]
        masks[place] = wide[y : y + size[0], x : x + size[1]]
    return masks


METHODS = {"rise": rise}
