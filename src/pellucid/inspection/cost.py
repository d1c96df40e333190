"""What a network costs: parameters and multiply-adds, counted without computing anything."""

from __future__ import annotations

import torch
from torch import nn

from pellucid.inspection.counting import multiply_adds_in
from pellucid.inspection.trace import trace_on_meta
from pellucid.types.errors import InputError


def parameter_count(model: nn.Module) -> int:
    """How many numbers are learnt; shared parameters count once."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_adds(model: nn.Module, shape: tuple[int, ...]) -> int | None:
    """Multiply-adds for one input of `shape` (without the batch), as `counting` defines them; operations that
    it does not know count nothing.

    None if the network cannot run without values (its path depends on them), or not on this shape.
    """
    try:
        found = trace_on_meta(model, [torch.empty(1, *shape, device="meta")])
    except InputError:
        return None
    return multiply_adds_in(found)
