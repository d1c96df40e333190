"""Our batched picture operations against torchvision's, one picture and one amount at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as oracle

from pellucid.ops import image


def pictures(count: int = 6, channels: int = 3, height: int = 23, width: int = 31) -> Tensor:
    """Smooth blobs with noise, one of them constant: histograms with gaps, flat channels, every value."""
    random = torch.Generator().manual_seed(5)
    coarse = torch.rand((count, channels, 4, 5), generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    noisy = smooth * 300 - 20 + 20 * torch.randn((count, channels, height, width), generator=random)
    stored = noisy.clamp(0, 255).to(torch.uint8)
    stored[0] = 77
    return stored


FACTORS = torch.tensor([0.1, 0.73, 1.0, 1.27, 1.9, 0.01], dtype=torch.float64)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (image.brightness, oracle.adjust_brightness),
        (image.saturation, oracle.adjust_saturation),
        (image.contrast, oracle.adjust_contrast),
        (image.sharpness, oracle.adjust_sharpness),
    ],
)
def test_factors_equal_torchvision(channels, ours, theirs):
    images = pictures(channels=channels)
    expected = torch.stack([theirs(p, f) for p, f in zip(images, FACTORS.tolist(), strict=True)])
    difference = (ours(images, FACTORS).int() - expected.int()).abs()
    # Only contrast's mean grey may be summed in another order, which truncation can make visible.
    assert difference.max() <= (ours is image.contrast)
    assert difference.float().mean() < 0.01


@pytest.mark.parametrize("channels", [1, 3])
def test_tables_of_values_equal_torchvision(channels):
    images = pictures(channels=channels)
    bits = [8, 6, 5, 4, 2, 0]
    expected = torch.stack([oracle.posterize(p, b) for p, b in zip(images, bits, strict=True)])
    assert torch.equal(image.posterize(images, torch.tensor(bits)), expected)
    thresholds = [0.0, 77.0, 100.5, 127.5, 254.6, 255.0]
    expected = torch.stack([oracle.solarize(p, t) for p, t in zip(images, thresholds, strict=True)])
    assert torch.equal(image.solarize(images, torch.tensor(thresholds)), expected)
    for ours, theirs in (
        (image.autocontrast, oracle.autocontrast),
        (image.equalize, oracle.equalize),
        (image.invert, oracle.invert),
    ):
        assert torch.equal(ours(images), torch.stack([theirs(p) for p in images]))


def test_sharpness_of_a_picture_without_inside_is_itself():
    images = pictures(height=2)
    assert torch.equal(image.sharpness(images, FACTORS), images)


def test_affine_reads_where_the_matrix_says():
    images = pictures(count=2, height=4, width=5)
    turned = torch.tensor([[0.0, 1, 0], [-1, 0, 3]])  # a quarter turn of the 4×4 part
    moved = torch.tensor([[1.0, 0, -2], [0, 1, 1]])
    out = image.affine(images, torch.stack([turned, moved]))
    assert torch.equal(out[0, :, :, :4], torch.rot90(images[0, :, :, :4], -1, (1, 2)))
    assert torch.equal(out[1, :, :3, 2:], images[1, :, 1:, :3])
    assert out[1, :, 3].eq(0).all()
    assert out[1, :, :, :2].eq(0).all()


def test_translate_is_a_move_by_whole_pixels_even_out_of_the_picture():
    images = pictures(count=4, height=6, width=7)
    right, down = torch.tensor([0, 3, -2, 40]), torch.tensor([0, -1, 2, 0])
    out = image.translate(images, right, down)
    theirs = [
        oracle.affine(p, angle=0.0, translate=[x, y], scale=1.0, shear=[0.0, 0.0])
        for p, x, y in zip(images, right.tolist(), down.tolist(), strict=True)
    ]
    assert torch.equal(out, torch.stack(theirs))


def test_shift_and_flip_equals_padding_slicing_and_mirroring_one_by_one():
    images = pictures(count=6, height=9, width=7)
    top, left = torch.tensor([0, 1, 2, 3, 4, 2]), torch.tensor([4, 3, 0, 2, 1, 2])
    mirrored = torch.tensor([True, False, True, False, True, False])
    out = image.shift_and_flip(images, top, left, mirrored, padding=2, fill=9)
    for i in range(6):
        padded = torch.nn.functional.pad(images[i], (2, 2, 2, 2), value=9)
        window = padded[:, top[i] : top[i] + 9, left[i] : left[i] + 7]
        assert torch.equal(out[i], window.flip(-1) if mirrored[i] else window)
    assert torch.equal(out[5], images[5])


def test_jitter_is_brightness_contrast_and_saturation_in_any_order():
    images = (pictures().float() * 0.3 + 80).to(torch.uint8)  # so that nothing is clamped on the way
    steps = [oracle.adjust_brightness, oracle.adjust_contrast, oracle.adjust_saturation]
    factors = [1.1, 0.8, 1.3]
    out = image.jitter(images, *(torch.full((6,), f) for f in factors))
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        values = images.float() / 255
        for i in order:
            values = steps[i](values, factors[i])
        assert (out.float() - values * 255).abs().max() <= 0.55


def test_rotation_by_the_angle_is_counter_clockwise():
    images = pictures(count=1, height=21, width=21)
    cos, sin = math.cos(math.radians(30)), math.sin(math.radians(30))
    matrix = torch.tensor([[[cos, -sin, 10 - 10 * cos + 10 * sin], [sin, cos, 10 - 10 * sin - 10 * cos]]])
    assert torch.equal(image.affine(images, matrix)[0], oracle.rotate(images[0], 30.0))
