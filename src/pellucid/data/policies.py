"""The published augmentation policies, each sample with its own draw, worked on in groups of one operation.

AutoAugment (Cubuk et al., CVPR 2019, tables of the appendix), RandAugment (Cubuk et al., NeurIPS 2020; N = 2,
M = 9 of 30) and TrivialAugment Wide (Müller & Hutter, ICCV 2021), with the ranges, bins and arithmetic of
torchvision's `transforms.v2`, which ours equal value for value.

A step of a policy is an operation and a magnitude in the operation's own unit: degrees to rotate by
(counter-clockwise), pixels to move by, the tangent to shear by, a change of a factor around 1, bits to keep,
a threshold in [0, 255].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor

from pellucid.ops import image
from pellucid.ops.random import uniform

Policy = Literal[
    "none", "randaugment", "trivialaugment", "autoaugment-cifar10", "autoaugment-imagenet", "autoaugment-svhn"
]
Step = tuple[str, float]
T = TypeVar("T")

_DRAWS = 5  # what a policy needs: which sub-policy, and for each of two steps whether and with which sign
_WORKING_SET = 1 << 19  # values worked on at a time, so that their float copies stay in a core's cache


def _geometric(matrix: Callable[[float, int, int], list[list[float]]]) -> Callable[[Tensor, Tensor], Tensor]:
    """An operation from what takes (magnitude, height, width) to the matrix of `ops.image.affine`."""

    def operation(images: Tensor, magnitudes: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        return image.affine(images, torch.tensor([matrix(m, height, width) for m in magnitudes.tolist()]))

    return operation


def _rotation(degrees: float, height: int, width: int) -> list[list[float]]:
    """About the picture's centre."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = (width - 1) / 2, (height - 1) / 2
    return [[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y]]


OPERATIONS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Identity": lambda images, _: images,
    "ShearX": _geometric(lambda tangent, h, w: [[1, tangent, tangent / 2], [0, 1, 0]]),
    "ShearY": _geometric(lambda tangent, h, w: [[1, 0, 0], [tangent, 1, tangent / 2]]),
    "TranslateX": lambda images, pixels: image.translate(
        images, pixels.long(), torch.zeros_like(pixels).long()
    ),
    "TranslateY": lambda images, pixels: image.translate(
        images, torch.zeros_like(pixels).long(), pixels.long()
    ),
    "Rotate": _geometric(_rotation),
    "Brightness": lambda images, change: image.brightness(images, 1 + change),
    "Color": lambda images, change: image.saturation(images, 1 + change),
    "Contrast": lambda images, change: image.contrast(images, 1 + change),
    "Sharpness": lambda images, change: image.sharpness(images, 1 + change),
    "Posterize": image.posterize,
    "Solarize": image.solarize,
    "AutoContrast": lambda images, _: image.autocontrast(images),
    "Equalize": lambda images, _: image.equalize(images),
    "Invert": lambda images, _: image.invert(images),
}

# The order in which RandAugment and TrivialAugment draw; inverting is AutoAugment's alone.
_DRAWN = tuple(name for name in OPERATIONS if name != "Invert")
_FACTORS = ("Brightness", "Color", "Contrast", "Sharpness")
_SIGNED = (*_FACTORS, "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")  # half the time the other way


def magnitude(policy: Policy, operation: str, level: int, height: int, width: int) -> float:
    """What `level`, one of AutoAugment's 10 or the others' 31, means in the operation's unit."""
    wide = policy == "trivialaugment"
    share = level / (9 if policy.startswith("autoaugment") else 30)
    if operation in _FACTORS:
        return share * (0.99 if wide else 0.9)
    match operation:
        case "ShearX" | "ShearY":
            return share * (0.99 if wide else 0.3)
        case "TranslateX" | "TranslateY":
            side = width if operation == "TranslateX" else height
            return share * (32 if wide else 150 / 331 * side)
        case "Rotate":
            return share * (135 if wide else 30)
        case "Posterize":
            return round(8 - share * (6 if wide else 4))
        case "Solarize":
            return 255 * (1 - share)
    return 0.0


def draw(policy: Policy, keys: Tensor, height: int, width: int) -> list[list[Step]]:
    """The steps for each of `keys` (b,), in order, for pictures of this size."""
    return [_steps(policy, numbers, height, width) for numbers in uniform(keys, _DRAWS).tolist()]


def _steps(policy: Policy, numbers: Sequence[float], height: int, width: int) -> list[Step]:
    first, *rest = numbers
    if policy == "none":
        return []
    if policy == "randaugment":
        chosen = [(_pick(_DRAWN, rest[0]), 9, rest[1]), (_pick(_DRAWN, rest[2]), 9, rest[3])]
    elif policy == "trivialaugment":
        chosen = [(_pick(_DRAWN, first), int(rest[0] * 31), rest[1])]
    else:
        pair = _pick(SUB_POLICIES[policy], first)
        chosen = [
            (operation, level, sign)
            for (operation, tenths, level), happens, sign in zip(pair, rest[::2], rest[1::2], strict=True)
            if happens < tenths / 10
        ]
    return [
        (name, magnitude(policy, name, level, height, width) * (-1 if name in _SIGNED and sign < 0.5 else 1))
        for name, level, sign in chosen
    ]


def _pick(things: Sequence[T], number: float) -> T:
    return things[int(number * len(things))]


def apply(images: Tensor, steps: Sequence[Sequence[Step]]) -> Tensor:
    """Each picture of (b, 1 or 3, h, w) uint8 after its own steps."""
    if images.device.type != "cpu":
        return _grouped(images, steps)
    at_once = _WORKING_SET // max(1, images[:1].numel())
    if at_once < 8:  # too few to form groups worth their copying
        at_once = 1
    result = torch.empty_like(images)
    for start in range(0, len(images), at_once):
        part = slice(start, start + at_once)
        result[part] = _grouped(images[part], steps[part])
    return result


