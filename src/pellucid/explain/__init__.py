"""Explanations by name. `METHODS` lists them without importing torch.

A method is a function `method(model, inputs, target=None, *, layer=None, …its own options) → Heatmap`: of any
`nn.Module` and inputs (b, c, h, w) as the network sees them. Without a target each picture's likeliest
class is explained. It leaves the network as it was: everything is seen through `inspection.capture`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pellucid.types.registry import Registry

if TYPE_CHECKING:
    from pellucid.types.heatmap import Heatmap

METHODS: Registry[Callable[..., Heatmap]] = Registry(
    "method",
    package=__name__,
    table="METHODS",
    families={},
)
