"""Infidelity: Yeh et al. 2019, "On the (in)fidelity and sensitivity of explanations", NeurIPS
(arXiv:1901.09392), definition 2.1.

    INFD = E_I [ (Σ I·Φ − (f(x) − f(x − I)))² ]

with changes I that take squares of the picture to a baseline: what the map says of a square should be what
the score loses with it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.explain.baselines import baseline
from pellucid.explain.target import Settled
from pellucid.explain.trying import AT_ONCE, tried
from pellucid.ops.random import seed_of
from pellucid.types.data_info import Preprocessing


def infidelity(
    model: nn.Module,
    pictures: Tensor,
    maps: Tensor,
    settled: Settled,
    scores: Tensor,
    *,
    samples: int = 40,
    hidden_by: str = "mean",
    seed: int = 0,
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
) -> Tensor:
    """min_β Σ_I (β Σ_{pixels in I} map − fall)² / Σ_I fall², (b,) in [0, 1]; `scores` (b,) are the pictures'.

    Maps of different methods have different units, so each is taken in the best one, β (as in the paper's
    section 2.3): 0 says that it foretells what the score loses, 1 that it says nothing. A map is read as what
    each pixel brings (Φ · I is the map itself), as those of integrated gradients are.
    """
    count, height, width = maps.shape
    squares = _squares(samples, height, width, seed).to(maps.device)
    cover = baseline(pictures, hidden_by, preprocessing, seed)
    rows = torch.arange(count, device=maps.device).repeat(samples)

    def hidden(numbers: Tensor) -> Tensor:
        row, square = rows[numbers], squares[numbers.div(count, rounding_mode="floor")]
        return torch.where(square[:, None], cover[row], pictures[row])

    falls = (scores - tried(model, settled, rows, hidden, batch).view(samples, count)).double()
    said = torch.einsum("shw,bhw->sb", squares.double(), maps.double())
    beta = (said * falls).sum(0) / said.square().sum(0).clamp(min=1e-30)
    left = (beta * said - falls).square().sum(0) / falls.square().sum(0).clamp(min=1e-30)
    return left.float()


def _squares(samples: int, height: int, width: int, seed: int) -> Tensor:
    """(samples, h, w) bool: squares from a tenth to a half of the shorter side, anywhere in the picture."""
    generator = torch.Generator().manual_seed(seed_of(seed))
    short = min(height, width)
    masks = torch.zeros(samples, height, width, dtype=torch.bool)
    for mask in masks:
        side = int(torch.randint(max(1, short // 10), max(2, short // 2 + 1), (), generator=generator))
        y, x = (int(torch.randint(end - side + 1, (), generator=generator)) for end in (height, width))
        mask[y : y + side, x : x + side] = True
    return masks
