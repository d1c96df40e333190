"""Running a network in evaluation mode and leaving its modes as they were, module by module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from weakref import WeakKeyDictionary

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
