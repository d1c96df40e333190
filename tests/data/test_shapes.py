"""The generated world: every truth about a picture is held against the others and against the geometry."""

from __future__ import annotations

import hashlib
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pellucid.data import shapes as shapes_module
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.shapes import CLASSES, Shapes, clip, open_shapes, scene
from pellucid.data.shapes_colours import colour
from pellucid.data.shapes_geometry import SHAPES
from pellucid.data.shapes_patterns import PATTERNS
from pellucid.data.source import Data
from pellucid.types.errors import InputError

any_scene = given(seed=st.integers(0, 9), index=st.integers(0, 10**6), size=st.integers(32, 160))
few = settings(deadline=None, max_examples=30)
GRID = np.meshgrid(
    np.linspace(-1.2, 1.2, 481, dtype=np.float32), np.linspace(1.2, -1.2, 481, dtype=np.float32)
)


# ---------------------------------------------------------------------------------------------- purity


def test_a_sample_is_the_same_alone_and_in_any_company() -> None:
    source = Shapes(seed=3, start=100, count=20, size=48)
    batch = source.fetch(torch.tensor([7, 19, 0]))
    for row, index in enumerate([107, 119, 100]):
        alone = scene(3, index, 48)
        assert np.array_equal(batch.inputs[row].numpy(), alone.image)
        assert int(batch.targets[row]) == alone.label
    turned = source.fetch(torch.tensor([0, 19, 7]), keys=torch.tensor([1, 2, 3]))
    assert torch.equal(turned.inputs, batch.inputs.flip(0))


