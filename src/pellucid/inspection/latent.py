"""Ways through a space of codes: walks, planes, the vector from one attribute to another. Codes are (k,) or
(n, k); who decodes them is not this module's matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid.types.errors import InputError


def linear_walk(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """(steps, k): evenly along the straight line from `start` (k,) to `end` (k,), both included."""
    share = _shares(start, end, steps)
    return (1 - share) * start + share * end


def spherical_walk(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """(steps, k): along the great circle between the two directions, with the length going evenly from one's
    to the other's.

    Codes of a normal prior lie near a sphere, whose inside a straight line cuts through: Shoemake, "Animating
    rotation with quaternion curves", SIGGRAPH 1985; White, "Sampling generative networks", 2016. Between
    codes of (nearly) one direction it is the straight line. Raises `InputError` for opposite ones, between
    which there is no shortest way, and where one is 0.
    """
    share = _shares(start, end, steps)
    lengths = start.norm(), end.norm()
    if not (lengths[0] > 0 and lengths[1] > 0):
        raise InputError("a spherical walk needs codes with a direction; one of these is 0 everywhere")
    first, last = start / lengths[0], end / lengths[1]
    angle = torch.arccos((first @ last).clamp(-1, 1))
    if angle < 1e-3:
        return linear_walk(start, end, steps)
    if angle > torch.pi - 1e-3:
        raise InputError("these codes lie opposite one another; there is no one great circle between them")
    towards = (((1 - share) * angle).sin() * first + (share * angle).sin() * last) / angle.sin()
    walk: Tensor = towards * ((1 - share) * lengths[0] + share * lengths[1])
    return walk


def _shares(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """(steps, 1) from 0 to 1."""
    if start.ndim != 1 or start.shape != end.shape:
        raise InputError(
            f"a walk goes from one code (k,) to another; got {tuple(start.shape)} and {tuple(end.shape)}"
        )
    if steps < 2:
        raise InputError(f"a walk has at least 2 steps, its ends; got {steps}")
    return torch.linspace(0, 1, steps, device=start.device)[:, None]


def plane(centre: Tensor, numbers: Sequence[int], spans: Tensor, count: int) -> Tensor:
    """(count, count, k): `centre` (k,) but for two of its `numbers`, the first of which goes evenly through
    `spans[0]` (low, high) along the columns, the second through `spans[1]` from the last row to the first.

    Raises `InputError` for a number that the code does not have.
    """
    across, along = check_numbers(numbers, len(centre))
    if count < 2:
        raise InputError(f"a plane of codes needs 2 rows and columns or more; got {count}")
    codes = centre.repeat(count, count, 1)
    steps = torch.linspace(0, 1, count, device=centre.device)
    (left, right), (low, high) = spans
    codes[:, :, across] = left + (right - left) * steps
    codes[:, :, along] = (high + (low - high) * steps)[:, None]
    return codes


def check_numbers(numbers: Sequence[int], code: int) -> tuple[int, int]:
    """The two different places in a code of `code` numbers that were meant."""
    if len(numbers) != 2 or numbers[0] == numbers[1]:
        raise InputError(f"a plane is spanned by two different numbers of the code; got {list(numbers)}")
    for number in numbers:
        if not 0 <= number < code:
            raise InputError(
                f"number {number} of the code was asked for; this network's code has the numbers 0 to "
                f"{code - 1}"
            )
    return numbers[0], numbers[1]


def attribute_vector(codes: Tensor, labels: Tensor, start: int, end: int) -> Tensor:
    """(k,): from the mean code of class `start` to that of class `end`, of codes (n, k) and labels (n,).

    Adding it should change that attribute and leave the others: Larsen et al., "Autoencoding beyond pixels
    using a learned similarity metric", ICML 2016. Raises `InputError` for a class without a sample.
    """
    means = []
    for label in (start, end):
        if not (labels == label).any():
            raise InputError(f"class {label} has no sample here, so no mean code")
        means.append(codes[labels == label].mean(0))
    return means[1] - means[0]
