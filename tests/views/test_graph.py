"""Where the nodes of a graph stand, and what its figure says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.types.errors import InputError
from pellucid.types.graph import Edge, Graph, Group, Node
from pellucid.views.graph import graph_figure
from pellucid.views.layout import NODE_HEIGHT, Layout, Rectangle, lay_out


def node(address: str, group: str = "", kind: str = "conv2d") -> Node:
    return Node(address, "operation", kind, group, 1, ((1, 8, 4, 4),))


def overlap(one: Rectangle, other: Rectangle) -> bool:
    apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    return not apart


def within(inner: Rectangle, outer: Rectangle) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Nodes in a row of random groups, nested to two levels, with random edges forward."""
    count = draw(st.integers(1, 12))
    marks = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    groups: dict[str, Group] = {}
    nodes, current, serial = [], "", 0
    for index, mark in enumerate(marks):
        if mark == 1:
            serial += 1
            current = f"g{serial}"
            groups[current] = Group(current, "Block", "")
        elif mark == 2 and current:
            serial += 1
            inner = f"{current.split('.')[0]}.{serial}"
            groups[inner] = Group(inner, "Block", current.split(".")[0])
            current = inner
        elif mark == 3:
            current = ""
        nodes.append(node(f"n{index}", current))
    pairs = list(itertools.combinations(range(count), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    edges = tuple(Edge(f"n{one}", f"n{other}", (1, 8, 4, 4)) for one, other in chosen)
    return Graph("Net", tuple(nodes), edges, tuple(groups.values()))


def placed(graph: Graph) -> Layout:
    return lay_out(graph, {each.address: (100.0, NODE_HEIGHT) for each in graph.nodes})


@given(graphs())
def test_nothing_overlaps_and_groups_hold_their_parts(graph: Graph) -> None:
    layout = placed(graph)
    for one, other in itertools.combinations(layout.nodes.values(), 2):
        assert not overlap(one, other)
    parents = {each.address: each.group for each in graph.groups}
    inside = parents | {each.address: each.group for each in graph.nodes}
    everything = layout.nodes | layout.groups
    for address, group in inside.items():
        for other, rectangle in layout.groups.items():
            around = group
            while around and around != other:
                around = parents[around]
            if around == other:
                assert within(everything[address], rectangle)
            elif address in layout.nodes:
                assert not overlap(everything[address], rectangle)
    for x0, y0, x1, y1 in everything.values():
        assert x0 >= -1e-6
        assert y0 >= -1e-6
        assert x1 <= layout.width + 1e-6
        assert y1 <= layout.height + 1e-6


@given(graphs())
def test_edges_lead_downwards_from_node_to_node(graph: Graph) -> None:
    layout = placed(graph)
    for edge, path in zip(graph.edges, layout.paths, strict=True):
        start, end = layout.nodes[edge.source], layout.nodes[edge.target]
        assert path[0] == pytest.approx(((start[0] + start[2]) / 2, start[3]))
        assert path[-1] == pytest.approx(((end[0] + end[2]) / 2, end[1]))
        heights = [y for _, y in path]
        assert heights == sorted(heights)


def test_a_skip_passes_beside_what_it_skips() -> None:
    names = ("x", "conv", "bn", "add")
    edges = [("x", "conv"), ("conv", "bn"), ("bn", "add"), ("x", "add")]
    graph = Graph("Net", tuple(map(node, names)), tuple(Edge(a, b, ()) for a, b in edges))
    layout = placed(graph)
    for x, y in layout.paths[3][1:-1]:
        for name in ("conv", "bn"):
            x0, y0, x1, y1 = layout.nodes[name]
            assert not (x0 < x < x1 and y0 < y < y1)


def test_the_figure_says_what_each_node_is_and_gives() -> None:
    graph = Graph("Net", (node("block.conv1", "block", "Conv2d"),), (), (Group("block", "BasicBlock", ""),))
    mark = graph_figure(graph).panels[0].marks[0]
    assert mark.names == ("conv1",)
    assert mark.notes == ("Conv2d 8×4×4",)
    assert mark.titles == ("block  BasicBlock",)
    assert mark.colours == ("blue",)
    assert np.isfinite(mark.boxes).all()


def test_too_many_nodes_for_a_picture_are_refused() -> None:
    graph = Graph("Net", tuple(node(f"n{index}") for index in range(1501)), ())
    with pytest.raises(InputError, match=r"1,501 nodes.*depth"):
        graph_figure(graph)
