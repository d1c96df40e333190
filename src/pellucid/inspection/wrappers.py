"""Networks inside torch's wrappers: compiled, or made parallel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
from torch import nn


def unwrapped(model: nn.Module) -> nn.Module:
    """The network itself inside torch.compile's, DataParallel's and DistributedDataParallel's wrappers."""
    inner = model
    while True:
        wrapper = isinstance(inner, (nn.DataParallel, nn.parallel.DistributedDataParallel))
        within = inner.module if wrapper else getattr(inner, "_orig_mod", None)
        if not isinstance(within, nn.Module):
            return inner
        inner = within


@contextmanager
def uncompiled(model: nn.Module) -> Iterator[bool]:
    """Compiled code runs past hooks, so the block runs the Python it was compiled from; whether there is any
    is what the block is given.
    """
    modules = [model, *model.modules()]
    if not any(hasattr(each, "_orig_mod") or each._compiled_call_impl is not None for each in modules):
        yield False
        return
    _EAGERLY.begin()
    try:
        yield True
    finally:
        _EAGERLY.end()


class _Eagerly:
    """Torch's stance is one for all threads: where their blocks overlap, it comes back when the last ends."""

    def __init__(self) -> None:
        self._lock, self._blocks = Lock(), 0
        self._stance: Any = None

    def begin(self) -> None:
        with self._lock:
            if not self._blocks:
                self._stance = torch.compiler.set_stance("force_eager")
            self._blocks += 1

    def end(self) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                self._stance.__exit__(None, None, None)


_EAGERLY = _Eagerly()
