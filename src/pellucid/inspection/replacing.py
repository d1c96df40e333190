"""Putting something else in the place of what a layer gives, while a network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from torch import Tensor, nn

from pellucid.inspection.capture import capture, named_layers, unwrapped


@contextmanager
def replacing(
    model: nn.Module, layer: str, function: Callable[[Tensor], Tensor], *, call: int = 0
) -> Iterator[None]:
    """For one run of `model` in this block, in this thread, the layers behind call number `call` of `layer`
    see `function(output)` instead of its output, a tensor. Afterwards the network is as it was.
    """
    module = named_layers(unwrapped(model), layer)[layer]
    thread, calls = get_ident(), 0

    def hook(module: nn.Module, inputs: Any, output: Any) -> Any:
        nonlocal calls
        if get_ident() != thread:
            return None
        calls += 1
        return function(output) if calls == call + 1 else None

    handle = module.register_forward_hook(hook)
    try:
        with capture(model, ()):  # a compiled network runs uncompiled, where hooks are seen
            yield
    finally:
        handle.remove()
