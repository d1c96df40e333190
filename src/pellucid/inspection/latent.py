"""Ways through a space of codes: walks, planes, the vector from one attribute to another. Codes are (k,) or
(n, k); who decodes them is not this module's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pellucid.types.errors import InputError


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane through a space of codes: `centre` (k,), and two directions `axes` (2, k) of length 1 at right
    angles, called `names`. Places on it are (n, 2), in the codes' own units; `words` say which plane it is.
    """

    centre: Tensor
    axes: Tensor
    names: tuple[str, str]
    words: str

    @classmethod
    def principal(cls, codes: Tensor) -> Self:
        """The plane of greatest variance of codes (n, k) through their mean, as `projection.project` has it
        by "pca". Raises `InputError` for codes of one number.
        """
        _check_plane(codes)
        centred = codes.double() - codes.double().mean(0)
        _, singular, axes = torch.linalg.svd(centred, full_matrices=False)
        signs = axes[torch.arange(len(axes)), axes.abs().argmax(1)].sign()
        energy = singular.square()
        share = float(energy[:2].sum() / energy.sum().clamp_min(torch.finfo(energy.dtype).tiny))
        words = f"the two principal directions of the codes, which hold {100 * share:.0f} % of their variance"
        directions = (axes * signs[:, None])[:2].float()
        return cls(codes.mean(0), directions, ("direction 1", "direction 2"), words)

    @classmethod
    def of_numbers(cls, codes: Tensor, numbers: Sequence[int], *, prior: bool) -> Self:
        """Two numbers of the code; the others stay 0 where the codes have a `prior`, else at their mean.
        Raises `InputError` for numbers that the code does not have.
        """
        _check_plane(codes)
        across, along = check_numbers(numbers, codes.shape[1])
        axes = torch.eye(codes.shape[1])[[across, along]]
        centre = torch.zeros(codes.shape[1]) if prior else codes.mean(0)
        rest = "0, the middle of the prior" if prior else "their mean over the data"
        words = f"the numbers {across} and {along} of the code"
        if codes.shape[1] > 2:
            words += f"; where something is decoded, the others are {rest}"
        return cls(centre - axes.T @ (axes @ centre), axes, (f"number {across}", f"number {along}"), words)

    def places(self, codes: Tensor) -> Tensor:
        """Where codes (n, k) fall on the plane, at right angles to it, (n, 2)."""
        return (codes - self.centre) @ self.axes.T

    def codes(self, places: Tensor) -> Tensor:
        """The codes (n, k) of places (n, 2) on the plane itself."""
        return self.centre + places @ self.axes


def _check_plane(codes: Tensor) -> None:
    if codes.ndim != 2 or codes.shape[1] < 2 or len(codes) < 3:
        raise InputError(
            f"a plane needs three codes or more, of two numbers or more; got {tuple(codes.shape)}"
        )


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
