"""What counts as an operation of a run, and what it is called: the same for a trace and for `capture`."""

from __future__ import annotations

from collections.abc import Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from pellucid.types.batch import leaves

_KERNELS = ("torch._refs", "torch._prims", "torch._decomp", "torch._meta_registrations")


def made_by(function: Any, arguments: Sequence[Any], result: Any) -> list[Tensor]:
    """The tensors that a call of one of torch's functions gave; one that gave none is no operation."""
    if result is None and function is Tensor.__setitem__:
        return [arguments[0]]  # the one function that changes a tensor without giving it back
    return leaves(Tensor, result)


def name_of(function: Any, made: Sequence[Tensor]) -> str:
    """ "conv2d", "add", "softmax": the function's name without underscores; of a property, the property's.
    One that made tensors on more dimensions than their shapes show is "vmap conv2d".
    """
    name = _plain_name(function)
    return f"vmap {name}" if any(map(torch._C._functorch.is_batchedtensor, made)) else name


def _plain_name(function: Any) -> str:
    if isinstance(function, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
        library, operator, *_ = str(function).split(".")
        own = library in ("aten", "prims", "torchvision")
        return operator.strip("_") if own else f"{library}::{operator}"
    name = getattr(function, "__name__", "")
    if name == "__get__":
        name = getattr(function.__self__, "__name__", name)
    return name.strip("_") or str(function)


def within_torch(frame: FrameType | None) -> bool:
    """Whether it is torch itself that calls: to work out, in Python, the shape that an operation gives which
    was not called from Python.
    """
    for _ in range(3):
        if frame is None:
            return False
        if frame.f_globals.get("__name__", "").startswith(_KERNELS):
            return True
        frame = frame.f_back
    return False
