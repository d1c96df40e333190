"""A network without values: what it does with shapes can be seen without computing anything."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def on_meta(model: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers have shapes but no values, and take no memory."""

    def without_values(tensor: Tensor) -> Tensor:
        empty = torch.empty_like(tensor, device="meta")
        return nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty

    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): without_values(tensor) for tensor in tensors})
