"""A network that looks on: fixed, never changed, asked again and again what it sees in a picture."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Collection

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import Key, unwrapped
from pellucid.inspection.layout import layer_layouts
from pellucid.ops.normalisation import normalised
from pellucid.synthesis.looking import looked_at
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Onlooker:
    """A copy of a network, laid out for speed: channels last, and its convolutions once and for all in
    `precision`, "fp32" or "bf16". Weights that need not be changed for that are shared with the network, not
    copied, and no gradient is ever taken by one.
    """

    def __init__(self, model: nn.Module, preprocessing: Preprocessing, precision: str = "fp32") -> None:
        inner = unwrapped(model)
        # New parameters on the same memory: `to` gives them other memory without touching the network's.
        shared = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in inner.parameters()}
        self.model: nn.Module = copy.deepcopy(inner, dict(shared))
        self.preprocessing, self.precision = preprocessing, precision
        self.channels = len(preprocessing.mean)
        some = next((p for p in inner.parameters() if p.is_floating_point()), torch.empty(0))
        self.device = some.device
        self.model.float().to(memory_format=torch.channels_last)
        if precision == "bf16":
            for module in self.model.modules():
                if type(module) is nn.Conv2d:  # others may work on their weights before they use them
                    module.to(torch.bfloat16)

    def to(self, device: torch.device) -> None:
        """Go on there."""
        self.model.to(device)
        self.device = device

    def __call__(self, pictures: Tensor, layers: Collection[Key]) -> dict[Key, Tensor]:
        """What layers answer to pictures (b, c, h, w) in [0, 1], where c is as the network takes, or 1.

        Raises `InputError` as `looked_at` does, and for pictures that are too small for the layers.
        """
        values = pictures.expand(-1, self.channels, -1, -1) if pictures.shape[1] == 1 else pictures
        inputs = normalised(values * 255, self.preprocessing).contiguous(memory_format=torch.channels_last)
        size = pictures.shape[-2:]
        try:
            with self._autocast():
                return looked_at(self.model, layers, inputs, layer_layouts(self.model, [inputs]))
        except InputError as error:
            if max(size) >= 256 or error.__cause__ is None:  # the network did not refuse
                raise
            raise InputError(
                f"{type(self.model).__name__} cannot look at a picture of {size[0]} × {size[1]} pixels with "
                f"these layers ({error}); make it larger, or name shallower layers"
            ) from error

    def _autocast(self) -> contextlib.AbstractContextManager[object]:
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, DTYPES[self.precision], cache_enabled=False)
