"""A network's graph laid out for the page."""

from __future__ import annotations

from collections.abc import Container

from pellucid.inspection.modes import uncollected
from pellucid.inspection.trace import Trace
from pellucid.studio.schemas.seeing import GraphInfo, GroupInfo, NodeInfo
from pellucid.types.graph import Graph, Node
from pellucid.views.graph import colour_of
from pellucid.views.layout import HEADING, lay_out
from pellucid.views.words import LETTER, breadth

WORDS, THUMBNAIL = 40.0, 68.0  # the height of a node's words, and of the maps under them, in pixels
NARROWEST, WITH_MAPS = 132.0, 262.0  # the least width of a node


@uncollected()
def graph_info(graph: Graph, trace: Trace, tokens: Container[str] = ()) -> GraphInfo:
    """Nodes with maps have room for their thumbnails: (channels, height, width), and those at the addresses
    `tokens`, which lie on a grid.
    """
    mapped = {node.address for node in graph.nodes if _has_maps(node, tokens)}
    layout = lay_out(graph, {node.address: _size(node, node.address in mapped) for node in graph.nodes})
    parents = {trace.calls[call.parent].address for call in trace.calls if call.parent is not None}
    places = {node.address: place for place, node in enumerate(graph.nodes)}
    return GraphInfo(
        width=layout.width,
        height=layout.height,
        nodes=[
            _node_info(node, layout.nodes[node.address], parents, node.address in mapped)
            for node in graph.nodes
        ],
        groups=[
            GroupInfo(address=group.address, kind=group.kind, box=list(layout.groups[group.address]))
            for group in graph.groups
        ],
        paths=[[round(number, 1) for point in path for number in point] for path in layout.paths],
        sources=[places[edge.source] for edge in graph.edges],
        targets=[places[edge.target] for edge in graph.edges],
    )


def _node_info(node: Node, box: tuple[float, ...], parents: set[str], maps: bool) -> NodeInfo:
    return NodeInfo(
        address=node.address,
        label=node.label,
        kind=node.kind,
        role=node.role,
        group=node.group,
        shape=list(node.shapes[0][1:]) if node.shapes else [],
        box=[round(each, 1) for each in box],
        colour=colour_of(node),
        opens=node.role == "module" and node.address in parents,
        maps=maps,
    )


def _has_maps(node: Node, tokens: Container[str]) -> bool:
    """Whether what it gives are maps that can be shown: of a module, or the input."""
    shown = bool(node.shapes) and node.role in ("module", "input")
    return shown and (len(node.shapes[0]) == 4 or node.address in tokens)


def _size(node: Node, maps: bool) -> tuple[float, float]:
    shape = "×".join(str(side) for side in node.shapes[0][1:]) if node.shapes else ""
    longest = max(1.08 * breadth(node.label), breadth(f"{node.kind} {shape}") * 0.95)
    width = max(WITH_MAPS if maps else NARROWEST, longest * LETTER + HEADING)
    return width, WORDS + (THUMBNAIL if maps else 0.0)
