"""Other backward passes of rectifiers: guided back-propagation and deconvolution.

Deconvolution: Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks" (arXiv:1311.2901).
Guided back-propagation: Springenberg et al. 2015, "Striving for simplicity" (arXiv:1412.6806).

Both hardly depend on the network's upper layers, nor on the class (Adebayo et al. 2018, "Sanity checks for
saliency maps", arXiv:1810.03292): what they show is the picture's edges. Their maps say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.explain.gradients import Channels, reduced, unsigned
from pellucid.explain.looking import Seen, look_at_input
from pellucid.explain.override import (
    OTHER_ACTIVATIONS,
    RECTIFIERS,
    SQUASHING,
    Function,
    Overriding,
    functions,
    name_of,
)
from pellucid.explain.target import Target
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

Backward = Callable[[Tensor, Tensor], Tensor]
"""(the gradient from above, where the rectifier let its input through) → the gradient below."""

CLAMPS = functions("hardtanh clamp clip clamp_min threshold")
"""Some of them are rectifiers, by their limits: `nn.ReLU6` is a hardtanh from 0 to 6."""

NO_RECTIFIERS = (OTHER_ACTIVATIONS | SQUASHING) - CLAMPS

EDGE_LIKE = "edge-like: depends little on the network's upper layers and on the class (Adebayo et al. 2018)"


def guided_backpropagation(
    model: nn.Module, inputs: Tensor, target: Target | None = None, *, channels: Channels = "largest"
) -> Heatmap:
    """The gradient, of which rectifiers let through only what is positive, where they let their input
    through. Raises `InputError` for a network without rectifiers.
    """
    return _map(model, inputs, target, channels, "guided-backpropagation", lambda g, on: g.clamp(min=0) * on)


def deconvolution(
    model: nn.Module, inputs: Tensor, target: Target | None = None, *, channels: Channels = "largest"
) -> Heatmap:
    """The gradient, of which rectifiers let through what is positive, wherever it comes from."""
    return _map(model, inputs, target, channels, "deconvolution", lambda g, on: g.clamp(min=0))


def _map(
    model: nn.Module, inputs: Tensor, target: Target | None, channels: Channels, name: str, backward: Backward
) -> Heatmap:
    seen, rectifiers = _seen(model, inputs, target, backward)
    others = rectifiers.others
    if not rectifiers.count:
        has = f"its activations are {', '.join(others)}" if others else "it has none that could be seen"
        raise InputError(
            f"{name} is defined for rectifiers (ReLU) alone, and the network has none: {has}; "
            "take saliency, smooth-grad or integrated-gradients"
        )
    notes = [EDGE_LIKE, *unsigned(channels)]
    if others:
        notes.append(f"not defined for {', '.join(others)}, through which the plain gradient passed")
    options = {"channels": channels, "rectifiers": rectifiers.count}
    return seen.heatmap(reduced(seen.gradients[0], channels), name, options=options, notes=tuple(notes))


def _seen(
    model: nn.Module, inputs: Tensor, target: Target | None, backward: Backward
) -> tuple[Seen, _Rectifiers]:
    mode = _Rectifiers(backward)
    with mode:
        return look_at_input(model, inputs, target), mode


class _Rectifiers(Overriding):
    """Rectifiers with another backward pass, whether they are modules, functions or methods."""

    def __init__(self, backward: Backward) -> None:
        super().__init__()
        self.count = 0
        self._backward = backward
        self._others = Counter[str]()

    @property
    def others(self) -> tuple[str, ...]:
        """Activations that are no rectifiers, with how often they ran where it was more than once."""
        counts = sorted(self._others.items())
        return tuple(f"{name} (×{count})" if count > 1 else name for name, count in counts)

    def replaces(self, function: Function) -> bool:
        return function in RECTIFIERS or function in CLAMPS or function in NO_RECTIFIERS

    def replacement(self, function: Function, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        x = arguments[0]
        if function in NO_RECTIFIERS or not _rectifies(function, arguments, options):
            self._others[name_of(function)] += 1
            return function(*arguments, **options)
        self.count += 1
        return _Rectified.apply(x, lambda x: function(x, *arguments[1:], **options), self._backward)


def _rectifies(function: Function, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Whether a clamp, with its limits, is a rectifier: 0 below 0, and small values as they are."""
    probe = arguments[0].new_tensor([-1000.0, -1.0, 0.0, 0.5])
    return bool(function(probe, *arguments[1:], **options).tolist() == [0.0, 0.0, 0.0, 0.5])


class _Rectified(torch.autograd.Function):
    """A rectifier that hands back what `backward` makes of a gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rectifier: Callable[[Tensor], Tensor], backward: Backward) -> Tensor:
        result = rectifier(x)
        ctx.on, ctx.backward_of = (x > 0) & (result == x), backward  # ReLU6 is off above 6
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.backward_of(gradient, ctx.on), None, None


METHODS = {"guided-backpropagation": guided_backpropagation, "deconvolution": deconvolution}
