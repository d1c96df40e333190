"""Augmentation: each transformation against a slow twin, its distribution, its labels, and its refusals."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision import tv_tensors

from pellucid.data.augment import VOID, Augmentation, augment_pixels, augment_values, mix
from pellucid.ops.random import keys
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


def pictures(count: int = 64, side: int = 12, targets: Any = None) -> Batch:
    random = torch.Generator().manual_seed(2)
    inputs = torch.randint(1, 255, (count, 3, side, side), dtype=torch.uint8, generator=random)
    return Batch(inputs, torch.arange(count) % 10 if targets is None else targets, torch.arange(count))


def values(count: int = 64, side: int = 12) -> Batch:
    random = torch.Generator().manual_seed(2)
    inputs = torch.rand((count, 3, side, side), generator=random) + 1
    return Batch(inputs, torch.arange(count) % 10, torch.arange(count))


def own_keys(count: int, epoch: int = 0) -> Tensor:
    return keys(0, epoch, torch.arange(count))


def shift_of(picture: Tensor, original: Tensor, padding: int) -> tuple[int, int, bool]:
    """The one (top, left, mirrored) that makes `picture` of `original`, by trying all."""
    padded = torch.nn.functional.pad(original, (padding,) * 4)
    height, width = original.shape[-2:]
    found = [
        (top, left, mirrored)
        for top in range(2 * padding + 1)
        for left in range(2 * padding + 1)
        for mirrored in (False, True)
        if torch.equal(
            picture.flip(-1) if mirrored else picture, padded[:, top : top + height, left : left + width]
        )
    ]
    assert len(found) == 1
    return found[0]


def test_crop_and_flip_take_every_window_evenly():
    batch = pictures(count=1800)
    out = augment_pixels(batch, Augmentation(flip=True, crop=1), own_keys(1800))
    moves = [shift_of(a, b, 1) for a, b in zip(out.inputs, batch.inputs, strict=True)]
    counts = np.unique(np.array(moves), axis=0, return_counts=True)[1]
    assert len(counts) == 18
    assert stats.chisquare(counts).pvalue > 1e-4


def test_flip_alone_mirrors_half():
    batch = pictures(count=2000)
    out = augment_pixels(batch, Augmentation(flip=True), own_keys(2000)).inputs
    mirrored = (out == batch.inputs.flip(-1)).flatten(1).all(1)
    assert torch.equal(out[~mirrored], batch.inputs[~mirrored])
    assert abs(mirrored.float().mean() - 0.5) < 5 * 0.5 / 2000**0.5


def test_colour_factors_cover_their_range_evenly():
    grey = Batch(torch.full((3000, 1, 4, 4), 100, dtype=torch.uint8), torch.zeros(3000), torch.arange(3000))
    out = augment_pixels(grey, Augmentation(colour=0.4), own_keys(3000)).inputs
    brightness = out[:, 0, 0, 0].float().numpy()  # a constant grey has neither contrast nor saturation
    assert brightness.min() >= 60
    assert brightness.max() <= 140
    assert (
        stats.kstest(
            brightness + np.random.default_rng(0).uniform(-0.5, 0.5, 3000), "uniform", (60, 80)
        ).pvalue
        > 1e-4
    )


def test_cutout_erases_a_square_that_may_stick_out():
    batch = values(count=3000, side=9)
    out = augment_values(batch, Augmentation(cutout=4), own_keys(3000)).inputs
    erased = (out == 0).all(1)
    assert torch.equal(out[~erased[:, None].expand_as(out)], batch.inputs[~erased[:, None].expand_as(out)])
    rows, columns = erased.any(2).sum(1), erased.any(1).sum(1)
    assert torch.equal(erased.sum((1, 2)), rows * columns)  # one rectangle
    assert set(rows.tolist()) == set(columns.tolist()) == {2, 3, 4}
    whole = ((rows == 4) & (columns == 4)).float().mean()
    assert abs(whole - (6 / 9) ** 2) < 0.05  # centres 2…7 of 9 keep all four rows
    counts = erased.sum(0).double()
    assert torch.allclose(counts[2:7, 2:7], torch.tensor(3000 * 16 / 81, dtype=torch.float64), rtol=0.2)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_mixup_blends_inputs_and_labels_by_a_beta_share(alpha):
    batch, shares = values(count=40, side=4), []
    for seed in range(300):
        out = mix(batch, Augmentation(mixup=alpha), seed, classes=10)
        assert out.targets.dtype == torch.float32
        assert torch.allclose(out.targets.sum(1), torch.ones(40))
        own = out.targets.gather(1, batch.targets[:, None])[:, 0]
        share = 1 - float(own.min())
        shares.append(share)
        # A partner of the same class leaves a label whole.
        assert torch.all(
            torch.isclose(own, 1 - torch.tensor(share), atol=1e-6) | torch.isclose(own, torch.ones(1))
        )
        # The blended pictures are (1 - share) · own + share · partner for one permutation of the batch.
        partners = ((out.inputs - (1 - share) * batch.inputs) / max(share, 1e-6)).flatten(1)
        if share > 0.05:
            nearest = torch.cdist(partners, batch.inputs.flatten(1)).argmin(1)
            assert sorted(nearest.tolist()) == list(range(40))
            assert torch.allclose(partners, batch.inputs[nearest].flatten(1), atol=1e-3)
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-4


def test_cutmix_labels_have_the_exact_area_of_what_was_pasted():
    side, areas = 10, []
    batch = values(count=30, side=side)
    for seed in range(400):
        out = mix(batch, Augmentation(cutmix=1.0), seed, classes=10)
        pasted = (out.inputs != batch.inputs).any(1)
        moved = pasted.flatten(1).any(1)
        area = float(pasted[moved][0].float().mean()) if moved.any() else 0.0
        areas.append(area)
        rows, columns = pasted[moved].any(2).sum(1), pasted[moved].any(1).sum(1)
        assert torch.equal(pasted[moved].sum((1, 2)), rows * columns)
        own = out.targets.gather(1, batch.targets[:, None])[:, 0]
        assert torch.all(torch.isclose(own, torch.tensor(1 - area)) | torch.isclose(own, torch.tensor(1.0)))
        assert torch.allclose(out.targets.sum(1), torch.ones(30))
    # Without clipping the mean area would be near 1/2; the centre may lie at the border, which takes from it.
    assert 0.25 < np.mean(areas) < 0.45


def test_both_mixings_take_turns_evenly():
    batch = values(count=8, side=6)
    both = Augmentation(mixup=1.0, cutmix=1.0)
    pasted = [bool(torch.isin(mix(batch, both, s, 10).inputs, batch.inputs).all()) for s in range(400)]
    assert abs(np.mean(pasted) - 0.5) < 5 * 0.5 / 400**0.5


def test_multilabel_rows_are_mixed_as_they_are():
    rows = torch.eye(8)[:, :5]
    batch = dataclasses.replace(values(count=8), targets=rows)
    out = mix(batch, Augmentation(mixup=1.0), 3, classes=5)
    hard = mix(values(count=8), Augmentation(mixup=1.0), 3, classes=10)
    assert torch.equal(out.inputs, hard.inputs)
    assert torch.allclose(out.targets, hard.targets[:, :5])


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("listed", [False, True])
def test_masks_move_with_their_pictures(dtype, listed):
    plain = pictures()
    planes = (plain.inputs[:, 0] % 7).to(dtype)
    masks = tv_tensors.Mask(planes)
    labels = torch.arange(64)
    targets: Any = {"mask": masks, "label": labels}
    if listed:
        targets = [{"mask": tv_tensors.Mask(m), "label": n} for m, n in zip(planes, labels, strict=True)]
    batch = dataclasses.replace(plain, targets=targets)
    out = augment_pixels(batch, Augmentation(flip=True, crop=3), own_keys(64))
    column = [record["mask"] for record in out.targets] if listed else out.targets["mask"]
    for i in range(64):
        inside = out.inputs[i, 0] > 0  # pictures here have no 0
        expected = (out.inputs[i, 0] % 7).to(dtype)
        assert torch.equal(column[i][inside], expected[inside])
        assert column[i][~inside].eq(False if dtype == torch.bool else VOID).all()
    assert isinstance(column[0] if listed else column, tv_tensors.Mask)
    assert torch.equal(out.targets[5]["label"] if listed else out.targets["label"][5], labels[5])


def test_everything_off_is_the_batch_itself():
    batch, floats, off = pictures(), values(), Augmentation()
    assert augment_pixels(batch, off, own_keys(64)) is batch
    assert augment_values(floats, off, own_keys(64)) is floats
    assert mix(floats, off, 0, 10) is floats


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"crop": -1}, "augment.crop must be 0 or more, got -1"),
        ({"colour": 1.5}, "augment.colour must be at most 1, got 1.5"),
        ({"mixup": float("nan")}, "augment.mixup must be 0 or more, got nan"),
        ({"cutmix": float("inf")}, "augment.cutmix must be"),
        ({"policy": "randaugmnt"}, "did you mean 'randaugment'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Augmentation(**settings)


@pytest.mark.parametrize(
    ("batch", "augmentation", "words"),
    [
        (pictures(side=4), Augmentation(crop=4), "augment.crop = 4 does not fit 4×4"),
        (values(), Augmentation(flip=True), "need pictures"),
        (Batch(torch.rand(4, 5), torch.zeros(4), torch.arange(4)), Augmentation(flip=True), "need pictures"),
        (
            Batch(torch.zeros(4, 2, 8, 8).byte(), None, torch.arange(4)),
            Augmentation(colour=0.1),
            "2 channels",
        ),
        (
            pictures(2, targets=tv_tensors.Mask(torch.zeros(2, 12, 12))),
            Augmentation(policy="randaugment"),
            "without their Mask",
        ),
        (
            pictures(
                2, targets=[tv_tensors.BoundingBoxes([[1, 2, 3, 4]], format="XYXY", canvas_size=(12, 12))] * 2
            ),
            Augmentation(flip=True),
            "cannot move BoundingBoxes",
        ),
    ],
)
def test_pixels_that_cannot_be_augmented_are_refused(batch, augmentation, words):
    with pytest.raises(InputError, match=words):
        augment_pixels(batch, augmentation, own_keys(len(batch)))


def test_values_and_labels_that_cannot_be_augmented_are_refused():
    table = Batch(torch.rand(4, 5), torch.rand(4), torch.arange(4))
    with pytest.raises(InputError, match="cutout = 12 does not fit"):
        augment_values(values(), Augmentation(cutout=12), own_keys(64))
    with pytest.raises(InputError, match="cutout = 2 does not fit"):
        augment_values(table, Augmentation(cutout=2), own_keys(4))
    with pytest.raises(InputError, match="these data have none"):
        mix(table, Augmentation(mixup=1.0), 0, 0)
    with pytest.raises(InputError, match="cutmix is for pictures"):
        mix(dataclasses.replace(table, targets=torch.arange(4)), Augmentation(cutmix=1.0), 0, 4)