def test_a_sample_is_the_same_in_another_process() -> None:
    program = (
        "import hashlib; from pellucid.data.shapes import scene; "
        "print(hashlib.sha256(scene(1, 77, 96).image.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == hashlib.sha256(scene(1, 77, 96).image.tobytes()).hexdigest()


def test_the_world_never_changes() -> None:
    """The same bytes on every machine and in every version: runs are compared across both."""
    digest = hashlib.sha256()
    for index in range(40):
        digest.update(scene(0, index).image.tobytes())
    assert digest.hexdigest() == "3ad79763c9c5d3424b4a21acc6e3ac88a180dbdadf7a89974f957fec20958d00"


def test_seeds_and_indices_give_different_scenes() -> None:
    images = {scene(seed, index, 32).image.tobytes() for seed in range(4) for index in range(25)}
    assert len(images) == 100


# ---------------------------------------------------------------------------------------------- truth


@few
@any_scene
def test_all_maps_tell_the_same_story(seed: int, index: int, size: int) -> None:
    seen = scene(seed, index, size)
    k = len(seen.labels)
    assert seen.image.shape == (3, size, size)
    assert seen.masks.shape == (k, size, size)
    assert seen.masks.sum(0).max() <= 1
    assert seen.label == seen.labels[0]
    assert len(set(seen.tracks.tolist())) == k
    covered = np.zeros((size, size), bool)
    for label, track, mask in zip(seen.labels, seen.tracks, seen.masks, strict=True):
        assert mask.any()
        assert (seen.semantic[mask] == 1 + label).all()
        assert (seen.panoptic[mask] == (1 + label) * 1000 + track).all()
        covered |= mask
    assert (seen.semantic[~covered] == 0).all()
    assert (seen.panoptic[~covered] == 1000 * (1 + len(CLASSES) + seen.background)).all()


@few
@any_scene
def test_boxes_bound_the_seen_part_tightly(seed: int, index: int, size: int) -> None:
    seen = scene(seed, index, size)
    for mask, box in zip(seen.masks, seen.boxes, strict=True):
        ((rows, columns),) = ndimage.find_objects(mask.astype(int))
        assert box.tolist() == [columns.start, rows.start, columns.stop, rows.stop]


def test_masks_are_the_turned_shapes_less_what_covers_them() -> None:
    """Each mask lies inside its shape drawn from label, centre, angle alone, and fills `visibility` of it."""
    for index in range(60):
        seen = scene(5, index, 128)
        for label, mask, centre, angle, visibility in zip(
            seen.labels, seen.masks, seen.centres, seen.angles, seen.visibility, strict=True
        ):
            if visibility < 1:
                continue
            whole = _drawn(int(label), mask, centre, float(angle))
            intersection, union = (mask & whole).sum(), (mask | whole).sum()
            assert intersection / union > 0.93, (index, CLASSES[label])


def _drawn(label: int, mask: np.ndarray, centre: np.ndarray, angle: float) -> np.ndarray:
    """The shape on the mask's grid by complex rotation; the radius is the one that gives the mask's area."""
    rows, columns = np.indices(mask.shape) + 0.5
    place = (columns - centre[0] - 1j * (rows - centre[1])) * np.exp(-1j * angle)
    distance = list(SHAPES.values())[label]
    unit_area = (distance(*GRID) < 0).mean() * 2.4**2
    place /= math.sqrt(mask.sum() / unit_area)
    return distance(place.real, place.imag) < 0


def test_an_occluded_shape_says_how_much_of_it_is_seen() -> None:
    """In clips shapes pass over one another: what is seen of one is its free area times `visibility`."""
    checked = 0
    for index in range(30):
        frames = clip(2, index, 24, 96)
        whole = {
            int(t): m.sum()
            for f in frames
            for t, m, v in zip(f.tracks, f.masks, f.visibility, strict=True)
            if v == 1
        }
        for frame in frames:
            for track, mask, visibility in zip(frame.tracks, frame.masks, frame.visibility, strict=True):
                if visibility < 0.9 and int(track) in whole:
                    assert mask.sum() == pytest.approx(visibility * whole[int(track)], rel=0.12, abs=3)
                    checked += 1
    assert checked > 20


@pytest.mark.parametrize("size", [32, 64, 512])
def test_a_scene_is_the_same_at_every_size(size: int) -> None:
    for index in range(8):
        small, large = scene(0, index, size), scene(0, index, 256)
        scale = size / 256
        assert small.label == large.label
        assert small.background == large.background
        main = slice(0, 1)
        np.testing.assert_allclose(small.centres[main], large.centres[main] * scale, rtol=1e-5)
        np.testing.assert_allclose(small.boxes[main], large.boxes[main] * scale, atol=1 + scale)


def test_the_main_shape_is_large_and_in_view() -> None:
    for index in range(300):
        seen = scene(0, index)
        reach = np.hypot(*(seen.boxes[:, 2:] - seen.boxes[:, :2]).T)
        assert reach[0] == reach.max()
        assert seen.visibility[0] > 0.6
        assert 0.0 <= seen.boxes.min() <= seen.boxes.max() <= 64.0


# ---------------------------------------------------------------------------------------------- motion


def test_a_clip_starts_with_the_scene() -> None:
    first, still = clip(0, 5, 3, 64)[0], scene(0, 5, 64)
    assert np.array_equal(first.image, still.image)
    assert np.array_equal(first.panoptic, still.panoptic)


def test_tracks_keep_their_shape_and_move_a_little_each_frame() -> None:
    for index in range(12):
        frames = clip(4, index, 60, 64)
        labels: dict[int, int] = {}
        moved = 0.0
        for before, after in itertools.pairwise(frames):
            centres = dict(zip(before.tracks.tolist(), before.centres, strict=True))
            angles = dict(zip(before.tracks.tolist(), before.angles, strict=True))
            for track, label, centre, angle in zip(
                after.tracks.tolist(), after.labels, after.centres, after.angles, strict=True
            ):
                assert labels.setdefault(track, int(label)) == label
                if track in centres:
                    assert np.hypot(*(centre - centres[track])) <= 0.02 * 64 + 1e-4
                    assert abs(angle - angles[track]) <= math.radians(5) + 1e-5
                    moved = max(moved, float(np.hypot(*(centre - centres[track]))))
            assert after.boxes.min() >= 0
            assert after.boxes.max() <= 64
        assert moved > 0


# ---------------------------------------------------------------------------------------------- ingredients


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_fills_its_circumscribed_circle_and_knows_its_distance(name: str) -> None:
    u, v = GRID
    distance = SHAPES[name](u, v)
    assert distance.dtype == np.float32
    reach = np.hypot(u, v)[distance < 0].max()
    assert 0.9 < reach <= 1.01
    # Inside, against the exact Euclidean distance transform of the drawn shape; never more than it.
    exact = ndimage.distance_transform_edt(distance < 0) * (2.4 / 480)
    inside = distance < 0
    assert (-distance[inside] <= exact[inside] + 0.006).all()
    near = inside & (exact < 0.1)
    assert np.median(np.abs(-distance[near] - exact[near])) < 0.006


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_stays_between_its_two_colours_and_uses_both(name: str) -> None:
    u, v = (axis * 4 for axis in GRID)
    blend = PATTERNS[name](u, v, 50.0)
    assert blend.dtype == np.float32
    assert blend.min() >= 0
    assert blend.max() <= 1
    assert blend.max() - blend.min() > 0.5


# From linear sRGB to cone responses and on to OKLab, as published; the code goes the other way.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@pytest.mark.parametrize("hue", [0, 75, 140, 200, 290])
def test_a_colour_is_the_one_asked_for(hue: int) -> None:
    encoded = colour(70, 8, hue).ravel().astype(float) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    lightness, a, b = TO_LAB @ np.cbrt(TO_CONES @ linear)
    assert lightness == pytest.approx(0.70, abs=1e-3)
    assert a == pytest.approx(0.08 * math.cos(math.radians(hue)), abs=1e-3)
    assert b == pytest.approx(0.08 * math.sin(math.radians(hue)), abs=1e-3)


def test_a_colour_that_does_not_exist_gives_way_to_a_paler_one() -> None:
    assert np.array_equal(colour(90, 40, 260), colour(90, 5, 260))
    assert colour(100, 20, 0).ravel() == pytest.approx([255, 255, 255], abs=0.1)


# ---------------------------------------------------------------------------------------------- the data set


def test_open_shapes_gives_disjoint_balanced_splits() -> None:
    data = open_shapes(size=32, train=400, test=100)
    assert isinstance(data, Data)
    assert data.info.classes == CLASSES
    assert len(CLASSES) == 10
    assert data.info.shape == (3, 32, 32)
    assert data.info.counts == {"train": 400, "test": 100}
    assert min(data.info.class_counts) > 20
    train, test = data.splits["train"], data.splits["test"]
    assert not train.streamed
    first = test.fetch(torch.tensor([0]))
    assert np.array_equal(first.inputs[0].numpy(), scene(0, 400, 32).image)


def test_more_pictures_than_the_memory_is_for_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = open_shapes(size=32, train=300, test=20)
    monkeypatch.setattr(shapes_module, "MEMORY_LIMIT", 3 * 32 * 32 * 320 - 1)
    data = open_shapes(size=32, train=300, test=20)
    assert data.splits["train"].streamed
    assert (data.info.counts, data.info.class_counts) == (whole.info.counts, whole.info.class_counts)
    assert data.info.shape == (3, 32, 32)
    assert data.info.preprocessing.mean == pytest.approx(whole.info.preprocessing.mean, abs=0.02)
    indices = torch.tensor([299, 3])
    ours, theirs = (opened.splits["train"].fetch(indices) for opened in (data, whole))
    assert torch.equal(ours.inputs, theirs.inputs)
    assert torch.equal(ours.targets, theirs.targets)


def test_streamed_shapes_keep_their_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes_module, "MEMORY_LIMIT", 0)
    assert open_data(DataSettings(name="shapes", size=32)).splits["test"].streamed
    with pytest.raises(InputError, match="leave out channels, validation and folds"):
        open_data(DataSettings(name="shapes", size=32, folds=3))


