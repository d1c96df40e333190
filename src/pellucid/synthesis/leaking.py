"""A way out of silence: rectifiers that give what they give, but let some of the gradient through below zero.

A unit behind a ReLU that is at zero everywhere has no gradient, and nothing says which picture would wake it
("redirected" gradients, Olah et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_LEAK = 0.1
_RECTIFIERS: frozenset[Callable[..., Any]] = frozenset(
    (torch.relu, torch.relu_, F.relu, F.relu_, F.relu6, F.hardtanh, Tensor.relu, Tensor.relu_)
)


class leaking(TorchFunctionMode):  # noqa: N801 - a block, like torch.no_grad
    """In the block the derivative of ReLU and ReLU6 is 0.1 where it would be 0. Values stay the same."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func not in _RECTIFIERS:
            return func(*args, **(kwargs or {}))
        below = args[0]
        value = func(below.clone(), *args[1:], **(kwargs or {}))  # a copy: it may work in place
        leak = _LEAK * (below - value)
        return value + (leak - leak.detach())
