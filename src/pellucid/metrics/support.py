"""Whether generated samples lie where real ones are, and whether they are everywhere there.

A sample's ball reaches to its k-th nearest neighbour among its own kind. Of these balls tell:

- precision, recall: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative
  models", NeurIPS 2019 (arXiv:1904.06991): the part of the generated samples in some real one's ball, and the
  part of the real ones in some generated one's ball.
- density, coverage: Naeem et al., "Reliable fidelity and diversity metrics for generative models", ICML 2020
  (arXiv:2002.09797): in how many real balls a generated sample lies, divided by k, and the part of the real
  balls that hold a generated sample.

Real samples held against other real ones have a density of 1 and a coverage of 1 − ½ᵏ.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.types.errors import InputError

NEIGHBOURS = 5
_ROWS = 1024  # distances of so many samples to all are in memory at a time


@dataclass(frozen=True)
class Support:
    """All in [0, 1] but density, which is at least 0."""

    precision: float
    recall: float
    density: float
    coverage: float


def support(real: Tensor, fake: Tensor, *, neighbours: int = NEIGHBOURS) -> Support:
    """Of features (n, d) and (m, d), by L2 distance in float32. Raises `InputError` where there are not more
    samples of each than `neighbours`.
    """
    if not 1 <= neighbours < min(len(real), len(fake)):
        raise InputError(
            f"{neighbours} neighbours need more than so many samples of each; got {len(real)} and {len(fake)}"
        )
    real, fake = real.float(), fake.float()
    reach, fake_reach = radii(real, neighbours), radii(fake, neighbours)
    inside = torch.zeros(len(fake), dtype=torch.int64, device=real.device)
    covered, recalled = 0, 0
    for rows, reaches in zip(torch.split(real, _ROWS), torch.split(reach, _ROWS), strict=True):
        distances = _distances(rows, fake)
        within = distances <= reaches[:, None]
        inside += within.sum(0)
        covered += int(within.any(1).sum())
        recalled += int((distances <= fake_reach).any(1).sum())
    return Support(
        precision=float((inside > 0).float().mean()),
        recall=recalled / len(real),
        density=float(inside.double().mean()) / neighbours,
        coverage=covered / len(real),
    )


def radii(samples: Tensor, neighbours: int) -> Tensor:
    """(n,): how far each sample's k-th nearest other one is."""
    return torch.cat(
        [_distances(rows, samples).kthvalue(neighbours + 1).values for rows in torch.split(samples, _ROWS)]
    )


def nearest(samples: Tensor, among: Tensor) -> Tensor:
    """(n,) int64: which of `among` (m, d) is nearest to each of `samples` (n, d)."""
    return torch.cat(
        [_distances(rows.float(), among.float()).argmin(1) for rows in torch.split(samples, _ROWS)]
    )


def _distances(one: Tensor, other: Tensor) -> Tensor:
    """Exactly, not by way of products: a sample is at distance 0 of itself."""
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")
