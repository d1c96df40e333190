"""A picture in parts that look alike, so that a part is there or not."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import ndimage
from sklearn.cluster import KMeans
from torch import Tensor

from pellucid.types.errors import InputError

COLOUR = 4.0
"""What the whole range of a picture's colours counts, in distances between neighbouring parts."""


def superpixels(picture: Tensor, count: int) -> Tensor:
    """About `count` connected parts of a picture (c, h, w): (h, w) int64, numbered from 0.

    k-means over place and colour, beginning from a grid (after SLIC: Achanta et al. 2012, TPAMI 34(11)); what
    of a part is not connected to its largest piece goes to the part that it lies in.
    """
    height, width = picture.shape[1:]
    if not 2 <= count <= height * width:
        raise InputError(f"a picture of {height}×{width} has 2 to {height * width} parts; got {count}")
    side = math.sqrt(height * width / count)
    rows = np.linspace(0, height - 1, max(1, round(height / side)) * 2 + 1)[1::2]
    columns = np.linspace(0, width - 1, max(1, round(width / side)) * 2 + 1)[1::2]
    values = picture.detach().float().cpu().numpy()
    span = float(values.max() - values.min()) or 1.0
    y, x = np.mgrid[:height, :width]
    points = np.concatenate([[y, x], values * (COLOUR * side / span / math.sqrt(len(values)))])
    starts = np.array([points[:, round(row), round(column)] for row in rows for column in columns])
    points = points.reshape(len(points), -1).T
    labels = KMeans(len(starts), init=starts, n_init=1, max_iter=10).fit_predict(points)
    return torch.from_numpy(_connected(labels.reshape(height, width)))


def _connected(labels: np.ndarray) -> np.ndarray:
    """Every part its largest piece, and the nearest part's what is left over."""
    kept = np.full(labels.shape, -1, np.int64)
    for number, label in enumerate(np.unique(labels)):
        pieces, count = ndimage.label(labels == label)
        largest = 1 + int(np.argmax(np.bincount(pieces.ravel(), minlength=count + 1)[1:]))
        kept[pieces == largest] = number
    nearest = ndimage.distance_transform_edt(kept < 0, return_distances=False, return_indices=True)
    whole: np.ndarray = kept[tuple(nearest)]
    return whole
