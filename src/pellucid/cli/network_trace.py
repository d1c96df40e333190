"""A network called by its name, run once for its structure."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pellucid.inspection.refusals import NeedsValuesError
from pellucid.inspection.trace import Trace, trace
from pellucid.models.naming import build_model, build_on_meta
from pellucid.ops.random import seed_of


def trace_network(name: str, shapes: Sequence[tuple[int, ...]], *, outputs: int) -> Trace:
    """`trace` of one input of each of `shapes`. Nothing is built with values unless the network needs some,
    as one that branches on them does; its weights are then drawn from a fixed seed.
    """
    inputs = [torch.empty(1, *shape, device="meta") for shape in shapes]
    try:
        return trace(build_on_meta(name, inputs=shapes[0], outputs=outputs), inputs)
    except NeedsValuesError:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(0))
            model = build_model(name, inputs=shapes[0], outputs=outputs)
        return trace(model, inputs)
