"""Back-propagation as a picture: the graph with values and gradients, and its steps one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.types.graph import Edge, Graph, Node
from pellucid.types.walk import Floats, Walk, WalkEdge, WalkNode, WalkStep
from pellucid.views import marks
from pellucid.views.axes import Axis, number
from pellucid.views.colours import signed
from pellucid.views.contents import Steps, Table
from pellucid.views.figure import Figure, Panel
from pellucid.views.layout import GAP_DOWN, NODE_HEIGHT, lay_out
from pellucid.views.marks import Heat, Mark, Text
from pellucid.views.numbered import numbers_in
from pellucid.views.words import LETTER, breadth

LEGEND = (
    "Blue: variables. Grey: constants. Gold: operations. Orange: the result. In a node its value, and the "
    "gradient of the result below; on an edge the local derivative of the operation it goes into."
)
_RANK_GAP = 46.0  # between two rows of nodes; edges have words
_MOST_SHOWN = 24  # numbers of a matrix that is drawn
_COLOURS = {"variable": "blue", "constant": "faint", "operation": "gold"}


def walk_figure(walk: Walk, title: str = "Back-propagation") -> Figure:
    """The whole walk: every value, gradient and local derivative."""
    values = {node.name for node in walk.nodes}
    return _figure(walk, title, values, values, None)


def matrices_figure(walk: Walk) -> Figure | None:
    """Value and gradient of each small matrix and vector beside one another; None where there is none."""
    panels = tuple(
        _matrix_panel(node)
        for node in walk.nodes
        if node.value.ndim in (1, 2) and 1 < node.value.size <= _MOST_SHOWN and node.gradient is not None
    )
    return Figure(panels, "Matrices and vectors", columns=3) if panels else None


def walk_steps(walk: Walk) -> Steps:
    """One figure for each step, forward and then back: what is not known yet is left open, such as a gradient
    of which one part is still to come.
    """
    known = {node.name for node in walk.nodes if node.role != "operation"}
    walked: set[str] = set()
    frames, labels = {}, {}
    for at, step in enumerate(walk.steps(), 1):
        if step.direction == "forward":
            known.add(step.name)
        else:
            walked.add(step.name)
        reached = {node.name for node in walk.nodes if _complete(walk, node, walked)} if walked else set()
        frames[at] = _figure(walk, step_words(walk, step), set(known), reached, step)
        labels[at] = f"{step.direction}: {step.name}"
    return Steps(frames, labels)


def _complete(walk: Walk, node: WalkNode, walked: Collection[str]) -> bool:
    """Whether all that the node's gradient is the sum of has come back."""
    return all(edge.target in walked for edge in walk.out_of(node.name) if edge.gradient is not None)


def step_words(walk: Walk, step: WalkStep) -> str:
    """What one step computes, with its numbers: the chain rule written out."""
    if step.direction == "forward":
        taken = ", ".join(
            f"{edge.source} = {brief(walk.node(edge.source).value)}" for edge in walk.into(step.name)
        )
        return f"forward: {step.name} = {brief(walk.node(step.name).value)} from {taken}"
    back = brief(walk.node(step.name).gradient)
    parts = [
        f"{edge.source} gets {back} × {derivative_words(edge)} = {brief(edge.gradient)}"
        for edge in walk.into(step.name)
        if edge.gradient is not None
    ]
    return f"back through {step.name}: {'; '.join(parts)}"


def brief(values: Floats | None) -> str:
    """A number, up to four numbers, or the shape of more."""
    if values is None:
        return "–"
    if values.size == 1:
        return number(float(values.reshape(())) + 0.0, 4)
    if values.size <= 4 and values.ndim == 1:
        return f"({', '.join(number(float(each), 3) for each in values)})"
    return "×".join(map(str, values.shape))


def walk_table(walk: Walk) -> Table:
    """A row for each node: its value, its gradient, and the products that the gradient is the sum of."""
    rows = tuple(
        (node.name, node.operation or node.role, brief(node.value), brief(node.gradient), _sum_of(walk, node))
        for node in walk.nodes
    )
    caption = "A gradient is the sum, over what uses the number, of its gradient times the local derivative."
    return Table(("node", "what", "value", "gradient", "comes from"), rows, caption)


def _sum_of(walk: Walk, node: WalkNode) -> str:
    if node.name == walk.result:
        return "the result itself: 1"
    return " + ".join(
        f"{edge.target}: {brief(walk.node(edge.target).gradient)} × {derivative_words(edge)}"
        for edge in walk.out_of(node.name)
        if edge.gradient is not None
    )


def walk_text(walk: Walk) -> str:
    """The walk for a terminal: forward one operation a line, then backward."""
    return "\n".join(f"{at:>3}  {step_words(walk, step)}" for at, step in enumerate(walk.steps(), 1))


def _figure(
    walk: Walk, title: str, known: Collection[str], reached: Collection[str], step: WalkStep | None
) -> Figure:
    return Figure((_graph_panel(walk, known, reached, step),), title, columns=1, caption=LEGEND)


