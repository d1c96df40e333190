"""Back-propagation through a small computation, written down: values forward, gradients back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Role = Literal["variable", "constant", "operation"]
Form = Literal["number", "elementwise", "matrix"]


@dataclass(frozen=True, eq=False)
class WalkNode:
    """A variable, a constant, or what an operation gave: its `value`, and the `gradient` of the result with
    respect to it, of the same shape; None for constants and for what the result does not depend on.
    """

    name: str
    role: Role
    operation: str
    value: Floats = field(repr=False)
    gradient: Floats | None = field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape


@dataclass(frozen=True, eq=False)
class WalkEdge:
    """From one node into an operation. `derivative` is the local one, of the operation alone,
    ∂target/∂source: a number; or, where element i depends on element i alone, `elementwise` in the target's
    shape; or the `matrix` (target's elements, source's elements). `gradient` is what comes back along this
    edge: the chain rule's share of the source's gradient. Both are None where nothing flows.
    """

    source: str
    target: str
    form: Form
    derivative: Floats | None = field(repr=False)
    gradient: Floats | None = field(repr=False)


@dataclass(frozen=True)
class WalkStep:
    """One operation, forward or backward, in words: what became known is the value of node `name`, or the
    gradients of the `reached` nodes, which are complete where all edges from them have been walked.
    """

    direction: Literal["forward", "backward"]
    name: str
    reached: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Walk:
    """`nodes` in the order in which they were computed; the last one of `order` is the `result`, one number.
    A node whose value is used twice has two edges, and its gradient is the sum of what they bring back.
    """

    nodes: tuple[WalkNode, ...]
    edges: tuple[WalkEdge, ...]
    result: str

    def node(self, name: str) -> WalkNode:
        return next(node for node in self.nodes if node.name == name)

    def into(self, name: str) -> tuple[WalkEdge, ...]:
        return tuple(edge for edge in self.edges if edge.target == name)

    def out_of(self, name: str) -> tuple[WalkEdge, ...]:
        return tuple(edge for edge in self.edges if edge.source == name)

    def steps(self) -> Iterator[WalkStep]:
        """Forward one operation at a time, then back from the result."""
        operations = [node for node in self.nodes if node.role == "operation"]
        for node in operations:
            yield WalkStep("forward", node.name, (node.name,))
        for node in reversed(operations):
            if node.gradient is not None:
                reached = (edge.source for edge in self.into(node.name) if edge.gradient is not None)
                yield WalkStep("backward", node.name, tuple(dict.fromkeys(reached)))

    def to_dict(self) -> dict[str, Any]:
        """The walk as JSON's types."""
        return {
            "result": self.result,
            "nodes": [_plain(node) for node in self.nodes],
            "edges": [_plain(edge) for edge in self.edges],
        }


def _plain(record: Any) -> dict[str, Any]:
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(record).items()
    }
