"""What is to be explained: a number that the network's output gives, one for each picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Target:
    """`score` takes the network's output to one number for each picture, (b,); `text` says in words what it
    is.

    Targets add, subtract and scale: `class_logit(3) - class_logit(5)` is why the one and not the other, and
    `0.5 * class_logit(3)` half as much. Any callable of an output will do: `Target("text", function)`.
    """

    text: str
    score: Callable[[Any], Tensor]

    def __call__(self, output: Any) -> Tensor:
        return self.score(output)

    def __add__(self, other: Target) -> Target:
        return Target(f"{self.text} + {other.text}", lambda output: self(output) + other(output))

    def __sub__(self, other: Target) -> Target:
        return Target(f"{self.text} − {other.text}", lambda output: self(output) - other(output))

    def __mul__(self, factor: float) -> Target:
        return Target(f"{factor:g} × ({self.text})", lambda output: factor * self(output))

    __rmul__ = __mul__

    def __neg__(self) -> Target:
        return -1.0 * self
