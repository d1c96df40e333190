"""Deletion and insertion: Petsiuk, Das & Saenko 2018, "RISE", BMVC (arXiv:1806.07421), section 4.2.

Pixels are taken away in the order of the map, or put into an empty picture; a good map makes the score fall
fast, or rise fast. The area under the curve says how fast.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.explain.baselines import baseline
from pellucid.explain.faithfulness.order import ranks
from pellucid.explain.target import Settled
from pellucid.explain.trying import AT_ONCE, tried
from pellucid.types.data_info import Preprocessing

Floats = NDArray[np.float64]


def deletion_curve(
    model: nn.Module,
    pictures: Tensor,
    maps: Tensor,
    settled: Settled,
    *,
    steps: int = 20,
    hidden_by: str = "mean",
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
) -> Floats:
    """(b, steps + 1): the scores when the first 0, 1/steps, … 1 of the pixels by `maps` (b, h, w) have become
    those of a baseline (`explain.baselines`). Good maps have low curves.
    """
    empty = baseline(pictures, hidden_by, preprocessing)
    return _curve(model, empty, pictures, maps, settled, steps, batch)


def insertion_curve(
    model: nn.Module,
    pictures: Tensor,
    maps: Tensor,
    settled: Settled,
    *,
    steps: int = 20,
    inserted_into: str = "blurred",
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
) -> Floats:
    """(b, steps + 1): the scores when the first pixels have come into a baseline, blurred as in the paper:
    nothing sharp shows where they end. Good maps have high curves.
    """
    empty = baseline(pictures, inserted_into, preprocessing)
    return _curve(model, pictures, empty, maps, settled, steps, batch)


def area(curve: Floats) -> Floats:
    """The mean height of each curve (b,), by trapezoids."""
    mean: Floats = (curve[:, :-1] + curve[:, 1:]).mean(1) / 2
    return mean


def _curve(
    model: nn.Module, first: Tensor, later: Tensor, maps: Tensor, settled: Settled, steps: int, batch: int
) -> Floats:
    """From `later` to `first`, pixel by pixel in the order of the maps."""
    count, places = len(first), ranks(maps)
    limits = torch.linspace(0, places[0].numel(), steps + 1).round().long().to(places.device)
    rows = torch.arange(count, device=first.device).repeat(steps + 1)

    def mixed(numbers: Tensor) -> Tensor:
        row, limit = rows[numbers], limits[numbers.div(count, rounding_mode="floor")]
        return torch.where((places[row] < limit.view(-1, 1, 1))[:, None], first[row], later[row])

    found = tried(model, settled, rows, mixed, batch).view(steps + 1, count)
    array: Floats = found.T.double().cpu().numpy()
    return array