def test_a_linear_model_fails() -> None:
    """Of ten classes, ridge regression on the pixels tells next to none, whatever its penalty."""
    data = open_shapes(size=64, train=1000, test=500)
    train, test = (data.splits[name].fetch(torch.arange(n)) for name, n in (("train", 1000), ("test", 500)))
    mean = train.inputs.float().mean(0)
    x, x_test = (((b.inputs.float() - mean) / 255).flatten(1) for b in (train, test))
    kernel, wanted = x @ x.T, torch.nn.functional.one_hot(train.targets).float() - 0.1
    accuracies = []
    for penalty in (10.0, 1000.0, 100000.0):
        weights = torch.linalg.solve(kernel + penalty * torch.eye(len(x)), wanted)
        accuracies.append(float((x_test @ x.T @ weights).argmax(1).eq(test.targets).float().mean()))
    assert max(accuracies) < 0.45


@pytest.mark.parametrize("size", [31, 513])
def test_sizes_that_are_not_supported(size: int) -> None:
    with pytest.raises(InputError, match=f"between 32 and 512 pixels, got {size}"):
        scene(0, 0, size)
    with pytest.raises(InputError, match="between 32 and 512"):
        Shapes(0, 0, 4, size)


def test_a_split_must_hold_something() -> None:
    with pytest.raises(InputError, match="at least 1"):
        open_shapes(train=0)


def test_fetch_refuses_a_position_outside_the_split() -> None:
    with pytest.raises(IndexError):
        Shapes(0, 0, 4).fetch(torch.tensor([4]))
