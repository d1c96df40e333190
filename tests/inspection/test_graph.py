"""The graph of a run: every operation once, tensors between them, modules folded as asked."""

from __future__ import annotations

import json

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pellucid.inspection.graph import graph_of
from pellucid.inspection.trace import Trace, trace
from pellucid.types.errors import InputError


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.relu(self.conv(x)) + x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = Block()
        self.scale = nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.block(self.block(x)) * self.scale
        return y, y.mean((2, 3))


def run(model: nn.Module, *shape: int) -> Trace:
    return trace(model, [torch.empty(shape, device="meta")])


def edges(found: Trace, depth: int | None = None, opened: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in graph_of(found, depth=depth, opened=opened).edges}


def test_every_operation_and_the_tensors_between() -> None:
    assert edges(run(Net(), 1, 4, 8, 8)) == {
        (":input", "block.conv"),
        ("block.conv", "block.relu"),
        ("block.relu", "block:add"),
        (":input", "block:add"),
        ("block:add", "block.relu#1"),
        ("block.relu#1", "block.conv#1"),
        ("block.conv#1", "block.relu#2"),
        ("block.relu#2", "block#1:add"),
        ("block.relu#1", "block#1:add"),
        ("block#1:add", "block.relu#3"),
        ("block.relu#3", ":mul"),
        (":mul", ":mean"),
        (":mul", ":output0"),
        (":mean", ":output1"),
    }


def test_modules_are_folded_and_opened_one_by_one() -> None:
    found = run(Net(), 1, 4, 8, 8)
    folded = edges(found, depth=1)
    assert folded == {
        (":input", "block"),
        ("block", "block#1"),
        ("block#1", ":mul"),
        (":mul", ":mean"),
        (":mul", ":output0"),
        (":mean", ":output1"),
    }
    one = graph_of(found, depth=1, opened=("block#1",))
    assert [group.address for group in one.groups] == ["block#1"]
    assert {"block", "block.conv#1", "block#1:add"} <= {node.address for node in one.nodes}
    assert {node.address: node.operations for node in one.nodes}["block"] == 4


def test_every_edge_goes_forward_and_every_address_is_unique() -> None:
    graph = graph_of(run(torchvision.models.densenet121(), 1, 3, 64, 64))
    order = {node.address: index for index, node in enumerate(graph.nodes)}
    assert len(order) == len(graph.nodes)
    assert all(order[edge.source] < order[edge.target] for edge in graph.edges)
    groups = {group.address for group in graph.groups} | {""}
    assert all(node.group in groups for node in graph.nodes)
    assert json.loads(json.dumps(graph.to_dict()))["schema"] == 1


def test_a_residual_network_has_one_addition_a_block() -> None:
    graph = graph_of(run(torchvision.models.resnet18(), 1, 3, 64, 64))
    assert sum(node.kind == "add" for node in graph.nodes) == 8
    incoming = [edge for edge in graph.edges if edge.target == "layer2.0:add"]
    assert {edge.source for edge in incoming} == {"layer2.0.bn2", "layer2.0.downsample.1"}


def test_thousands_of_operations_are_one_node_each() -> None:
    layers = [nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU()) for _ in range(2500)]
    assert len(graph_of(run(nn.Sequential(*layers), 1, 2, 4, 4)).nodes) == 5002


def test_wrong_wishes_are_refused() -> None:
    found = run(Net(), 1, 4, 8, 8)
    with pytest.raises(InputError, match="at least 1"):
        graph_of(found, depth=0)
    with pytest.raises(InputError, match="block"):
        graph_of(found, opened=("blok",))
