"""Class activation maps as first described, for networks that average their last maps into one linear
layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.explain.layers import LayerNames
from pellucid.explain.looking import Seen, look
from pellucid.explain.target import Target
from pellucid.inspection.capture import named_layers, unwrapped
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

TOLERANCE = 1e-3  # relative, of the completeness that the method rests on; more where rounding is coarser


def cam(
    model: nn.Module, inputs: Tensor, target: Target | None = None, *, layer: LayerNames = None
) -> Heatmap:
    """The last linear layer's weights of the class times the maps that are averaged before it (Zhou et al.
    2016, eq. 2): the mean of the map and the layer's bias are the class's score, exactly.

    It rests on that, so it is checked on every picture; `InputError` where another kind of head follows.
    """
    seen = look(model, inputs, target, layer)
    if len(seen.layers) != 1:
        raise InputError(f"cam looks at one layer, the last map; got {len(seen.layers)}")
    activation, gradient = seen.activations[0], seen.gradients[0]
    cells = activation.shape[2] * activation.shape[3]
    values = cells * (gradient * activation).sum(1)
    bias, tolerance = _bias(unwrapped(model), seen), max(TOLERANCE, 8 * torch.finfo(seen.inputs.dtype).eps)
    error = seen.scores - bias - values.mean((1, 2))
    magnitude = cells * (gradient * activation).abs().sum(1).mean((1, 2))
    # Behind a rectified map the gradient is the weight where the map is above zero, and 0 elsewhere.
    spread = gradient.amax((2, 3)) - gradient.masked_fill(gradient == 0, torch.inf).amin((2, 3))
    one_weight = bool((spread[spread.isfinite()].abs() <= tolerance * gradient.abs().max()).all())
    averaged = one_weight or bool((gradient <= 0).all())
    if not averaged or bool((error.abs() > tolerance * magnitude + 1e-6).any()):
        raise _does_not_apply(model, seen)
    return seen.heatmap(seen.combined([values]), "cam", scores={"completeness error": error})


def _bias(model: nn.Module, seen: Seen) -> Tensor:
    """What the last linear layer adds to the score of each picture."""
    heads = [
        module
        for module in named_layers(model).values()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1))
    ]
    bias = heads[-1].bias if heads else None
    if bias is None:
        return torch.zeros_like(seen.scores)
    if not isinstance(seen.output, Tensor) or seen.output.shape[1:] != bias.shape:
        raise _does_not_apply(model, seen)
    return seen.settled(bias.detach().expand(len(seen.scores), -1))


def _does_not_apply(model: nn.Module, seen: Seen) -> InputError:
    return InputError(
        f"cam is for networks whose last maps are averaged into one linear layer; after "
        f"{seen.layers[0].address} {type(unwrapped(model)).__name__} goes on otherwise; grad-cam is the same "
        "idea for any network"
    )


METHODS = {"cam": cam}
