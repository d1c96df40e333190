"""Pictures and their label maps move together, by keys alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from torchvision import tv_tensors

from pellucid.data.augment import Augmentation, augment_pixels
from pellucid.data.tensors import as_masks
from pellucid.data.warps import GRID, Warp, draw
from pellucid.ops.random import keys
from pellucid.types.batch import Batch
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError


def samples(count: int = 4, height: int = 40, width: int = 48) -> Batch:
    """Large smooth blobs whose picture is 80 times their label."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 4, (count, 4, 4), generator=generator).float()
    maps = torch.nn.functional.interpolate(coarse[:, None], (height, width), mode="nearest")[:, 0]
    maps = maps.to(torch.uint8)
    return Batch((80 * maps)[:, None].repeat(1, 3, 1, 1), as_masks(maps), torch.arange(count))


ALL = Augmentation(window=24, balance=0.5, scale=0.3, rotate=30, elastic=2, flip=True)
WARPS = {
    "window": Augmentation(window=24),
    "balance": Augmentation(window=24, balance=1),
    "scale": Augmentation(scale=0.5),
    "rotate": Augmentation(rotate=45),
    "elastic": Augmentation(elastic=3),
    "all": ALL,
}


@pytest.mark.parametrize("name", WARPS)
def test_labels_stay_on_their_pixels(name):
    batch = samples()
    moved = augment_pixels(batch, WARPS[name], keys(1, 2, batch.indices))
    side = (24, 24) if WARPS[name].window else (40, 48)
    assert moved.inputs.shape == (4, 3, *side)
    assert moved.targets.shape == (4, *side)
    assert type(moved.targets) is type(batch.targets)
    agree = (moved.inputs[:, 0].long() - 80 * torch.as_tensor(moved.targets).long()).abs() < 40
    assert agree.float().mean() > 0.95  # all but where bilinear values go from one label to another
    assert set(torch.as_tensor(moved.targets).unique().tolist()) <= {0, 1, 2, 3}
    assert not torch.equal(moved.inputs, batch.inputs[..., : side[0], : side[1]])


def test_a_sample_depends_on_its_key_alone():
    batch, own = samples(), keys(3, 1, torch.arange(4))
    together = augment_pixels(batch, ALL, own)
    for i in range(4):
        alone = augment_pixels(batch.slice(i, i + 1), ALL, own[i : i + 1])
        assert torch.equal(alone.inputs[0], together.inputs[i])
    targets = augment_pixels(
        Batch(batch.inputs[2:], as_masks(batch.targets[2:]), batch.indices[2:]), ALL, own[2:]
    )
    assert torch.equal(torch.as_tensor(targets.targets), torch.as_tensor(together.targets[2:]))
    other = augment_pixels(batch, ALL, keys(3, 2, torch.arange(4)))
    assert not torch.equal(other.inputs, together.inputs)


def test_positions_are_scipys():
    """What a warp reads is what scipy's spline of order 1 reads at the same places."""
    picture = torch.randint(0, 256, (1, 1, 30, 34), generator=torch.Generator().manual_seed(2)).to(
        torch.uint8
    )
    sampling = draw(Warp(scale=0.2, rotate=20, elastic=2), keys(5, torch.arange(1)), (30, 34), None)
    places = sampling.places[0].double().numpy()
    expected = ndimage.map_coordinates(
        picture[0, 0].double().numpy(), [places[..., 1] - 0.5, places[..., 0] - 0.5], order=1, mode="reflect"
    )
    found = sampling.pictures(picture)[0, 0].double().numpy()
    assert np.abs(found - expected.round()).max() <= 1


def test_the_angle_and_the_zoom_keep_to_their_range():
    many = keys(0, torch.arange(500))
    places = draw(Warp(rotate=30), many, (9, 9), None).places - 4.5
    across = places[:, 4, 8] - places[:, 4, 0]
    angles = torch.rad2deg(torch.atan2(across[:, 1], across[:, 0]))
    assert angles.abs().max() <= 30.01
    assert angles.min() < -25
    assert angles.max() > 25
    torch.testing.assert_close(across.norm(dim=1), torch.full((500,), 8.0), rtol=1e-5, atol=0)
    places = draw(Warp(scale=0.5), many, (9, 9), None).places
    zoom = 8 / (places[:, 4, 8] - places[:, 4, 0]).norm(dim=1)
    assert 1 / 1.5 - 1e-3 <= zoom.min() < 0.7
    assert 1.45 < zoom.max() <= 1.5 + 1e-3


def test_elastic_displacements_have_their_deviation():
    size = (31, 31)
    places = draw(Warp(elastic=4), keys(0, torch.arange(800)), size, None).places
    still = draw(Warp(scale=1e-9), keys(0, torch.arange(1)), size, None).places
    corners = (places - still)[:, :: size[0] // (GRID - 1), :: size[1] // (GRID - 1)]
    assert corners.shape == (800, GRID, GRID, 2)
    assert corners.std().item() == pytest.approx(4, rel=0.03)
    assert corners.mean().item() == pytest.approx(0, abs=0.1)


def test_balance_finds_the_rare_class():
    maps = torch.zeros(400, 64, 64, dtype=torch.uint8)
    maps[:, 50:52, 10:12] = 1
    maps[:, :4] = VOID
    own = keys(0, torch.arange(400))
    shares = {}
    for balance in (0.0, 1.0):
        sampling = draw(Warp(window=16, balance=balance), own, (64, 64), maps)
        shares[balance] = (sampling.masks(maps) == 1).any(2).any(1).float().mean().item()
        assert sampling.corners.min() >= 0
        assert sampling.corners.max() <= 48
    assert shares[0.0] < 0.15
    assert shares[1.0] > 0.5


def test_boolean_masks_of_records_move_too():
    batch = samples()
    records = [{"masks": tv_tensors.Mask(torch.as_tensor(maps)[None] == 1)} for maps in batch.targets]
    own = keys(1, 2, batch.indices)
    moved = augment_pixels(Batch(batch.inputs, records, batch.indices), ALL, own)
    # Records have no label map to balance by.
    whole = augment_pixels(batch, replace(ALL, balance=0), own)
    for record, maps in zip(moved.targets, whole.targets, strict=True):
        assert record["masks"].dtype == torch.bool
        assert torch.equal(torch.as_tensor(record["masks"][0]), maps == 1)


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match="does not fit pictures of 40 × 48"):
        augment_pixels(samples(), Augmentation(window=44), keys(0, torch.arange(4)))
    with pytest.raises(InputError, match=r"set that too"):
        Augmentation(balance=0.5)
    with pytest.raises(InputError, match="from 0 to 1"):
        Augmentation(window=8, balance=1.5)
    with pytest.raises(InputError, match=r"augment\.elastic must be 0 or more"):
        Augmentation(elastic=-1.0)
