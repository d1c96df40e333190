"""Keeping the colours of a picture while its brightness is painted anew.

Gatys, Bethge, Hertzmann & Shechtman, "Preserving color in neural artistic style transfer", 2016
(arXiv:1606.05897), section 3.2: style goes over in luminance alone, whose mean and deviation in the style's
picture are first brought to those of the content's; hue and saturation stay.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Rows Y, I, Q of the television standard (FCC, 47 CFR 73.682), from RGB.
_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def luminance(pictures: Tensor) -> Tensor:
    """(b, 1 or 3, h, w) RGB in [0, 1] → (b, 1, h, w) in [0, 1]."""
    if pictures.shape[1] == 1:
        return pictures
    return torch.einsum("c,bchw->bhw", pictures.new_tensor(_YIQ[0]), pictures)[:, None]


def matched(values: Tensor, like: Tensor) -> Tensor:
    """`values` with the mean and the deviation of `like`, clamped to [0, 1]."""
    spread = values.std().clamp(min=1e-6)
    return ((values - values.mean()) * (like.std() / spread) + like.mean()).clamp(0, 1)


def coloured(brightness: Tensor, colours: Tensor) -> Tensor:
    """Pictures (b, 3, h, w) of this luminance (b, 1, h, w), with the chrominance (I and Q) of `colours`
    (b, 3, h, w); what no screen can show is clamped.
    """
    matrix = colours.new_tensor(_YIQ)
    parts = torch.einsum("rc,bchw->brhw", matrix, colours)
    parts = torch.cat([brightness, parts[:, 1:]], 1)
    return torch.einsum("rc,bchw->brhw", torch.linalg.inv(matrix), parts).clamp(0, 1)
