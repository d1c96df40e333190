"""What each layer of a network takes, gives and costs: one row for every call of a module."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from pellucid.inspection.cost import parameter_count
from pellucid.inspection.counting import multiply_adds_of
from pellucid.inspection.trace import Call, Trace, Value

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One call of a module, its parts included.

    `address` is "" for the network itself, `relu#1` for a module's second call. `parameters` are learnt in
    the module and its parts; of a later call they are the same ones again (`again`). `multiply_adds` counts
    products, see `counting`. `bytes` is what its outputs, or those of its parts, take.
    """

    address: str
    kind: str
    depth: int
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    parameters: int
    again: bool
    multiply_adds: int
    bytes: int


@dataclass(frozen=True)
class LayerTable:
    """`rows` in the order of the run, the network's own first. Totals count shared parameters once.

    `uncounted` are operations that may multiply but that nobody told us how much: name → how often. `note`
    says why the network was run with values, if it was.
    """

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    buffers: int
    multiply_adds: int
    forward_bytes: int
    uncounted: dict[str, int]
    note: str

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON's types."""
        return asdict(self)


def layer_table(model: nn.Module, trace: Trace) -> LayerTable:
    """The table of a run of `model`."""
    costs, sizes = [0] * len(trace.calls), [0] * len(trace.calls)
    uncounted: Counter[str] = Counter()
    for operation in trace.operations:
        count = multiply_adds_of(operation)
        if count is None:
            uncounted[operation.name] += 1
        costs[operation.call] += count or 0
        sizes[operation.call] += sum(map(_bytes, operation.outputs))
    for call in reversed(trace.calls):  # parts come after what is around them
        if call.parent is not None:
            costs[call.parent] += costs[call.index]
            sizes[call.parent] += sizes[call.index]
    rows = tuple(_row(call, costs[call.index], sizes[call.index]) for call in trace.calls)
    return LayerTable(
        rows=rows,
        parameters=parameter_count(model),
        trainable=sum(each.numel() for each in model.parameters() if each.requires_grad),
        buffers=sum(each.numel() for each in model.buffers()),
        multiply_adds=costs[0],
        forward_bytes=sizes[0],
        uncounted=dict(uncounted),
        note=trace.note,
    )


def _row(call: Call, cost: int, size: int) -> Row:
    return Row(
        address=call.address,
        kind=call.kind,
        depth=call.depth,
        inputs=tuple(value.shape for value in call.inputs),
        outputs=tuple(value.shape for value in call.outputs),
        parameters=parameter_count(call.module),
        again=call.number > 0,
        multiply_adds=cost,
        bytes=size,
    )


def _bytes(value: Value) -> int:
    return math.prod(value.shape) * torch.empty(0, dtype=value.dtype).element_size()
