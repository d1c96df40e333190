"""Back-propagation through a small computation, one operation at a time: a neuron, a network, matrices, or a
function of one's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from pellucid.inspection.walk import walk_of_defaults
from pellucid.models.user_file import function_of_file
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import unknown_name
from pellucid.views.page import Section
from pellucid.views.walk import brief, matrices_figure, walk_figure, walk_steps, walk_table

Nested = Any  # numbers in lists; a walk makes them tensors


def neuron(w: Nested = (0.7, -1.2), b: Nested = 0.3, *, x: Nested = (1.5, 0.4), y: Nested = 1.0) -> Any:
    """w · x + b through a sigmoid, and the squared distance to what it should be."""
    return (torch.sigmoid(w @ x + b) - y) ** 2


def network(
    w1: Nested = ((1.0, -0.5), (0.3, 0.8), (-0.7, 0.4)),
    b1: Nested = (0.1, 0.0, -0.2),
    w2: Nested = ((0.6, -0.4, 0.9),),
    b2: Nested = (0.05,),
    *,
    points: Nested = ((0.5, 1.0), (-1.0, 0.3), (0.2, -0.8)),
    labels: Nested = ((1.0,), (0.0,), (1.0,)),
) -> Any:
    """Two layers on points of the plane: tanh, then the mean cross-entropy of a sigmoid."""
    hidden = torch.tanh(F.linear(points, w1, b1))
    return F.binary_cross_entropy(torch.sigmoid(F.linear(hidden, w2, b2)), labels)


def matrices(a: Nested = ((1.0, 2.0), (3.0, -1.0)), b: Nested = ((0.5, -1.0, 0.0), (2.0, 0.3, 1.0))) -> Any:
    """The sum of the squares of a product, in which the first matrix is used twice."""
    return ((a @ (a @ b)) ** 2).sum()


def shared(x: Nested = 2.0, y: Nested = -3.0) -> Any:
    """(x + y) · x + x: a variable used three times gets the sum of three gradients."""
    return (x + y) * x + x


EXAMPLES: dict[str, Callable[..., Any]] = {
    "neuron": neuron,
    "network": network,
    "matrices": matrices,
    "shared": shared,
}


@dataclass(frozen=True)
class BackpropagationStudy(Study):
    example: str = "neuron"
    """neuron, network, matrices, shared, or path/to/file.py:function. The function is walked through with
    the values that its parameters have by default; those after * are constants."""

    def run(self) -> Findings:
        function = self._function()
        walk = walk_of_defaults(function)
        result = walk.node(walk.result)
        about = " ".join((function.__doc__ or "").split())
        matrices = matrices_figure(walk)
        more: tuple[Section, ...] = (Section("Step by step", (walk_steps(walk),)),)
        if matrices is not None:
            more += (Section("Matrices", (matrices,)),)
        return Findings(
            f"Back-propagation: {function.__name__}",
            f"{about} The result, {walk.result}, is {brief(result.value)}.".strip(),
            walk_table(walk),
            walk_figure(walk, function.__name__),
            {"example": self.example, **walk.to_dict()},
            "The graph",
            more,
        )

    def _function(self) -> Callable[..., Any]:
        path, colon, name = self.example.rpartition(":")
        if colon and path.endswith(".py"):
            return function_of_file(Path(path), name)
        if self.example not in EXAMPLES:
            raise unknown_name("example", self.example, EXAMPLES)
        return EXAMPLES[self.example]


STUDIES: dict[str, type[Study]] = {"backpropagation": BackpropagationStudy}
