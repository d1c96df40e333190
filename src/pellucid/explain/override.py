"""Another rule for an operation while a network runs, whoever calls it: a module, a function, a method.

Modules are not touched, and other threads see nothing of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.types.batch import leaves, map_leaves

Function = Callable[..., Any]


def functions(names: str) -> frozenset[Function]:
    """Torch's functions, methods and operators of these names, those that work in place among them."""
    return frozenset(_called(names))


def _called(names: str) -> Iterator[Function]:
    for name in names.split():
        for form in (name, f"{name}_", f"__{name}__", f"__r{name}__", f"__i{name}__"):
            yield from (getattr(home, form) for home in (torch, F, Tensor) if hasattr(home, form))


RECTIFIERS = functions("relu relu6")
OTHER_ACTIVATIONS = functions(
    "leaky_relu rrelu prelu elu selu celu gelu silu mish hardswish softplus softsign logsigmoid tanhshrink"
)
SQUASHING = functions("sigmoid tanh hardsigmoid hardtanh")


def name_of(function: Function) -> str:
    """ "relu" for `F.relu`, `torch.relu_` and `Tensor.relu`."""
    return str(getattr(function, "__name__", function)).strip("_")


class Overriding(TorchFunctionMode, ABC):
    """A block in which `replacement(function, arguments, options)` runs in place of `function`, wherever
    `replaces(function)`, if it is called with something that depends on the picture. In the block weights
    are constants, so that only this has a history.

    A replacement is always asked for the variant that overwrites nothing; what a function in place would have
    overwritten is overwritten afterwards.
    """

    @abstractmethod
    def replaces(self, function: Function) -> bool: ...

    @abstractmethod
    def replacement(
        self, function: Function, arguments: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Any: ...

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments, options = map_leaves(_constant, (args, kwargs or {}))
        if not self.replaces(func) or not any(x.requires_grad for x in leaves(Tensor, (arguments, options))):
            return func(*arguments, **options)
        plain, options, overwrites = _out_of_place(func, options)
        result = self.replacement(plain, arguments, options)
        return args[0].copy_(result) if overwrites else result


def _constant(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, nn.Parameter) else leaf


def _out_of_place(function: Function, options: Mapping[str, Any]) -> tuple[Function, dict[str, Any], bool]:
    """The variant that overwrites nothing, and whether `function` itself does."""
    if options.get("inplace"):
        return function, {**options, "inplace": False}, True
    name = getattr(function, "__name__", "")
    if name.startswith("__i") and name.endswith("__") and hasattr(Tensor, f"__{name[3:]}"):
        return getattr(Tensor, f"__{name[3:]}"), dict(options), True
    if name.endswith("_") and not name.endswith("__"):
        for home in (Tensor, torch, F):
            if hasattr(home, name[:-1]):
                return getattr(home, name[:-1]), dict(options), True
    return function, dict(options), False
