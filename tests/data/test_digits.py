"""The scans against scikit-learn's own, and the split."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from pellucid.data.digits import open_digits, stratified
from pellucid.data.source import Data


def test_digits_are_sized_for_lenet() -> None:
    data = open_digits()
    assert isinstance(data, Data)
    assert data.info.shape == (1, 32, 32)
    assert data.info.counts == {"train": 1437, "test": 360}
    assert data.info.classes == tuple("0123456789")
    assert sum(data.info.class_counts) == 1437


def test_averaged_back_to_8_by_8_they_are_the_scans() -> None:
    """Interpolation keeps the content: averages over 4 × 4 pixels follow the original levels."""
    data = open_digits()
    small = torch.cat([split.fetch(torch.arange(len(split))).inputs for split in data.splits.values()])
    small = torch.nn.functional.avg_pool2d(small.float(), 4).flatten(1)
    scans = torch.from_numpy(load_digits().data).float() * (255 / 16)
    nearest = torch.cdist(small, scans).argmin(1)
    assert len(nearest.unique()) >= 1795  # every scan is found, but for near twins
    assert np.corrcoef(small.flatten(), scans[nearest].flatten())[0, 1] > 0.98


def test_the_split_never_changes() -> None:
    expected = "5efd747481a39b0bdb4c5a8613d1aa37deb05f20a78b0e6a51b620e05ed93c52"
    assert open_digits().info.fingerprint == expected


def test_every_class_has_its_share_of_the_test_split() -> None:
    targets = torch.from_numpy(load_digits().target)
    chosen = stratified(targets, 360, seed=5)
    assert chosen.sum() == 360
    share = torch.bincount(targets[chosen]) - torch.bincount(targets) * (360 / 1797)
    assert share.abs().max() <= 1


def test_stratified_depends_on_the_seed_alone() -> None:
    targets = torch.arange(100) % 3
    assert torch.equal(stratified(targets, 20, 1), stratified(targets, 20, 1))
    assert not torch.equal(stratified(targets, 20, 1), stratified(targets, 20, 2))
