"""Deletion and insertion: Petsiuk, Das & Saenko 2018, "RISE", BMVC (arXiv:1806.07421), section 4.2.

Pixels are taken away in the order of the map, or put into an empty picture; a good map makes the score fall
fast, or rise fast. The area under the curve says how fast.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False)
class Curves:
    """`deletion` and `insertion` (b, steps + 1): the scores when the first 0, 1/steps, … 1 of the pixels are
    gone, or there. `areas` of a curve are its mean height (b,), by trapezoids.
    """

    deletion: Floats
    insertion: Floats

    @staticmethod
    def areas(curve: Floats) -> Floats:
        area: Floats = (curve[:, :-1] + curve[:, 1:]).mean(1) / 2
        return area


def curves(
    model: nn.Module,
    pictures: Tensor,
    maps: Tensor,
    settled: Settled,
    *,
    steps: int = 20,
    deleted_by: str = "mean",
    inserted_into: str = "blurred",
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
) -> Curves:
    """Of `maps` (b, h, w) for `pictures` (b, c, h, w). The baselines (`explain.baselines`) are what takes the
    place of deleted pixels, and what pixels are inserted into.
    """
    count, places = len(pictures), ranks(maps)
    limits = torch.linspace(0, places[0].numel(), steps + 1).round().long().to(places.device)
    rows = torch.arange(count, device=pictures.device).repeat(steps + 1)

    def scores(first: Tensor, later: Tensor) -> Floats:
        """From `later` to `first`, pixel by pixel."""

        def mixed(numbers: Tensor) -> Tensor:
            row, limit = rows[numbers], limits[numbers.div(count, rounding_mode="floor")]
            return torch.where((places[row] < limit.view(-1, 1, 1))[:, None], first[row], later[row])

        found = tried(model, settled, rows, mixed, batch).view(steps + 1, count)
        array: Floats = found.T.double().cpu().numpy()
        return array

    cover, empty = (baseline(pictures, name, preprocessing) for name in (deleted_by, inserted_into))
    return Curves(scores(cover, pictures), scores(pictures, empty))
