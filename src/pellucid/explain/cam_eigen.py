"""What a layer's channels agree on: the first principal component of its activations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.explain.layers import LayerNames
from pellucid.explain.looking import look
from pellucid.explain.maps import Combine
from pellucid.explain.target import Target
from pellucid.types.heatmap import Heatmap


def eigen_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    combine: Combine = "scaled",
    centred: bool = False,
) -> Heatmap:
    """Activations projected on their first right singular vector (Muhammad & Yeasin 2020, eq. 4–5).

    It asks no class: every target gives the same map. `centred` takes each channel's mean away first, which
    helps where activations have both signs. The component's sign, which the decomposition leaves open, is
    the one with which the map agrees with the sum of the channels.
    """
    seen = look(model, inputs, target, layer, gradients=False)
    maps = [first_component(each, each.sum(1), centred=centred) for each in seen.activations]
    return seen.heatmap(
        seen.combined(maps, combine),
        "eigen-cam",
        options={**seen.combining(combine), "centred": centred},
        notes=("looks at the layer alone: the same for every target",),
    )


def eigen_grad_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    combine: Combine = "scaled",
    centred: bool = False,
) -> Heatmap:
    """The first component of gradient × activation: Eigen-CAM that asks for the class (as
    pytorch-grad-cam's EigenGradCAM). Its sign is that of the sum of gradient × activation, HiRes-CAM's map.
    """
    seen = look(model, inputs, target, layer)
    products = [g * a for g, a in zip(seen.gradients, seen.activations, strict=True)]
    maps = [first_component(each, each.sum(1), centred=centred) for each in products]
    options = {**seen.combining(combine), "centred": centred}
    return seen.heatmap(seen.combined(maps, combine), "eigen-grad-cam", options=options)


def first_component(values: Tensor, like: Tensor, *, centred: bool = False) -> Tensor:
    """(b, c, h, w) → (b, h, w): each position's coordinate on the first right singular vector of the matrix
    (positions, channels), with the sign that makes it agree with `like` (b, h, w).

    Of the Gram matrix of positions or of channels, whichever is smaller, the first eigenvector suffices.
    """
    rows = values.flatten(2).transpose(1, 2)
    if centred:
        rows = rows - rows.mean(1, keepdim=True)
    scale = rows.abs().amax((1, 2), keepdim=True)
    rows = rows / scale.where(scale > 0, 1)  # squares neither vanish nor overflow
    if rows.shape[1] <= rows.shape[2]:
        strengths, vectors = torch.linalg.eigh(rows @ rows.mT)
        component = vectors[:, :, -1] * strengths[:, -1:].clamp(min=0).sqrt()
    else:
        component = (rows @ torch.linalg.eigh(rows.mT @ rows)[1][:, :, -1:])[:, :, 0]
    agreement = (component * like.flatten(1)).sum(1, keepdim=True)
    component = torch.where(agreement < 0, -component, component) * scale[:, 0]
    return component.reshape(like.shape)


METHODS = {"eigen-cam": eigen_cam, "eigen-grad-cam": eigen_grad_cam}
