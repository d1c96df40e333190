"""Fréchet inception distance, of any features: how far two normal distributions fitted to them are apart.

Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NIPS 2017
(arXiv:1706.08500), eq. 6. It means nothing without the name of the network whose features these are, and is
biased upwards where samples are few.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.types.errors import InputError


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) of features (n, d) and (m, d), with n − 1 and m − 1 in the
    covariances; in float64. Raises `InputError` for fewer than two samples.

    The trace of the root is the sum of the singular values of Σ₁^½ Σ₂^½, which needs no root of a matrix that
    is not symmetric.
    """
    if min(len(one), len(other)) < 2:
        raise InputError(
            f"a Fréchet distance needs two samples or more of each; got {len(one)} and {len(other)}"
        )
    one, other = one.double(), other.double()
    apart = (one.mean(0) - other.mean(0)).square().sum()
    first, second = _covariance(one), _covariance(other)
    common = torch.linalg.svdvals(_root(first) @ _root(second)).sum()
    return max(0.0, float(apart + first.trace() + second.trace() - 2 * common))


def _covariance(features: Tensor) -> Tensor:
    centred = features - features.mean(0)
    covariance: Tensor = centred.T @ centred / (len(features) - 1)
    return covariance


def _root(matrix: Tensor) -> Tensor:
    """The root of a symmetric matrix without negative eigenvalues, but for rounding."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root
