"""Running a network on pictures, its refusals said in one sentence."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from pellucid.inspection.refusals import REFUSALS
from pellucid.inspection.trace import trace


def run(model: nn.Module, inputs: Tensor) -> Any:
    """What the network gives. Raises `InputError`, which names the layer, where it refuses the inputs."""
    try:
        return model(inputs)
    except REFUSALS as error:
        trace(model, [inputs.detach()])  # says which layer refused what, if it is the shape that it refuses
        raise error
