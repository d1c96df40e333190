"""Kernel inception distance: the squared maximum mean discrepancy of features under a cubic kernel.

Bińkowski et al., "Demystifying MMD GANs", ICLR 2018 (arXiv:1801.01401), §4: k(x, y) = (x·y / d + 1)³, without
bias for any number of samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.ops.random import seed_of
from pellucid.types.errors import InputError


def kernel_distance(one: Tensor, other: Tensor) -> float:
    """The unbiased estimate between features (n, d) and (m, d); in float64. It may be below zero."""
    n, m = len(one), len(other)
    if min(n, m) < 2:
        raise InputError(f"a kernel distance needs two samples or more of each; got {n} and {m}")
    one, other = one.double(), other.double()
    own, theirs, across = _kernel(one, one), _kernel(other, other), _kernel(one, other)
    within = (own.sum() - own.trace()) / (n * (n - 1)) + (theirs.sum() - theirs.trace()) / (m * (m - 1))
    return float(within - 2 * across.mean())


def kernel_distance_of_subsets(
    one: Tensor, other: Tensor, *, size: int = 1000, subsets: int = 100, seed: int = 0
) -> tuple[float, float]:
    """Its mean and standard deviation over random subsets of `size` samples of each; of half of the samples
    where there are no more than that, since all subsets would be one.
    """
    generator = torch.Generator().manual_seed(seed_of(seed))
    least = min(len(one), len(other))
    size = size if size < least else max(least // 2, 2)
    found = torch.tensor(
        [
            kernel_distance(*(x[torch.randperm(len(x), generator=generator)[:size]] for x in (one, other)))
            for _ in range(subsets)
        ],
        dtype=torch.float64,
    )
    return float(found.mean()), float(found.std(correction=0))


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    return (one @ other.T / one.shape[1] + 1) ** 3
