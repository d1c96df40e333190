"""Distances within label maps: how far a pixel is from a class, and from the two nearest regions.

Label maps are (h, w) whole numbers; pixels labelled `VOID` belong to no class. Distances are Euclidean, in
pixels, between the centres of pixels (scipy's exact transform).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pellucid.types.data_info import VOID

_REACH = 5.0  # standard deviations beyond which a region no longer weighs: exp(−5²/2) = 4·10⁻⁶


def signed_distances(labels: NDArray[np.integer], classes: int) -> NDArray[np.float32]:
    """(classes, h, w): the distance to each class where a pixel is outside it, minus that to the nearest
    pixel outside where it is inside, less one; 0 everywhere for a class that is nowhere, or everywhere.

    The level set of Kervadec et al. ("Boundary loss for highly unbalanced segmentation", MIDL 2019).
    """
    found = np.zeros((classes, *labels.shape), np.float32)
    for label in np.unique(labels):
        inside = labels == label
        if label < classes and not inside.all():
            outward = ndimage.distance_transform_edt(~inside)
            inward = ndimage.distance_transform_edt(inside)
            found[label] = np.where(inside, 1 - inward, outward)
    return found


def border_weights(
    labels: NDArray[np.integer], *, weight: float = 10.0, sigma: float = 5.0, background: int = 0
) -> NDArray[np.float32]:
    """(h, w): 1 + `weight` · exp(−(d₁ + d₂)² / 2σ²) on background, 1 elsewhere.

    d₁ and d₂ are the distances to the nearest and second nearest region, so that the thin gaps between
    touching cells count most (Ronneberger, Fischer & Brox, "U-Net", MICCAI 2015, eq. 2, where w₀ = 10 and
    σ = 5). A region is a connected component (4 neighbours) of all that is neither `background` nor `VOID`.
    The paper's class weights w_c are a loss's own. Where fewer than two regions are within 5σ the term is
    left out; it is below 4·10⁻⁶ · `weight` there.
    """
    regions, count = ndimage.label((labels != background) & (labels != VOID))
    nearest = np.full((2, *labels.shape), np.inf)
    margin = int(np.ceil(_REACH * sigma))
    for number, box in enumerate(ndimage.find_objects(regions, count), start=1):
        window = tuple(slice(max(0, side.start - margin), side.stop + margin) for side in box)
        distance = ndimage.distance_transform_edt(regions[window] != number)
        first, second = nearest[0][window], nearest[1][window]
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
    gap = weight * np.exp(-(nearest.sum(0) ** 2) / (2 * sigma**2))
    weights: NDArray[np.float32] = (1 + np.where(labels == background, gap, 0)).astype(np.float32)
    return weights
