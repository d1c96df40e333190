"""Handwritten digits: the 1,797 scans that come with scikit-learn.

Source: E. Alpaydin & C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998 (its test part).
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pellucid.data.source import Data
from pellucid.data.tensors import InMemory, image_info
from pellucid.ops.random import keys

SIZE = 32
TEST_COUNT = 360
SPLIT_SEED = 1998  # never to change: results are compared across versions


def open_digits() -> Data:
    """1,437 training and 360 test pictures (1, 32, 32) uint8, light ink on black, of 10 classes "0" … "9".

    The scans are 8 × 8 with 17 grey levels; they are brought to 32 × 32 by bicubic interpolation. Every class
    has the same share of both splits.
    """
    from sklearn.datasets import load_digits

    scans = load_digits()
    levels = np.rint(scans.images * (255 / 16)).astype(np.uint8)
    images = torch.from_numpy(np.stack([_enlarged(scan) for scan in levels])).unsqueeze(1)
    targets = torch.from_numpy(scans.target.astype(np.int64))
    is_test = stratified(targets, TEST_COUNT, SPLIT_SEED)
    splits = {
        "train": InMemory(images[~is_test], targets[~is_test]),
        "test": InMemory(images[is_test], targets[is_test]),
    }
    return Data(image_info("digits", [str(digit) for digit in range(10)], splits), splits)


def _enlarged(
    scan: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    # 8-bit pictures are resized in integer arithmetic: the same bytes on every machine.
    return np.asarray(Image.fromarray(scan).resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def stratified(targets: Tensor, count: int, seed: int) -> Tensor:
    """(n,) bool with `count` samples chosen, of every class its share to within one sample.

    They are every n/count-th of a list sorted by class and, within a class, by a random key.
    """
    shuffled = keys(seed, torch.arange(len(targets))).argsort()
    by_class = shuffled[targets[shuffled].argsort(stable=True)]
    chosen = torch.zeros(len(targets), dtype=torch.bool)
    chosen[by_class[torch.arange(count) * len(targets) // count]] = True
    return chosen
