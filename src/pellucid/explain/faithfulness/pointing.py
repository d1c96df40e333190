"""The pointing game: Zhang et al. 2018, "Top-down neural attention by excitation backprop", IJCV 126
(arXiv:1608.00507), section 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.explain.faithfulness.order import at_pixels
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

MARGIN = 15 / 224
"""What the paper allows, 15 pixels beside the object, as a part of the shorter side that pictures had there:
coarse maps are not to be judged by half a cell.
"""


def pointing_game(heatmap: Heatmap, masks: Tensor, *, tolerance: float = 0.0) -> Tensor:
    """Whether the map's greatest value lies on the object or at most `tolerance` pixels from it, (b,) bool.

    `masks` (b, h, w) bool are true on the object. A map without evidence points nowhere: a miss.
    """
    maps = at_pixels(heatmap)
    if masks.shape != maps.shape or masks.dtype != torch.bool:
        raise InputError(
            f"masks are bool and as large as the pictures, {tuple(maps.shape)}; "
            f"got {masks.dtype} {tuple(masks.shape)}"
        )
    width = maps.shape[2]
    best = maps.flatten(1).argmax(1)
    y, x = best.div(width, rounding_mode="floor"), best % width
    hits = []
    for place, mask in enumerate(masks.to(maps.device)):
        on = mask.nonzero().double()
        distance = ((on[:, 0] - y[place]).square() + (on[:, 1] - x[place]).square()).sqrt()
        hits.append(bool((distance <= tolerance).any()) and not heatmap.empty[place])
    return torch.tensor(hits)


def masks_of_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """(b, 4) boxes (left, top, right, bottom) in pixels → (b, h, w) bool: pixels whose centres lie inside."""
    y, x = (torch.arange(side, device=boxes.device) + 0.5 for side in size)
    left, top, right, bottom = boxes[:, :, None].unbind(1)
    rows, columns = (top <= y) & (y < bottom), (left <= x) & (x < right)
    return rows[:, :, None] & columns[:, None, :]
