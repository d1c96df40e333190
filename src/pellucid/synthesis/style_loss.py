"""What is measured between a picture and its two models, the one for content and the one for style.

Gatys, Ecker & Bethge, "Image style transfer using convolutional neural networks", CVPR 2016: a picture has
the content of another if deep layers answer the same at the same places (eq. 1), and the style if, in several
layers, channels answer together as often (Gram matrices, eq. 3 and 4), wherever that is.

Where we deviate: each layer's error is taken relative to what is wanted there, ‖F − P‖² / ‖P‖² and
‖G − A‖² / ‖A‖², and averaged over the layers. Activations of different layers, and of different networks,
differ by orders of magnitude; relative errors do not, so that one set of weights suits them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pellucid.inspection.capture import Key

Wanted = Mapping[Key, Tensor]
"""What layers are to answer, or their Gram matrices, of one picture or of each of a batch."""


class _Gram(torch.autograd.Function):
    """(b, places, c) → (b, c, c). What autograd would take two multiplications for is one, as the matrix is
    symmetric; and the gradient lies in memory as the maps do, which saves what follows from copying it.
    """

    @staticmethod
    def forward(ctx: Any, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        return (places.mT @ places).to(torch.promote_types(places.dtype, torch.float32)) / places.shape[1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (places,) = ctx.saved_tensors
        both = (gradient + gradient.mT) / places.shape[1]
        return torch.matmul(places, both.to(places.dtype))


def gram(maps: Tensor) -> Tensor:
    """(b, c), (b, c, tokens) or (b, c, h, w) → (b, c, c): the mean over the places of the product of every
    two channels, in one multiplication of matrices, which adds up in float32 whatever the maps are in.
    """
    flat = maps.flatten(2) if maps.ndim > 2 else maps[..., None]
    result: Tensor = _Gram.apply(flat.mT)
    return result


def content_loss(seen: Mapping[Key, Tensor], wanted: Wanted) -> Tensor:
    """How far answers are from those wanted, relative to these, (b,); the mean over layers."""
    return torch.stack([_relative(seen[key].float(), target) for key, target in wanted.items()]).mean(0)


def style_loss(seen: Mapping[Key, Tensor], wanted: Wanted) -> Tensor:
    """The same of Gram matrices; those wanted are (1 or b, c, c)."""
    return torch.stack([_relative(gram(seen[key]), target) for key, target in wanted.items()]).mean(0)


def total_variation(pictures: Tensor) -> Tensor:
    """The mean square of the difference between neighbours, down and to the right, of pictures (b, c, h, w)
    in [0, 1], (b,) (Mahendran & Vedaldi 2015 with β = 2).
    """
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).square()
    right = (pictures[..., 1:] - pictures[..., :-1]).square()
    return (down.flatten(1).sum(1) + right.flatten(1).sum(1)) / pictures[0].numel()


def outside(pictures: Tensor) -> Tensor:
    """The mean square of how far values are outside [0, 1]."""
    return (pictures - pictures.clamp(0, 1)).square().mean()


def _relative(found: Tensor, wanted: Tensor) -> Tensor:
    """‖found − wanted‖² / ‖wanted‖² of each of a batch, (b,)."""
    apart = (found - wanted).square().flatten(1).sum(1)
    # What is wanted may be silence.
    size = wanted.square().flatten(1).sum(1).clamp(min=torch.finfo(torch.float32).eps)
    return apart / size
