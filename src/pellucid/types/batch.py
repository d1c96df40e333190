"""What the training loop passes to a task: inputs, targets, and where in the data set they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """Several samples at once.

    `inputs` is (b, c, h, w) for pictures, uint8 in [0, 255] as it comes from a source and float32,
    normalised, as a network sees it; (b, features) float32 for tables. `targets` is whatever the task
    expects: a tensor whose first dimension is b, a list of b records, or a dict or tuple of these. `indices`
    is (b,) int64, each sample's position in its split.
    """

    inputs: Tensor
    targets: Any
    indices: Tensor

    def __len__(self) -> int:
        return len(self.indices)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        def move(leaf: Any) -> Any:
            return leaf.to(device, non_blocking=non_blocking) if isinstance(leaf, Tensor) else leaf

        return Batch(move(self.inputs), map_leaves(move, self.targets), move(self.indices))

    def chunk(self, count: int) -> list[Batch]:
        """At most `count` batches of nearly equal size, in order; none is empty."""
        if count == 1:
            return [self]
        edges = torch.linspace(0, len(self), min(count, len(self)) + 1).round().int().tolist()
        return [self.slice(start, stop) for start, stop in pairwise(edges)]

    def slice(self, start: int, stop: int) -> Batch:
        return Batch(
            self.inputs[start:stop], slice_targets(self.targets, start, stop), self.indices[start:stop]
        )


def map_leaves(function: Any, tree: Any) -> Any:
    """The same tree of dicts, lists and tuples with `function` applied to everything else."""
    if isinstance(tree, dict):
        return {key: map_leaves(function, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        mapped = [map_leaves(function, value) for value in tree]
        return type(tree)(*mapped) if hasattr(tree, "_fields") else type(tree)(mapped)
    return function(tree)


# What has no parts. For speed alone: most of what networks pass about is sizes.
ATOMS = frozenset({bool, int, float, complex, str, type(None), torch.Size, torch.dtype, torch.device})


def leaves(kind: type[T], tree: Any) -> list[T]:
    """What is of `kind`, Tensor for instance but no plain type, in a tree of dicts, lists, tuples and
    dataclasses, in order.
    """
    if isinstance(tree, kind):
        return [tree]
    if type(tree) in ATOMS:
        return []
    if isinstance(tree, (list, tuple)):
        return [] if ATOMS.issuperset(map(type, tree)) else [x for part in tree for x in leaves(kind, part)]
    if isinstance(tree, (dict, Mapping)):
        return [leaf for part in tree.values() for leaf in leaves(kind, part)]
    if is_dataclass(tree) and not isinstance(tree, type):
        return [leaf for part in fields(tree) for leaf in leaves(kind, getattr(tree, part.name))]
    return []


def slice_targets(targets: Any, start: int, stop: int) -> Any:
    """Samples `start` to `stop` of a batch's targets: a list holds one record a sample, a dict or tuple holds
    columns.
    """
    if isinstance(targets, (Tensor, list)):
        return targets[start:stop]
    if isinstance(targets, dict):
        return {key: slice_targets(value, start, stop) for key, value in targets.items()}
    if isinstance(targets, tuple):
        return tuple(slice_targets(value, start, stop) for value in targets)
    raise TypeError(
        f"targets must be a tensor, or a list, dict or tuple of them; got {type(targets).__name__}"
    )
