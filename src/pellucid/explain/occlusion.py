"""Occlusion: Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks" (arXiv:1311.2901),
section 4.2: how much the score falls when a window of the picture is hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.explain.baselines import baseline
from pellucid.explain.looking import Options, pictures_alone
from pellucid.explain.target import Target
from pellucid.explain.trying import AT_ONCE, tried
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap


def occlusion(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    window: int = 0,
    stride: int = 0,
    hidden_by: str = "mean",
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
) -> Heatmap:
    """At each pixel, f(picture) − f(picture without a window), the mean over the windows that hold the pixel.

    `window` and `stride` are in pixels; 0 is a 7th of the shorter side, and half a window. The last window of
    a row or column ends where the picture does. `hidden_by` is a baseline (`explain.baselines`).
    """
    with pictures_alone(model, inputs, target) as seen:
        pictures = seen.inputs
        height, width = pictures.shape[2:]
        window = window or max(1, min(height, width) // 7)
        stride = stride or max(1, window // 2)
        if not 1 <= window <= min(height, width) or not 1 <= stride <= window:
            raise InputError(
                f"a window lies in the picture of {height}×{width} and strides are at most its size; "
                f"got a window of {window} with stride {stride}"
            )
        corners = [(y, x) for y in _starts(height, window, stride) for x in _starts(width, window, stride)]
        cover = baseline(pictures, hidden_by, preprocessing, seed)
        count = len(pictures)
        rows = torch.arange(count, device=pictures.device).repeat(len(corners))

        def hidden(numbers: Tensor) -> Tensor:
            made = pictures[rows[numbers]].clone()
            for place, number in enumerate(numbers.tolist()):
                y, x = corners[number // count]
                area = (slice(None), slice(y, y + window), slice(x, x + window))
                made[place][area] = cover[number % count][area]
            return made

        fall = seen.scores.repeat(len(corners)) - tried(model, seen.settled, rows, hidden, batch)
    total, covered = torch.zeros(count, height, width, device=pictures.device), torch.zeros(height, width)
    for (y, x), falls in zip(corners, fall.view(len(corners), count), strict=True):
        total[:, y : y + window, x : x + window] += falls.view(-1, 1, 1)
        covered[y : y + window, x : x + window] += 1
    options: Options = {"window": window, "stride": stride, "hidden_by": hidden_by, "seed": seed}
    return seen.heatmap(total / covered.to(total.device), "occlusion", options=options)


def _starts(side: int, window: int, stride: int) -> list[int]:
    """Where windows begin, so that they cover the whole side."""
    return [*range(0, side - window, stride), side - window]


METHODS = {"occlusion": occlusion}
