"""What explaining begins with: inputs where the weights are, and what is explained of each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pellucid.explain.target import Settled, Target, likeliest
from pellucid.inspection.capture import unwrapped
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.running import run
from pellucid.types.errors import InputError


def fitting(model: nn.Module, inputs: Tensor) -> Tensor:
    """The inputs on the device of the network's weights and, where these agree on one, in their dtype; a
    tensor of its own, which a network may change. Raises `InputError` for anything but (b, c, h, w) floats.
    """
    if inputs.ndim != 4 or not inputs.is_floating_point() or not len(inputs):
        kind = str(inputs.dtype).removeprefix("torch.")
        raise InputError(
            "expected pictures (b, c, h, w) as the network sees them, floats and normalised; "
            f"got {tuple(inputs.shape)} {kind}"
        )
    weights = [weight for weight in unwrapped(model).parameters() if weight.is_floating_point()]
    if not weights:
        return inputs.detach().clone()
    dtypes = {weight.dtype for weight in weights}
    dtype = weights[0].dtype if len(dtypes) == 1 else inputs.dtype
    with torch.inference_mode(False):
        return inputs.detach().to(weights[0].device, dtype, copy=True)


def settle(model: nn.Module, inputs: Tensor, target: Target | None) -> tuple[Settled, Any]:
    """What is explained of each of `inputs` (as `fitting` gives them), by default its likeliest class, and
    the network's output, without gradients.
    """
    with evaluation_mode(model), torch.no_grad():
        output = run(model, inputs)
    return (target or likeliest()).settled(output), output
