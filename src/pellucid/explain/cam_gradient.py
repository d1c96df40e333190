"""Class activation maps weighted by gradients: where the channels that speak for the target are active.

Each is a sum over the channels of a layer, activation A (b, c, h, w) times a weight that comes from the
gradient g of the target. The papers cut the sum off below zero; here negative values stay, as evidence
against.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn

from pellucid.explain.layers import LayerNames
from pellucid.explain.looking import look
from pellucid.explain.maps import Combine
from pellucid.explain.target import Target
from pellucid.types.heatmap import Heatmap


class GradientCam(Protocol):
    def __call__(
        self,
        model: nn.Module,
        inputs: Tensor,
        target: Target | None = None,
        *,
        layer: LayerNames = None,
        combine: Combine = "scaled",
    ) -> Heatmap:
        """See `explain.METHODS`; `combine` says how maps of several layers become one (`maps.combined`)."""


def _method(name: str) -> Callable[[Callable[[Tensor, Tensor], Tensor]], GradientCam]:
    """Makes a method of the sum over channels: activation and gradient (b, c, h, w) → map (b, h, w)."""

    def made(weighted: Callable[[Tensor, Tensor], Tensor]) -> GradientCam:
        def method(
            model: nn.Module,
            inputs: Tensor,
            target: Target | None = None,
            *,
            layer: LayerNames = None,
            combine: Combine = "scaled",
        ) -> Heatmap:
            seen = look(model, inputs, target, layer)
            maps = [weighted(*pair) for pair in zip(seen.activations, seen.gradients, strict=True)]
            return seen.heatmap(seen.combined(maps, combine), name, options=seen.combining(combine))

        method.__name__ = method.__qualname__ = weighted.__name__
        method.__doc__ = weighted.__doc__
        return method

    return made


@_method("grad-cam")
def grad_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Each channel weighs what its gradient is on average over the map (Selvaraju et al. 2017, eq. 1–2)."""
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1)


@_method("grad-cam++")
def grad_cam_plus_plus(activation: Tensor, gradient: Tensor) -> Tensor:
    """Positions weigh differently, so that several objects of the class count alike (Chattopadhay et al.
    2018, eq. 10 and 19: w = Σ α·relu(g), α = g² / (2g² + ΣA·g³) = 1 / (2 + ΣA·g)).

    The paper's factor exp(score), the same for all of a picture, is left out.
    """
    below = 2 + activation.sum((2, 3), keepdim=True) * gradient
    alpha = below.reciprocal().where((below != 0) & (gradient > 0), 0)
    weight = (alpha * gradient).sum((2, 3), keepdim=True)
    return (weight * activation).sum(1)


@_method("xgrad-cam")
def xgrad_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """A channel weighs its gradient averaged where it is active, so that the map adds up to what gradient ×
    activation does (Fu et al. 2020, eq. 7: w = Σ g·A / ΣA).
    """
    total = activation.sum((2, 3), keepdim=True)
    share = activation / total.where(total != 0, 1)
    return ((gradient * share).sum((2, 3), keepdim=True) * activation).sum(1)


@_method("hires-cam")
def hires_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Gradient times activation at every position: what the target would lose there, exactly, where one
    linear layer follows (Draelos & Carin 2020).
    """
    return (gradient * activation).sum(1)


@_method("layer-cam")
def layer_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Positive gradients alone weigh activations, position by position, which keeps detail in early layers
    (Jiang et al. 2021, eq. 5).
    """
    return (gradient.relu() * activation).sum(1)


METHODS = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "xgrad-cam": xgrad_cam,
    "hires-cam": hires_cam,
    "layer-cam": layer_cam,
}
