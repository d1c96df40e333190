"""Trying altered pictures, many but not too many at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid.explain.looking import scores_of
from pellucid.explain.target import Settled

AT_ONCE = 32
"""Pictures that run together; more is faster on some devices and takes more memory everywhere."""


def tried(
    model: nn.Module,
    settled: Settled,
    rows: Tensor,
    altered: Callable[[Tensor], Tensor],
    batch: int = AT_ONCE,
) -> Tensor:
    """The scores (n,) of n altered pictures, number i a version of picture `rows[i]`. `altered` makes those
    with the numbers it is given, (k,) → (k, c, h, w), when it is their turn.
    """
    scores = [
        scores_of(model, altered(numbers), settled, rows[numbers])
        for numbers in torch.split(torch.arange(len(rows), device=rows.device), batch)
    ]
    return torch.cat(scores)
