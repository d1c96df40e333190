"""Putting something else in the place of what a layer or an operation gives, while a network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any

from torch import Tensor, nn

from pellucid.inspection.capture import capture, following, named_layers, unwrapped
from pellucid.inspection.operations import NamedOperations
from pellucid.types.address import Address

Function = Callable[[Tensor], Tensor]


@contextmanager
def replacing(model: nn.Module, address: Address, function: Function) -> Iterator[None]:
    """For one run of `model` in this block, in this thread, whatever comes behind the layer's call, or the
    operation, at `address` sees `function(output)` instead of its output, of several tensors the first.
    Afterwards the network is as it was.
    """
    inner = unwrapped(model)
    with ExitStack() as stack:
        stack.enter_context(capture(model, ()))  # a compiled network runs uncompiled, where hooks are seen
        if address.operation:
            swapped = _Swapped(address, function)
            stack.enter_context(following(inner, enter=swapped.enter, leave=swapped.leave))
            stack.enter_context(swapped)
        else:
            module = named_layers(inner, Address(address.layer))[address.layer]
            stack.callback(module.register_forward_hook(_hook(address.call, function)).remove)
        yield


def _hook(call: int, function: Function) -> Callable[..., Any]:
    thread, calls = get_ident(), 0

    def hook(module: nn.Module, inputs: Any, output: Any) -> Any:
        nonlocal calls
        if get_ident() != thread:
            return None
        calls += 1
        return _first_replaced(output, function) if calls == call + 1 else None

    return hook


class _Swapped(NamedOperations):
    def __init__(self, address: Address, function: Function) -> None:
        super().__init__()
        self._address, self._function = address, function

    def after(self, address: Address, result: Any) -> Any:
        return _first_replaced(result, self._function) if address == self._address else result


def _first_replaced(output: Any, function: Function) -> Any:
    if isinstance(output, (tuple, list)):
        return type(output)([function(output[0]), *output[1:]])
    return function(output)
