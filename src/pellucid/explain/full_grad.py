"""Full-gradients: the target split among the input and every bias on the way."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from pellucid.explain.looking import heatmap
from pellucid.explain.maps import Combine, combined
from pellucid.explain.placing import frames_of
from pellucid.explain.running import fitting
from pellucid.explain.target import Target, likeliest, said_of_output
from pellucid.inspection.capture import Key, capture, unwrapped
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.parts import named_parts
from pellucid.inspection.running import run
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
_OTHERWISE = (nn.LayerNorm, nn.GroupNorm, nn.MultiheadAttention, nn.modules.instancenorm._InstanceNorm)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def full_grad(
    model: nn.Module, inputs: Tensor, target: Target | None = None, *, combine: Combine = "scaled"
) -> Heatmap:
    """Input × gradient and, from every layer, bias × gradient (Srinivas & Fleuret 2019, eq. 4 and 7), brought
    to one map.

    `combine` "scaled" is the paper's map: the magnitudes of each layer, divided by their greatest, on
    average. With "sum" the signed parts are added, each enlarged with its sum kept. Behind ReLU, pooling and
    batch norm in evaluation mode they add up to the target, exactly; "completeness error" is how much they
    miss it by. What the biases of linear layers add has no place on the picture. Raises `InputError` for
    networks that normalise by what comes in, where biases are not all that is added, and for those in which
    no layer has a bias.
    """
    _check(unwrapped(model))
    inputs, target = fitting(model, inputs), target or likeliest()
    # The input as a layer: its gradient comes from the same backward pass.
    whole = nn.Sequential(OrderedDict(input=nn.Identity(), network=unwrapped(model)))
    modules = dict(named_parts(whole))
    biases = {name: bias for name, module in modules.items() if (bias := _bias(module)) is not None}
    if not biases:
        raise InputError(
            f"full-grad adds what biases do, and no layer of {type(unwrapped(model)).__name__} has one; "
            "input x gradient is the same for such a network"
        )
    with evaluation_mode(model):
        with capture(whole, ["input", *biases], keep=lambda *_: None, gradients=True) as seen:
            output = run(whole, inputs)
            settled = target.settled(output)
            scores = settled(output)
            total = scores.sum()
        gradients = seen.gradients_of(total)
    own = inputs.float() * gradients.pop(("input", 0)).float()
    parts = {("input", 0): own, **_parts(gradients, biases)}
    missed = sum((part.flatten(1).sum(1) for part in parts.values()), -scores.detach())
    placed = frames_of(whole, inputs)
    pixels = inputs.shape[2] * inputs.shape[3]
    maps = []
    for key, part in parts.items():
        if part.ndim == 4:
            frame = placed.get(key)
            cells = part.shape[2] * part.shape[3] if frame is None else frame.area
            summed = part.abs().sum(1) if combine == "scaled" else cells / pixels * part.sum(1)
            maps.append(summed if frame is None else frame.cut(summed))
    return heatmap(
        inputs,
        settled,
        combined(maps, combine),
        "full-grad",
        options={"combine": combine},
        scores={"target": scores, "completeness error": missed},
        notes=said_of_output(output),
    )


def _check(model: nn.Module) -> None:
    for name, module in named_parts(model):
        if isinstance(module, _OTHERWISE):
            raise InputError(
                f"full-grad splits the target among the biases of piecewise linear networks; {name} "
                f"({type(module).__name__}) is no part of such a one; integrated gradients fit any network"
            )


def _parts(gradients: dict[Key, Tensor | None], biases: dict[str, Tensor]) -> dict[Key, Tensor]:
    """Bias × gradient of each call of each layer, (b, c, h, w) or (b, features)."""
    parts = {}
    for key, gradient in gradients.items():
        if gradient is not None:
            bias = biases[key[0]].float()
            along = (1, -1) + (1,) * (gradient.ndim - 2) if gradient.ndim == 4 else (-1,)
            parts[key] = bias.reshape(along) * gradient.float()
    return parts


def _bias(module: nn.Module) -> Tensor | None:
    """What a layer adds, whatever comes in; in a batch norm what is left of mean and shift."""
    if isinstance(module, (*_CONVOLUTIONS, nn.Linear)):
        return None if module.bias is None else module.bias.detach()
    if isinstance(module, _BATCH_NORMS) and module.running_mean is not None:
        mean, variance = module.running_mean, module.running_var
        scale = torch.rsqrt(torch.as_tensor(variance) + module.eps)
        if not module.affine:
            return -mean * scale
        return (module.bias - module.weight * mean * scale).detach()
    return None


METHODS = {"full-grad": full_grad}
