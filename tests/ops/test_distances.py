import math

import numpy as np
import pytest

from pellucid.ops.distances import border_weights, signed_distances
from pellucid.types.data_info import VOID


def nearest(y: int, x: int, places: np.ndarray) -> float:
    return min((math.hypot(y - py, x - px) for py, px in places), default=math.inf)


def test_signed_distances_by_trying_all_pixels():
    labels = np.random.default_rng(0).integers(0, 3, (7, 8)).astype(np.uint8)
    found = signed_distances(labels, 4)
    assert (found[3] == 0).all()  # nowhere
    for label in range(3):
        inside, outside = np.argwhere(labels == label), np.argwhere(labels != label)
        for y in range(7):
            for x in range(8):
                within = labels[y, x] == label
                expected = 1 - nearest(y, x, outside) if within else nearest(y, x, inside)
                assert found[label, y, x] == pytest.approx(expected, abs=1e-5)


def test_border_weights_by_trying_all_pixels():
    labels = np.zeros((24, 24), np.uint8)
    labels[3:9, 2:9] = labels[3:10, 11:17] = labels[14:20, 4:15] = 1
    labels[20:, 20:] = VOID
    regions = [np.argwhere(part) for part in _parts(labels)]
    found = border_weights(labels, weight=10, sigma=3)
    for y in range(24):
        for x in range(24):
            first, second = sorted(nearest(y, x, region) for region in regions)[:2]
            gap = 10 * math.exp(-((first + second) ** 2) / 18) if labels[y, x] == 0 else 0
            assert found[y, x] == pytest.approx(1 + gap, abs=1e-4)
    assert found[5, 10] == found[:12].max()  # the narrow gap


def _parts(labels):
    boxes = [(slice(3, 9), slice(2, 9)), (slice(3, 10), slice(11, 17)), (slice(14, 20), slice(4, 15))]
    for box in boxes:
        part = np.zeros_like(labels, dtype=bool)
        part[box] = True
        yield part


def test_fewer_than_two_regions_have_no_border():
    labels = np.zeros((9, 9), np.uint8)
    assert (border_weights(labels) == 1).all()
    labels[2:4, 2:4] = 1
    assert (border_weights(labels) == 1).all()
    assert (signed_distances(labels * 0, 2) == 0).all()
