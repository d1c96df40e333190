"""What a network costs: parameters and multiply-adds, counted without computing anything."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pellucid.inspection.capture import unwrapped
from pellucid.inspection.modes import evaluation_mode

# What a forward pass raises that finds a shape it does not take, or no values where it looks at some.
_CANNOT_RUN = (RuntimeError, ValueError, TypeError, AttributeError, LookupError, AssertionError)


def parameter_count(model: nn.Module) -> int:
    """How many numbers are learnt; shared parameters count once."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_adds(model: nn.Module, shape: tuple[int, ...]) -> int | None:
    """Multiplications in convolutions, dense layers and attention for one input of `shape` (without the
    batch).

    A multiply-add is one multiplication with its addition, half of what papers call two FLOPs. None if the
    network cannot run without values (its path depends on them), or not on this shape.
    """
    counter = FlopCounterMode(display=False)
    try:
        imitation = on_meta(unwrapped(model))
        with evaluation_mode(imitation), counter:
            imitation(torch.empty(1, *shape, device="meta"))
    except _CANNOT_RUN:
        return None
    return counter.get_total_flops() // 2


def on_meta(model: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers have shapes but no values, and take no memory."""

    def without_values(tensor: Tensor) -> Tensor:
        empty = torch.empty_like(tensor, device="meta")
        return nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty

    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): without_values(tensor) for tensor in tensors})
