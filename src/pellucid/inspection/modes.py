"""Running a network and leaving it as it was: each module's mode, buffers, the random generators."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from weakref import WeakKeyDictionary

import torch
from torch import nn

# How many blocks each network is in at the moment, and which modules were training when the first began.
_blocks: WeakKeyDictionary[nn.Module, tuple[int, list[nn.Module]]] = WeakKeyDictionary()
_lock = Lock()


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode for the block; afterwards each has its own mode back (a frozen batch
    norm stays so).

    Where blocks of several threads overlap, the modes come back when the last one ends.
    """
    with _lock:
        count, training = _blocks.get(model) or (0, [module for module in model.modules() if module.training])
        _blocks[model] = (count + 1, training)
        model.eval()
    try:
        yield
    finally:
        with _lock:
            count, training = _blocks.pop(model)
            if count > 1:
                _blocks[model] = (count - 1, training)
            else:
                for module in training:
                    module.training = True


@contextmanager
def undone(model: nn.Module) -> Iterator[None]:
    """Buffers and torch's random generators as they were, whatever runs in the block."""
    buffers = [
        (module._buffers, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    devices = {parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(device.index for device in devices)):
        try:
            yield
        finally:
            with torch.no_grad():
                for held, name, buffer, value in buffers:
                    held[name] = buffer.copy_(value)


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is searched for cycles to free in the block: it would take longer than running a network
    without values does.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
