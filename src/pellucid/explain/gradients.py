"""How a score changes with the pixels: the gradient itself, and the gradient times the input.

Saliency: Simonyan, Vedaldi & Zisserman 2014, "Deep inside convolutional networks" (arXiv:1312.6034).
Input × gradient: Shrikumar et al. 2016, "Not just a black box" (arXiv:1605.01713).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pellucid.explain.looking import look_at_input
from pellucid.explain.target import Target
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

Channels = Literal["largest", "sum"]
"""How a pixel's channels become one number: the largest |∂|, as in the paper, or the signed sum."""

UNSIGNED = "magnitudes: where the score reacts, not whether for or against"


def reduced(gradient: Tensor, channels: Channels) -> Tensor:
    """(b, c, h, w) → (b, h, w)."""
    if channels not in ("largest", "sum"):
        raise InputError(f"channels are reduced to their 'largest' or their 'sum'; got {channels!r}")
    return gradient.abs().amax(1) if channels == "largest" else gradient.sum(1)


def unsigned(channels: Channels) -> tuple[str, ...]:
    return (UNSIGNED,) if channels == "largest" else ()


def saliency(
    model: nn.Module, inputs: Tensor, target: Target | None = None, *, channels: Channels = "largest"
) -> Heatmap:
    """∂score/∂pixel."""
    seen = look_at_input(model, inputs, target)
    values = reduced(seen.gradients[0], channels)
    return seen.heatmap(values, "saliency", options={"channels": channels}, notes=unsigned(channels))


def input_x_gradient(model: nn.Module, inputs: Tensor, target: Target | None = None) -> Heatmap:
    """Σ_channels x · ∂score/∂x, with x as the network sees it: exact for a network that is linear and without
    biases; its 0 is the grey that preprocessing takes to 0.
    """
    seen = look_at_input(model, inputs, target)
    return seen.heatmap((seen.inputs.float() * seen.gradients[0]).sum(1), "input-x-gradient")


METHODS = {"saliency": saliency, "input-x-gradient": input_x_gradient}
