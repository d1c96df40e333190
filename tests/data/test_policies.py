"""The policies against torchvision's tables and kernels, and the statistics of what is drawn."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from pellucid.data import policies
from pellucid.ops.random import keys

PUBLISHED = {
    "autoaugment-cifar10": v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10),
    "autoaugment-imagenet": v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET),
    "autoaugment-svhn": v2.AutoAugment(v2.AutoAugmentPolicy.SVHN),
    "randaugment": v2.RandAugment(),
    "trivialaugment": v2.TrivialAugmentWide(),
}


def pictures(count: int, side: int = 24) -> Tensor:
    random = torch.Generator().manual_seed(1)
    coarse = torch.rand((count, 3, 5, 5), generator=random)
    return (torch.nn.functional.interpolate(coarse, size=side, mode="bicubic") * 255).clamp(0, 255).byte()


def test_every_policy_is_published():
    assert set(get_args(policies.Policy)) - {"none"} == set(PUBLISHED)


@pytest.mark.parametrize("name", policies.SUB_POLICIES)
def test_sub_policies_are_the_published_ones(name):
    ours = [
        tuple((operation, tenths / 10, level) for operation, tenths, level in pair)
        for pair in policies.SUB_POLICIES[name]
    ]
    theirs = [
        tuple((operation, probability, level or 0) for operation, probability, level in pair)
        for pair in PUBLISHED[name]._policies
    ]
    assert ours == theirs


@pytest.mark.parametrize("name", PUBLISHED)
def test_magnitudes_are_the_published_ones(name):
    bins = 10 if name.startswith("autoaugment") else 31
    for operation, (magnitudes, _) in PUBLISHED[name]._AUGMENTATION_SPACE.items():
        table = magnitudes(bins, 40, 60)
        for level in range(bins):
            theirs = 0.0 if table is None else float(table[level])
            theirs *= 255 if operation == "Solarize" else 1
            assert policies.magnitude(name, operation, level, 40, 60) == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("name", PUBLISHED)
def test_application_equals_torchvision_picture_by_picture(name):
    images = pictures(150)
    steps = policies.draw(name, keys(3, 0, torch.arange(150)), 24, 24)
    ours = policies.apply(images, steps)
    for picture, own, out in zip(images, steps, ours, strict=True):
        for operation, magnitude in own:
            amount = magnitude / 255 if operation == "Solarize" else magnitude
            picture = PUBLISHED[name]._apply_image_or_video_transform(
                picture, operation, amount, v2.InterpolationMode.NEAREST, {}
            )
        # Nearest-neighbour ties (a diagonal through the centre, turned by 45°) may fall either way.
        assert (out != picture).float().mean() < 0.05


def test_single_operations_equal_torchvision_exactly():
    images = pictures(4)
    steps = {"Rotate": -13.0, "ShearX": 0.27, "ShearY": -0.31, "TranslateX": 5.9, "TranslateY": -4.2} | {
        "Brightness": 0.4, "Color": -0.7, "Contrast": 0.33, "Sharpness": 0.81, "Posterize": 5,
        "Equalize": 0.0, "AutoContrast": 0.0, "Invert": 0.0, "Identity": 0.0, "Solarize": 99.4,
    }  # fmt: skip
    assert set(steps) == set(policies.OPERATIONS)
    for operation, magnitude in steps.items():
        amount = magnitude / 255 if operation == "Solarize" else magnitude
        theirs = PUBLISHED["randaugment"]._apply_image_or_video_transform(
            images, operation, amount, v2.InterpolationMode.NEAREST, {}
        )
        assert torch.equal(policies.apply(images, [[(operation, magnitude)]] * 4), theirs), operation


def test_randaugment_draws_two_operations_evenly_with_both_signs():
    steps = policies.draw("randaugment", keys(0, 0, torch.arange(7000)), 32, 32)
    assert {len(own) for own in steps} == {2}
    for turn in range(2):
        counts = Counter(own[turn][0] for own in steps)
        assert len(counts) == 14
        assert all(abs(n - 500) < 5 * 500**0.5 for n in counts.values())  # 5 standard deviations
    angles = Counter(own[0][1] for own in steps if own[0][0] == "Rotate")
    assert set(angles) == {-9.0, 9.0}
    assert abs(angles[9.0] - angles[-9.0]) < 5 * angles.total() ** 0.5


def test_trivialaugment_draws_one_operation_at_every_level():
    steps = policies.draw("trivialaugment", keys(0, 0, torch.arange(20000)), 32, 32)
    assert {len(own) for own in steps} == {1}
    angles = {abs(own[0][1]) for own in steps if own[0][0] == "Rotate"}
    assert sorted(angles) == pytest.approx([135 * level / 30 for level in range(31)])


def test_autoaugment_uses_each_operation_with_its_probability():
    steps = policies.draw("autoaugment-cifar10", keys(0, 0, torch.arange(20000)), 32, 32)
    expected = sum(p for pair in policies.SUB_POLICIES["autoaugment-cifar10"] for _, p, _ in pair) / 250
    assert sum(map(len, steps)) / 20000 == pytest.approx(expected, abs=0.02)
    assert sum("Invert" in dict(own) for own in steps) / 20000 == pytest.approx((0.1 + 0.1) / 25, abs=0.003)


def test_a_sample_fares_the_same_in_any_company():
    images, own = pictures(20), keys(1, 4, torch.arange(20))
    whole = policies.apply(images, policies.draw("trivialaugment", own, 24, 24))
    steps = [policies.draw("trivialaugment", key[None], 24, 24) for key in own]
    steps = [policies.draw("trivialaugment", key[None], 24, 24) for key in own]
    alone = [policies.apply(picture[None], step) for picture, step in zip(images, steps, strict=True)]
    assert torch.equal(whole, torch.cat(alone))
    assert torch.equal(images, pictures(20))