def _graph_panel(
    walk: Walk, known: Collection[str], reached: Collection[str], step: WalkStep | None
) -> Panel:
    words = {node.name: _node_words(node, known, reached) for node in walk.nodes}
    # As wide as the words will be at the end, so that nothing moves from step to step.
    full = {node.name: _node_words(node, [node.name], [node.name]) for node in walk.nodes}
    sizes = {name: (_width(*lines), NODE_HEIGHT) for name, lines in full.items()}
    graph = Graph(
        "walk",
        tuple(Node(node.name, "operation", node.operation, "", 1, (node.shape,)) for node in walk.nodes),
        tuple(dict.fromkeys(Edge(edge.source, edge.target, ()) for edge in walk.edges)),
    )
    layout = lay_out(_in_order(graph), sizes)
    boxes = [layout.nodes[node.name] for node in walk.nodes]
    paths = [np.array([(x, _stretched(y)) for x, y in path], np.float32) for path in layout.paths]
    drawn = marks.Graph(
        boxes=np.array([(x0, _stretched(y0), x1, _stretched(y1)) for x0, y0, x1, y1 in boxes], np.float32),
        names=tuple(words[node.name][0] for node in walk.nodes),
        notes=tuple(words[node.name][1] for node in walk.nodes),
        words=tuple(_told(node) for node in walk.nodes),
        colours=tuple(_colour(walk, node, step) for node in walk.nodes),
        frames=np.zeros((0, 4), np.float32),
        titles=(),
        paths=tuple(paths),
    )
    labels = [*_labels(walk, graph.edges, paths, reached)]
    height, width = _stretched(layout.height) + 2, layout.width + 2
    return Panel((drawn, *labels), frame=(height, width), height=height, width=width)


def _width(name: str, note: str) -> float:
    return max(70.0, 1.25 * breadth(name) * LETTER, breadth(note) * LETTER) + 26


def _in_order(graph: Graph) -> Graph:
    """Leaves first, as a layout wants its edges to go forward."""
    leaves = [node for node in graph.nodes if not node.kind]
    return Graph(graph.name, (*leaves, *(node for node in graph.nodes if node.kind)), graph.edges)


def _stretched(y: float) -> float:
    """Rows of nodes further apart: room for the words on the edges."""
    row, within = divmod(y, NODE_HEIGHT + GAP_DOWN)
    if within > NODE_HEIGHT:
        within = NODE_HEIGHT + (within - NODE_HEIGHT) * _RANK_GAP / GAP_DOWN
    return row * (NODE_HEIGHT + _RANK_GAP) + within


def _node_words(node: WalkNode, known: Collection[str], reached: Collection[str]) -> tuple[str, str]:
    value = f" = {brief(node.value)}" if node.name in known else ""
    name = node.name if node.role != "constant" or not _is_number(node) else ""
    first = f"{name}{value}" if name else brief(node.value)
    shape = "×".join(map(str, node.shape)) if node.value.size > 4 or node.value.ndim > 1 else ""
    if shape:
        first = f"{node.name}  {shape}" if node.name in known else node.name
    gradient = "" if node.gradient is None or node.name not in reached else f"gradient {brief(node.gradient)}"
    return first, gradient or ("constant" if node.role == "constant" else "")


def _is_number(node: WalkNode) -> bool:
    """Whether a constant is called by its own value."""
    return node.name.partition("#")[0].lstrip("-")[:1].isdigit()


def _told(node: WalkNode) -> str:
    lines = [f"{node.name} ({node.operation or node.role})", f"value {_all(node.value)}"]
    return "\n".join([*lines, *([f"gradient {_all(node.gradient)}"] if node.gradient is not None else [])])


def _all(values: Floats) -> str:
    if values.size > 64:
        return brief(values)
    return np.array2string(values, precision=4, separator=", ", suppress_small=True)


def _colour(walk: Walk, node: WalkNode, step: WalkStep | None) -> str:
    if step is not None:
        if node.name == step.name:
            return "orange"
        return "pink" if step.direction == "backward" and node.name in step.reached else _COLOURS[node.role]
    return "orange" if node.name == walk.result else _COLOURS[node.role]


def _labels(
    walk: Walk, edges: tuple[Edge, ...], paths: Sequence[NDArray[np.float32]], reached: Collection[str]
) -> Iterator[Mark]:
    """The local derivative of each edge, halfway down to the operation it goes into."""
    met: Counter[str] = Counter()
    for edge, path in zip(edges, paths, strict=True):
        own = [each for each in walk.into(edge.target) if each.source == edge.source]
        if edge.target not in reached or not any(each.gradient is not None for each in own):
            continue
        share = (0.5, 0.3, 0.7)[met[edge.target] % 3]  # so that words of neighbours do not meet
        met[edge.target] += 1
        (x0, y0), (x1, y1) = path[-2].tolist(), path[-1].tolist()
        words = " + ".join(derivative_words(each, 2) for each in own if each.derivative is not None)
        yield Text(x0 + share * (x1 - x0), y0 + share * (y1 - y0), f"× {words}", "middle", "pink", 10.5)


def derivative_words(edge: WalkEdge, most: int = 4) -> str:
    """A number, a few numbers, or the shape: of a matrix (target's elements × source's elements)."""
    if edge.derivative is None:
        return "–"
    if edge.derivative.size <= most:
        return brief(edge.derivative.reshape(-1))
    return f"[{'×'.join(map(str, edge.derivative.shape))}]"


def _matrix_panel(node: WalkNode) -> Panel:
    tables = [np.atleast_2d(each) for each in (node.value, node.gradient) if each is not None]
    height, width = tables[0].shape
    scales = [signed(tables[0], "value"), signed(tables[-1], "gradient")]
    drawn: list[Mark] = []
    for at, (table, scale) in enumerate(zip(tables, scales, strict=True)):
        left = at * (width + 0.5)
        drawn.append(Heat(table, scale, (left, left + width, 0.0, float(height))))
        drawn += numbers_in(table, scale, left=left)
    middle = width / 2
    ticks = ((middle, "value"), (middle + width + 0.5, "gradient"))
    return Panel(
        tuple(drawn),
        f"{node.name}, {'×'.join(map(str, node.shape))}",
        frame=(float(height), 2.0 * width + 0.5),
        x=Axis(ticks=ticks),
        height=26.0 * height,
        width=52.0 * (2 * width + 0.5),
    )
