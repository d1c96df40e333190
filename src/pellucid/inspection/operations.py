"""What counts as an operation of a run, and what it is called: the same for a trace and for `capture`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pellucid.types.address import Address
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


class NamedOperations(TorchFunctionMode):
    """Tells of every operation under the address that a trace gives it, while `capture.following` reports to
    `enter` and `leave` which layers run.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls = Counter[str]()
        self._running: list[tuple[str, int]] = []
        self._spoken: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)

    def looking(self) -> bool:
        """Whether what happens now is the network's."""
        return True

    def before(self, address: Address, given: tuple[Any, ...], options: dict[str, Any]) -> None:
        """An operation, at `address` unless `otherwise` says no, is about to run and may overwrite these."""

    def otherwise(self, address: Address) -> None:
        """What `before` was told of was no operation, or one of another name."""

    def after(self, address: Address, result: Any) -> Any:
        """The operation gave `result`; what is returned takes its place."""
        return result

    def enter(self, name: str, inputs: Any) -> None:
        if self.looking():
            self._running.append((name, self._calls[name]))
            self._calls[name] += 1

    def leave(self, name: str, output: Any) -> None:
        if self.looking():
            while self._running.pop()[0] != name:  # a part that raised, if the network went on
                pass

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if not self._running or not self.looking():
            return func(*args, **options)
        layer, call = self._running[-1]
        spoken = self._spoken[layer, call]
        likely = name_of(func, ())
        address = Address(layer, call, likely, spoken[likely])
        self.before(address, args, options)
        result = func(*args, **options)
        made = made_by(func, args, result)
        name = name_of(func, made)
        if not made or name != likely:
            self.otherwise(address)
        if not made:
            return result
        address = Address(layer, call, name, spoken[name])
        spoken[name] += 1
        given = self.after(address, made[0] if result is None else result)
        return None if result is None else given
