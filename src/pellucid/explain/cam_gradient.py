"""Class activation maps weighted by gradients: where the channels that speak for the target are active.

Each is a sum over the channels of a layer, activation A (b, c, h, w) times a weight that comes from the
gradient g of the target. The papers cut the sum off below zero; here negative values stay, as evidence
against.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from pellucid.explain.layers import LayerNames
from pellucid.explain.looking import look
from pellucid.explain.maps import Combine, combined
from pellucid.explain.target import Target
from pellucid.types.heatmap import Heatmap


def grad_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    combine: Combine = "scaled",
) -> Heatmap:
    """Each channel weighs what its gradient is on average over the map (Selvaraju et al. 2017, eq. 1–2).

    `combine` says how maps of several layers become one (`explain.maps.combined`).
    """

    def of(activation: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.mean((2, 3), keepdim=True) * activation).sum(1)

    return _map("grad-cam", of, model, inputs, target, layer, combine)


def grad_cam_plus_plus(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    combine: Combine = "scaled",
) -> Heatmap:
    """Positions weigh differently, so that several objects of the class count alike (Chattopadhay et al.
    2018, eq. 10 and 19: w = Σ α·relu(g), α = g² / (2g² + ΣA·g³) = 1 / (2 + ΣA·g)).

    The paper's factor exp(score), the same for all of a picture, is left out.
    """

    def of(activation: Tensor, gradient: Tensor) -> Tensor:
        below = 2 + activation.sum((2, 3), keepdim=True) * gradient
        alpha = below.reciprocal().where((below != 0) & (gradient > 0), 0)
        weight = (alpha * gradient).sum((2, 3), keepdim=True)
        return (weight * activation).sum(1)

    return _map("grad-cam++", of, model, inputs, target, layer, combine)


def xgrad_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    combine: Combine = "scaled",
) -> Heatmap:
    """A channel weighs its gradient averaged where it is active, so that the map adds up to what gradient ×
    activation does (Fu et al. 2020, eq. 7: w = Σ g·A / ΣA).
    """

    def of(activation: Tensor, gradient: Tensor) -> Tensor:
        total = activation.sum((2, 3), keepdim=True)
        share = activation / total.where(total != 0, 1)
        return ((gradient * share).sum((2, 3), keepdim=True) * activation).sum(1)

    return _map("xgrad-cam", of, model, inputs, target, layer, combine)


def hires_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    combine: Combine = "scaled",
) -> Heatmap:
    """Gradient times activation at every position: what the target would lose there, exactly, where one
    linear layer follows (Draelos & Carin 2020).
    """

    def of(activation: Tensor, gradient: Tensor) -> Tensor:
        return (gradient * activation).sum(1)

    return _map("hires-cam", of, model, inputs, target, layer, combine)


def layer_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    combine: Combine = "scaled",
) -> Heatmap:
    """Positive gradients alone weigh activations, position by position, which keeps detail in early layers
    (Jiang et al. 2021, eq. 5).
    """

    def of(activation: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.relu() * activation).sum(1)

    return _map("layer-cam", of, model, inputs, target, layer, combine)


def _map(
    method: str,
    of: Callable[[Tensor, Tensor], Tensor],
    model: nn.Module,
    inputs: Tensor,
    target: Target | None,
    layer: LayerNames,
    combine: Combine,
) -> Heatmap:
    seen = look(model, inputs, target, layer)
    maps = [of(*pair) for pair in zip(seen.activations, seen.gradients, strict=True)]
    return seen.heatmap(combined(maps, combine), method, options=seen.combining(combine))


METHODS = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "xgrad-cam": xgrad_cam,
    "hires-cam": hires_cam,
    "layer-cam": layer_cam,
}
