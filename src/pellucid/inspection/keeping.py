"""What `capture` keeps, of layers and of operations, and the gradients of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from pellucid.inspection.operations import NamedOperations
from pellucid.types.address import Address
from pellucid.types.batch import map_leaves
from pellucid.types.errors import InputError

Key = tuple[str, int]
"""What a layer is called and which of its calls: a module used twice is two entries. An operation is called
like "layer1.0:add", and the call is that of the layer which ran it.
"""

Keep = Callable[[str, Tensor], Any]


def key_of(address: Address) -> Key:
    """Where `capture` keeps what is at an address."""
    return str(Address(address.layer, 0, address.operation, address.number)), address.call


@dataclass(frozen=True)
class _Edge:
    """Where autograd made a tensor; in-place operations on the tensor afterwards do not move it."""

    edge: GradientEdge


@dataclass
class Captured:
    """`outputs` is in the order in which the layers finished; calls count from the start of the block.

    With `inputs=True`, `inputs` are the tuples that were given by position and `options` the dicts of what
    was given by name. `notes` say what the block had to do otherwise than the network does outside of it.
    """

    outputs: dict[Key, Any] = field(default_factory=dict)
    inputs: dict[Key, tuple[Any, ...]] = field(default_factory=dict)
    options: dict[Key, dict[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    _made: dict[Key, Any] = field(default_factory=dict, repr=False)
    _given: dict[Key, Any] = field(default_factory=dict, repr=False)
    looking: bool = field(default=True, repr=False)

    def gradients_of(self, score: Tensor) -> dict[Key, Any]:
        """How the scalar `score` changes with every captured output: ∂score/∂output, in the outputs' shapes.

        Only for `capture(…, gradients=True)`, and once: the graph is freed. The backward pass goes no deeper
        than the first captured layer and leaves no parameter's `.grad` changed. An output that the score does
        not depend on is None.
        """
        self._given.clear()  # so that the pass ends at the outputs
        return self.all_gradients_of(score)[0]

    def all_gradients_of(self, score: Tensor) -> tuple[dict[Key, Any], dict[Key, Any]]:
        """`gradients_of`, and the same of every captured input given by position: ∂score/∂input counts every
        way in which the tensor reaches the score, those past the layer included.
        """
        edges: list[GradientEdge] = []
        trees = self._made, self._given
        map_leaves(lambda leaf: edges.append(leaf.edge) if isinstance(leaf, _Edge) else None, trees)
        if not edges:
            raise InputError("no gradients to take: nothing was captured, or the block lacks gradients=True")
        if score.numel() != 1 or not score.requires_grad:
            raise InputError(
                f"a score is one number that was computed from the output inside of the block; "
                f"got one of shape {tuple(score.shape)}, {'' if score.requires_grad else 'not '}so computed"
            )
        self.looking = False  # checkpointed layers run again inside the backward pass
        try:
            found = iter(torch.autograd.grad(score, edges, allow_unused=True))
            gradients: tuple[dict[Key, Any], dict[Key, Any]] = map_leaves(
                lambda leaf: next(found) if isinstance(leaf, _Edge) else None, trees
            )
        finally:
            self.looking = True
            self._made.clear()
            self._given.clear()
        return gradients


class Keeper:
    """Keeps for `seen` what hooks and operations report. `calls` restricts some names to one call."""

    def __init__(
        self, seen: Captured, keep: Keep, inputs: bool, gradients: bool, calls: dict[str, int]
    ) -> None:
        self.seen, self.inputs = seen, inputs
        self._keep, self._gradients, self._calls = keep, gradients, calls

    def wants(self, key: Key) -> bool:
        return self._calls.get(key[0], key[1]) == key[1]

    def given(self, key: Key, positional: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.seen.inputs[key], self.seen.options[key] = self._kept(key[0], (positional, options))
        if self._gradients:
            self.seen._given[key] = map_leaves(_edge_of, positional)

    def made(self, key: Key, output: Any) -> None:
        self.seen.outputs[key] = self._kept(key[0], output)
        if self._gradients:
            self.seen._made[key] = map_leaves(_edge_of, output)

    def forget(self, key: Key) -> None:
        for held in (self.seen.inputs, self.seen.options, self.seen._given):
            held.pop(key, None)

    def _kept(self, name: str, tree: Any) -> Any:
        looking, self.seen.looking = self.seen.looking, False  # what `keep` does is not the network's
        try:
            return map_leaves(lambda leaf: self._keep(name, leaf) if isinstance(leaf, Tensor) else leaf, tree)
        finally:
            self.seen.looking = looking


class Operations(NamedOperations):
    """Keeps what the wanted operations are given and give."""

    def __init__(self, wanted: set[str], keeper: Keeper) -> None:
        super().__init__()
        self._wanted, self._keeper = wanted, keeper

    def looking(self) -> bool:
        return self._keeper.seen.looking

    def before(self, address: Address, given: tuple[Any, ...], options: dict[str, Any]) -> None:
        key = key_of(address)
        if self._keeper.inputs and self._wants(key):
            self._keeper.given(key, given, options)

    def otherwise(self, address: Address) -> None:
        self._keeper.forget(key_of(address))

    def after(self, address: Address, result: Any) -> Any:
        key = key_of(address)
        if self._wants(key):
            self._keeper.made(key, result)
        return result

    def _wants(self, key: Key) -> bool:
        return key[0] in self._wanted and self._keeper.wants(key)


def _edge_of(leaf: Any) -> Any:
    tracked = isinstance(leaf, Tensor) and leaf.requires_grad
    return _Edge(get_gradient_edge(leaf)) if tracked else None
