"""Running a network and leaving it as it was: each module's mode, buffers, the random generators."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from weakref import WeakKeyDictionary

import torch
from torch import nn

from pellucid.inspection.parts import named_parts

# In how many blocks each module is at the moment, and whether it was training when the first began.
_blocks: WeakKeyDictionary[nn.Module, tuple[int, bool]] = WeakKeyDictionary()
_lock = Lock()


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode for the block; afterwards each has its own mode back (a frozen batch
    norm stays so).

    Where blocks of several threads overlap, of a network, its parts or its wrapper, a module's mode comes
    back when the last one ends that it is in.
    """
    modules = [module for _, module in named_parts(model)]
    with _lock:
        for module in modules:
            count, training = _blocks.get(module) or (0, module.training)
            _blocks[module] = (count + 1, training)
            module.training = False
    try:
        yield
    finally:
        with _lock:
            for module in modules:
                count, training = _blocks.pop(module)
                if count > 1:
                    _blocks[module] = (count - 1, training)
                else:
                    module.training = training


@contextmanager
def undone(model: nn.Module) -> Iterator[None]:
    """Buffers and torch's random generators as they were, whatever runs in the block.

    Buffers that have not changed are left alone: writing would spoil the backward passes of other
    threads, which have read them.
    """
    buffers = [
        (module._buffers, name, buffer, buffer.clone())
        for _, module in named_parts(model)
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
                    if not torch.equal(buffer, value):  # batch norm's writing is not counted in its version
                        buffer.copy_(value)
                    held[name] = buffer


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
