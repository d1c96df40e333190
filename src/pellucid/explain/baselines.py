"""Pictures without what is to be explained: what a method puts where it takes pixels away.

They are said in pixels. What is black to a network depends on its preprocessing: 0 is often mean grey.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from pellucid.ops.random import seed_of
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError, unknown_name

BASELINES = ("mean", "black", "white", "grey", "blurred", "noise", "zero")
"""mean: each picture's own mean colour. black, white, grey: of the pixels, which needs the preprocessing.
blurred: the picture without detail. noise: every pixel any colour between black and white. zero: 0 as the
network sees it.
"""


def baseline(
    pictures: Tensor, name: str, preprocessing: Preprocessing | None = None, seed: int = 0
) -> Tensor:
    """Like `pictures` (b, c, h, w), as the network sees them. Raises `InputError` for a name that is unknown,
    or that cannot be without knowing the preprocessing.
    """
    match name:
        case "zero":
            return torch.zeros_like(pictures)
        case "mean":
            return pictures.mean((2, 3), keepdim=True).expand_as(pictures)
        case "blurred":
            return blurred(pictures)
        case "black" | "white" | "grey" | "noise":
            if preprocessing is None:
                raise InputError(
                    f"what is {name} to a network depends on how it sees pictures; give the preprocessing, "
                    "or take the baseline 'mean', 'blurred' or 'zero'"
                )
            black, white = (as_seen(pictures, pixel, preprocessing) for pixel in (0.0, 255.0))
            if name != "noise":
                return black + (white - black) * {"black": 0.0, "white": 1.0, "grey": 0.5}[name]
            drawn = torch.rand(pictures.shape, generator=torch.Generator().manual_seed(seed_of(seed)))
            return black + (white - black) * drawn.to(pictures)
    raise unknown_name("baseline", name, BASELINES)


def covered(
    pictures: Tensor,
    boxes: Sequence[tuple[int, int, int, int]],
    name: str,
    preprocessing: Preprocessing | None = None,
) -> Tensor:
    """`pictures` with the baseline `name` in `boxes` (top, left, bottom, right), in pixels; what lies beside
    the picture is left out.
    """
    fill = baseline(pictures, name, preprocessing)
    changed = pictures.clone()
    for top, left, bottom, right in boxes:
        if not (top < bottom and left < right):
            raise InputError(
                f"a box is (top, left, bottom, right) with room in it; got {(top, left, bottom, right)}"
            )
        rows, columns = slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right))
        changed[..., rows, columns] = fill[..., rows, columns]
    return changed


def as_seen(pictures: Tensor, pixel: float, preprocessing: Preprocessing) -> Tensor:
    """A picture of one stored value, 0…255, in the form of `pictures`, as the network sees it."""
    mean, std = (torch.tensor(numbers) for numbers in (preprocessing.mean, preprocessing.std))
    values = ((pixel * preprocessing.scale - mean) / std).view(1, -1, 1, 1)
    return values.to(pictures).expand_as(pictures)


def blurred(pictures: Tensor) -> Tensor:
    """Under a Gaussian whose deviation is a 20th of the picture's longer side: 11 pixels of 224."""
    side = max(pictures.shape[2:])
    sigma = max(side / 20, 0.5)
    reach = min(int(3 * sigma), min(pictures.shape[2:]) - 1)
    result: Tensor = gaussian_blur(pictures, [2 * reach + 1, 2 * reach + 1], [sigma, sigma])
    return result
