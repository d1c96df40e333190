"""How much a layer's answer changes when the picture moves a little, which pooling is said to calm.

(LeCun et al. 1998 on sub-sampling; Zhang, "Making convolutional networks shift-invariant again", ICML 2019,
on how far it is true.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.inspection.modes import evaluation_mode
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class ShiftResponse:
    """For pictures moved by `shift` pixels: how much they themselves change, and how much the answer does,
    each as ‖moved − still‖ ÷ ‖still‖, the mean over the pictures and over moves to the right and down.
    """

    shift: int
    picture: float
    answer: float

    @property
    def passed_on(self) -> float:
        """The share of the change that the layer lets through; below 1 it is calmed."""
        return self.answer / self.picture if self.picture else 0.0


def shift_responses(
    layer: Callable[[Tensor], Tensor] | nn.Module, pictures: Tensor, shifts: Sequence[int] = (1, 2, 4)
) -> list[ShiftResponse]:
    """Move `pictures` (b, c, h, w) by each of `shifts` and see how much `layer` answers differently at the
    same places.

    What is looked at is a crop of each picture, as far from the border as the greatest shift, so that real
    pixels come in where others leave. A module runs in evaluation mode, and is left as it was.
    """
    margin = max(shifts, default=0)
    if not shifts or min(shifts) < 1:
        raise InputError(f"shifts are whole pixels from 1 on; got {', '.join(map(str, shifts)) or 'none'}")
    if pictures.ndim != 4 or min(pictures.shape[2:]) <= 2 * margin:
        shape = "×".join(map(str, pictures.shape))
        raise InputError(
            f"pictures (b, c, h, w) must be more than {2 * margin} pixels high and wide for shifts of "
            f"{margin}; got {shape}"
        )
    if isinstance(layer, nn.Module):
        with evaluation_mode(layer):
            return _responses(layer, pictures, shifts, margin)
    return _responses(layer, pictures, shifts, margin)


@torch.no_grad()
def _responses(
    layer: Callable[[Tensor], Tensor], pictures: Tensor, shifts: Sequence[int], margin: int
) -> list[ShiftResponse]:
    still = moved_crop(pictures, margin, 0, 0)
    answer = layer(still)
    found = []
    for shift in shifts:
        moved = [moved_crop(pictures, margin, down, right) for down, right in ((shift, 0), (0, shift))]
        own = torch.stack([_change(each, still) for each in moved]).mean()
        others = torch.stack([_change(layer(each), answer) for each in moved]).mean()
        found.append(ShiftResponse(shift, float(own), float(others)))
    return found


def moved_crop(pictures: Tensor, margin: int, down: int, right: int) -> Tensor:
    """`pictures` (b, c, h, w) without `margin` pixels a side, after they were moved by at most as many."""
    height, width = pictures.shape[2] - 2 * margin, pictures.shape[3] - 2 * margin
    top, left = margin - down, margin - right
    return pictures[:, :, top : top + height, left : left + width]


def _change(moved: Tensor, still: Tensor) -> Tensor:
    """(b,): ‖moved − still‖ ÷ ‖still‖."""
    difference = (moved - still).flatten(1).float().norm(dim=1)
    size = still.flatten(1).float().norm(dim=1)
    change: Tensor = difference / size.clamp_min(torch.finfo(torch.float32).tiny)
    return change
