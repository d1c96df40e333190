"""Pictures that are in a set more than once: the same bytes, or nearly the same picture.

Nearly the same means that two thumbnails, freed of brightness and contrast, correlate at `NEAR` or more:
a copy saved again, resized, brightened or slightly cropped. The search is exact: no pair is missed and
none is counted that is not.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

NEAR = 0.97
SIDE = 16  # of a thumbnail
_PROJECTED = 24  # dimensions that pairs are first compared in
_ITERATIONS = 5
_BLOCK = 2048
_SAMPLED = 10_000  # thumbnails that the components are found from


def same(keys: Sequence[Hashable]) -> list[list[int]]:
    """Groups of two or more positions with equal keys, in order of their first."""
    groups: dict[Hashable, list[int]] = {}
    for position, key in enumerate(keys):
        groups.setdefault(key, []).append(position)
    return [group for group in groups.values() if len(group) > 1]


def nearly_same(thumbnails: NDArray[np.uint8], correlation: float = NEAR) -> list[tuple[int, int]]:
    """Pairs i < j of thumbnails (n, c, h, w) that correlate at `correlation` or more; none is plain.

    Correlation r of two unit vectors is a distance of √(2 − 2r), and no orthogonal projection makes
    distances longer. So pairs that are too far apart in a few principal components are passed over, and
    of a sorted first component only a window is compared.
    """
    flat = thumbnails.reshape(*thumbnails.shape[:2], math.prod(thumbnails.shape[2:]))
    kept = np.flatnonzero((flat.max(2, initial=0) > flat.min(2, initial=255)).any(1))
    if len(kept) < 2:
        return []
    reach = float(np.sqrt(2 - 2 * correlation))
    basis = _principal(_units(flat[kept[:: -(-len(kept) // _SAMPLED)]]))
    blocks = range(0, len(kept), _BLOCK)
    projected = np.concatenate([_units(flat[kept[start : start + _BLOCK]]) @ basis for start in blocks])
    order = np.argsort(projected[:, 0], kind="stable")
    projected = projected[order]
    first = projected[:, 0]
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(order), _BLOCK):
        block = projected[start : start + _BLOCK]
        stop = int(np.searchsorted(first, block[-1, 0] + reach, side="right"))
        for left in range(start, stop, _BLOCK):
            others = projected[left : min(left + _BLOCK, stop)]
            rows, columns = np.nonzero(_squared_distances(block, others) <= reach * reach + 1e-5)
            ordered = start + rows < left + columns
            a, b = order[start + rows[ordered]], order[left + columns[ordered]]
            pairs += _alike(flat, kept[np.minimum(a, b)], kept[np.maximum(a, b)], correlation)
    return sorted(pairs)


def _alike(
    flat: NDArray[np.uint8], first: NDArray[np.int64], second: NDArray[np.int64], correlation: float
) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(first), _BLOCK):
        a, b = first[start : start + _BLOCK], second[start : start + _BLOCK]
        alike = np.einsum("ij,ij->i", _units(flat[a]), _units(flat[b])) >= correlation
        pairs += zip(a[alike].tolist(), b[alike].tolist(), strict=True)
    return pairs


def _units(flat: NDArray[np.uint8]) -> Floats:
    """(n, c, pixels) → (n, values) of length 1, each channel of mean 0: the colour of a sky says nothing."""
    values = flat.astype(np.float32)
    values -= values.mean(2, keepdims=True)
    values = values.reshape(len(values), -1)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values


def _principal(units: Floats) -> Floats:
    """(values, components): directions in which these vectors differ much, orthonormal, the first most.

    By subspace iteration; that they are not quite the principal ones costs time in the search, not truth.
    """
    centred = units - units.mean(0)
    if np.abs(centred).max() < 1e-6:  # all the same
        return np.ascontiguousarray(units[:1].T)
    basis = np.random.default_rng(0).standard_normal((units.shape[1], _PROJECTED))
    for _ in range(_ITERATIONS):
        basis = _orthonormal((centred.T @ (centred @ basis.astype(np.float32))).astype(np.float64))
    return basis.astype(np.float32)


def _orthonormal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the columns span, without the directions that are lost in rounding.

    By the eigenvectors of their small Gram matrix: a QR decomposition of so thin a matrix, spread over
    threads, takes seconds on a busy machine.
    """
    values, vectors = np.linalg.eigh(columns.T @ columns)
    kept = values > 1e-9 * values[-1]
    basis: NDArray[np.float64] = (columns @ vectors[:, kept] / np.sqrt(values[kept]))[:, ::-1]
    return basis


def _squared_distances(a: Floats, b: Floats) -> Floats:
    products: Floats = a @ b.T
    products *= -2
    products += np.einsum("ij,ij->i", a, a)[:, None]
    products += np.einsum("ij,ij->i", b, b)
    return products