def _grouped(images: Tensor, steps: Sequence[Sequence[Step]]) -> Tensor:
    """All of one turn's pictures that get the same operation go through it together."""
    for turn in range(max(map(len, steps), default=0)):
        groups: dict[str, list[tuple[int, float]]] = {}
        for position, own in enumerate(steps):
            name, amount = own[turn] if turn < len(own) else ("Identity", 0.0)
            groups.setdefault(name, []).append((position, amount))
        if len(groups) == 1:
            ((name, group),) = groups.items()
            images = OPERATIONS[name](images, torch.tensor([m for _, m in group], dtype=torch.float64))
            continue
        done: list[Tensor] = []
        order: list[int] = []
        for name, group in groups.items():
            positions, amounts = zip(*group, strict=True)
            chosen = images.index_select(0, torch.tensor(positions).to(images.device))
            done.append(OPERATIONS[name](chosen, torch.tensor(amounts, dtype=torch.float64)))
            order += positions
        images = torch.cat(done).index_select(0, torch.tensor(order).argsort().to(images.device))
    return images


def _table(text: str) -> tuple[tuple[tuple[str, int, int], ...], ...]:
    """Sub-policies from lines of "operation, probability in tenths, level, operation, …"; · is no level."""
    rows = [line.split() for line in text.strip().splitlines()]
    return tuple(
        tuple((row[i], int(row[i + 1]), 0 if row[i + 2] == "·" else int(row[i + 2])) for i in (0, 3))
        for row in rows
    )


SUB_POLICIES: Mapping[str, Sequence[Sequence[tuple[str, int, int]]]] = {
    "autoaugment-cifar10": _table("""
        Invert        1 ·   Contrast      2 6
        Rotate        7 2   TranslateX    3 9
        Sharpness     8 1   Sharpness     9 3
        ShearY        5 8   TranslateY    7 9
        AutoContrast  5 ·   Equalize      9 ·
        ShearY        2 7   Posterize     3 7
        Color         4 3   Brightness    6 7
        Sharpness     3 9   Brightness    7 9
        Equalize      6 ·   Equalize      5 ·
        Contrast      6 7   Sharpness     6 5
        Color         7 7   TranslateX    5 8
        Equalize      3 ·   AutoContrast  4 ·
        TranslateY    4 3   Sharpness     2 6
        Brightness    9 6   Color         2 8
        Solarize      5 2   Invert        0 ·
        Equalize      2 ·   AutoContrast  6 ·
        Equalize      2 ·   Equalize      6 ·
        Color         9 9   Equalize      6 ·
        AutoContrast  8 ·   Solarize      2 8
        Brightness    1 3   Color         7 0
        Solarize      4 5   AutoContrast  9 ·
        TranslateY    9 9   TranslateY    7 9
        AutoContrast  9 ·   Solarize      8 3
        Equalize      8 ·   Invert        1 ·
        TranslateY    7 9   AutoContrast  9 ·
    """),
    "autoaugment-imagenet": _table("""
        Posterize     4 8   Rotate        6 9
        Solarize      6 5   AutoContrast  6 ·
        Equalize      8 ·   Equalize      6 ·
        Posterize     6 7   Posterize     6 6
        Equalize      4 ·   Solarize      2 4
        Equalize      4 ·   Rotate        8 8
        Solarize      6 3   Equalize      6 ·
        Posterize     8 5   Equalize     10 ·
        Rotate        2 3   Solarize      6 8
        Equalize      6 ·   Posterize     4 6
        Rotate        8 8   Color         4 0
        Rotate        4 9   Equalize      6 ·
        Equalize      0 ·   Equalize      8 ·
        Invert        6 ·   Equalize     10 ·
        Color         6 4   Contrast     10 8
        Rotate        8 8   Color        10 2
        Color         8 8   Solarize      8 7
        Sharpness     4 7   Invert        6 ·
        ShearX        6 5   Equalize     10 ·
        Color         4 0   Equalize      6 ·
        Equalize      4 ·   Solarize      2 4
        Solarize      6 5   AutoContrast  6 ·
        Invert        6 ·   Equalize     10 ·
        Color         6 4   Contrast     10 8
        Equalize      8 ·   Equalize      6 ·
    """),
    "autoaugment-svhn": _table("""
        ShearX        9 4   Invert        2 ·
        ShearY        9 8   Invert        7 ·
        Equalize      6 ·   Solarize      6 6
        Invert        9 ·   Equalize      6 ·
        Equalize      6 ·   Rotate        9 3
        ShearX        9 4   AutoContrast  8 ·
        ShearY        9 8   Invert        4 ·
        ShearY        9 5   Solarize      2 6
        Invert        9 ·   AutoContrast  8 ·
        Equalize      6 ·   Rotate        9 3
        ShearX        9 4   Solarize      3 3
        ShearY        8 8   Invert        7 ·
        Equalize      9 ·   TranslateY    6 6
        Invert        9 ·   Equalize      6 ·
        Contrast      3 3   Rotate        8 4
        Invert        8 ·   TranslateY    0 2
        ShearY        7 6   Solarize      4 8
        Invert        6 ·   Rotate        8 4
        ShearY        3 7   TranslateX    9 3
        ShearX        1 6   Invert        6 ·
        Solarize      7 2   TranslateY    6 7
        ShearY        8 4   Invert        8 ·
        ShearX        7 9   TranslateY    8 3
        ShearY        8 5   AutoContrast  7 ·
        ShearX        7 2   Invert        1 ·
    """),
}
