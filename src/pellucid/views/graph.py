"""A network's graph as a figure: modules and operations from the top down, tensors between them."""

from __future__ import annotations

from functools import cache

import numpy as np

from pellucid.types.errors import InputError
from pellucid.types.graph import Graph, Node
from pellucid.views import marks
from pellucid.views.figure import Figure, Panel
from pellucid.views.layout import HEADING, NODE_HEIGHT, Layout, lay_out
from pellucid.views.words import LETTER, breadth, counted

MOST_NODES = 1500  # a page with more would be slow to open, and nobody would find anything in it

# What a node is for, by parts of its kind's name; the first that fits decides.
_COLOURS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("orange", ("add", "cat", "mul", "sub", "stack", "div")),
    ("purple", ("attention", "linear", "matmul", "bmm", "einsum")),
    ("green", ("pool", "mean", "interpolate", "upsample")),
    ("cyan", ("norm",)),
    ("gold", ("relu", "gelu", "silu", "sigmoid", "tanh", "softmax", "swish", "mish", "elu")),
    ("blue", ("conv",)),
)
LEGEND = (
    "blue convolves · purple multiplies matrices · green pools · cyan normalises · gold activates · "
    "orange joins"
)


def graph_figure(graph: Graph, title: str = "") -> Figure:
    """Raises `InputError` for more than 1,500 nodes: fold modules (`graph_of(…, depth=…)`)."""
    if len(graph.nodes) > MOST_NODES:
        raise InputError(
            f"a picture of {len(graph.nodes):,} nodes is not to be read; fold modules so that {MOST_NODES:,} "
            "or fewer are left (a smaller depth), or take the graph as JSON"
        )
    layout = lay_out(graph, {node.address: (_width(node), NODE_HEIGHT) for node in graph.nodes})
    rows = [layout.nodes[node.address] for node in graph.nodes]
    frames = [layout.groups[group.address] for group in graph.groups]
    mark = marks.Graph(
        boxes=np.array(rows, np.float32).reshape(-1, 4),
        names=tuple(node.label for node in graph.nodes),
        notes=tuple(_note(node) for node in graph.nodes),
        words=tuple(_words(node) for node in graph.nodes),
        colours=tuple(colour_of(node) for node in graph.nodes),
        frames=np.array(frames, np.float32).reshape(-1, 4),
        titles=tuple(f"{group.address}  {group.kind}" for group in graph.groups),
        paths=tuple(np.array(path, np.float32) for path in layout.paths),
    )
    counts = f"{counted(len(graph.nodes), 'node')}, {counted(len(graph.edges), 'tensor')} between them"
    return Figure((_panel(mark, layout),), title or graph.name, columns=1, caption=f"{counts}. {LEGEND}.")


def _panel(mark: marks.Graph, layout: Layout) -> Panel:
    height, width = layout.height + 2, layout.width + 2
    return Panel((mark,), frame=(height, width), height=height, width=width)


def _width(node: Node) -> float:
    longest = max(1.08 * breadth(node.label), breadth(_note(node)) * 0.95)
    return max(84.0, longest * LETTER + HEADING)


def _note(node: Node) -> str:
    """ "Conv2d 64×56×56": what it is and what it gives, without the batch."""
    shape = "×".join(str(side) for side in node.shapes[0][1:]) if node.shapes else ""
    more = f" and {len(node.shapes) - 1} more" if len(node.shapes) > 1 else ""
    kind = "" if node.kind == node.label else node.kind
    return " ".join(part for part in (kind, shape + more) if part)


def _words(node: Node) -> str:
    shapes = ", ".join("×".join(map(str, shape)) or "a scalar" for shape in node.shapes)
    inside = f"\n{counted(node.operations, 'operation')}" if node.role == "module" else ""
    return f"{node.address}\n{node.kind} → {shapes}{inside}"


def colour_of(node: Node) -> str:
    """The name of the colour that says what a node is for."""
    if node.role in ("input", "output"):
        return "ink"
    return _colour_of_kind(node.kind.lower())


@cache
def _colour_of_kind(kind: str) -> str:
    return next((colour for colour, parts in _COLOURS if any(part in kind for part in parts)), "faint")
