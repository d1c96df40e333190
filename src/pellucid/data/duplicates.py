"""Pictures that are in a set more than once: the same bytes, or nearly the same picture.

Nearly the same means that two thumbnails, freed of brightness and contrast, correlate at `NEAR` or more:
a copy saved again, resized, brightened or slightly cropped. The search is exact: no pair is missed and
none is counted that is not.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

NEAR = 0.97
SIDE = 16  # of a thumbnail
_PROJECTED = 24  # dimensions that pairs are first compared in
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
    flat = thumbnails.reshape(*thumbnails.shape[:2], -1)
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
    """(values, components): the directions in which these vectors differ most, orthonormal."""
    centred = units - units.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return np.ascontiguousarray(vectors[:, ::-1][:, :_PROJECTED])


def _squared_distances(a: Floats, b: Floats) -> Floats:
    products: Floats = a @ b.T
    products *= -2
    products += np.einsum("ij,ij->i", a, a)[:, None]
    products += np.einsum("ij,ij->i", b, b)
    return products
