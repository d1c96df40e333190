"""ROAD, remove and debias: Rong et al. 2022, "A consistent and efficient evaluation strategy for attribution
methods", ICML (arXiv:2202.00449).

Blackened pixels draw an outline that a network can read. So pixels that are taken away become the mean of
their neighbours, those that are gone too included, which is a linear system; and a little noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, identity
from scipy.sparse.linalg import splu
from torch import Tensor, nn

from pellucid.explain.faithfulness.order import ranks
from pellucid.explain.target import Settled
from pellucid.explain.trying import AT_ONCE, tried
from pellucid.ops.random import seed_of

NEIGHBOURS = {
    (y, x): 1 / 12 if y and x else 1 / 6 for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)
}
"""What the direct and the diagonal neighbours weigh (the paper's appendix)."""

SHARES = (0.2, 0.4, 0.6, 0.8)


def imputed(picture: Tensor, gone: NDArray[np.bool_], noise: float, seed: int) -> Tensor:
    """`picture` (c, h, w) with the pixels of `gone` (h, w) made of their neighbours, and Gaussian noise of
    `noise` of each channel's standard deviation.
    """
    if not gone.any():
        return picture
    height, width = gone.shape
    number = np.full((height, width), -1)
    number[gone] = np.arange(gone.sum())
    y, x = np.nonzero(gone)
    values = picture.detach().double().cpu().numpy()
    weights, known = np.zeros(len(y)), np.zeros((len(y), len(values)))
    rows, columns, entries = [], [], []
    for (down, right), weight in NEIGHBOURS.items():
        there = (y + down >= 0) & (y + down < height) & (x + right >= 0) & (x + right < width)
        at = np.nonzero(there)[0]
        neighbour = (y[at] + down, x[at] + right)
        weights[at] += weight
        missing = number[neighbour]
        known[at] += weight * values[:, neighbour[0], neighbour[1]].T * (missing < 0)[:, None]
        rows.append(at[missing >= 0])
        columns.append(missing[missing >= 0])
        entries.append(np.full((missing >= 0).sum(), weight))
    places = (np.concatenate(rows), np.concatenate(columns))
    between = coo_matrix((np.concatenate(entries) / weights[places[0]], places), shape=(len(y), len(y)))
    # A grain of the picture's mean keeps the system regular where nothing is left of the picture.
    system = (identity(len(y)) * (1 + 1e-6) - between).tocsc()
    mean = values.mean((1, 2))
    solved = splu(system, permc_spec="MMD_AT_PLUS_A").solve(known / weights[:, None] + 1e-6 * mean)
    drawn = np.random.default_rng(seed).normal(size=solved.shape) * noise * values.std((1, 2))
    values[:, y, x] = (solved + drawn).T
    return torch.from_numpy(values).to(picture)


def road(
    model: nn.Module,
    pictures: Tensor,
    maps: Tensor,
    settled: Settled,
    *,
    shares: Sequence[float] = SHARES,
    noise: float = 0.01,
    seed: int = 0,
    batch: int = AT_ONCE,
) -> tuple[Tensor, Tensor]:
    """Mean scores (b,) when `shares` of the pixels are taken away: the most relevant first, which a good map
    makes small, and the least relevant first, which it makes large.
    """
    places, total = ranks(maps), maps[0].numel()
    rows = torch.arange(len(pictures), device=pictures.device).repeat(len(shares))
    found = []
    for most in (True, False):

        def without(numbers: Tensor, most: bool = most) -> Tensor:
            made = []
            for number in numbers.tolist():
                step, row = divmod(number, len(pictures))
                limit = round(shares[step] * total)
                gone = places[row] < limit if most else places[row] >= total - limit
                made.append(imputed(pictures[row], gone.cpu().numpy(), noise, seed_of(seed, step)))
            return torch.stack(made)

        found.append(tried(model, settled, rows, without, batch).view(len(shares), -1).mean(0))
    return found[0], found[1]
