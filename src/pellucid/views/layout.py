"""Where the nodes of a graph stand: in rows from the top down, opened modules as boxes around their parts.

Sugiyama, Tagawa & Toda, "Methods for visual understanding of hierarchical system structures", 1981: nodes are
ranked by their longest path from the top, edges that pass a rank get a place in it, each rank is ordered by
where its neighbours stand, and moved as near to them as there is room. An opened module is laid out by
itself, then stands as one node in what is around it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pellucid.types.graph import Edge, Graph

NODE_HEIGHT, GAP_ACROSS, GAP_DOWN = 36.0, 18.0, 22.0
MARGIN, HEADING = 12.0, 24.0  # of a group's frame; the upper one has its name
LANE = 10.0  # the width that an edge takes in a rank it passes
SWEEPS = 4

Item = Hashable
Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]
"""x0, y0, x1, y1."""


@dataclass
class Layout:
    """In CSS pixels from the upper left corner: nodes' and groups' rectangles by address, and a broken line
    for each edge, in the order of the graph's.
    """

    width: float
    height: float
    nodes: dict[str, Rectangle] = field(default_factory=dict)
    groups: dict[str, Rectangle] = field(default_factory=dict)
    paths: list[list[Point]] = field(default_factory=list)


def lay_out(graph: Graph, sizes: Mapping[str, tuple[float, float]]) -> Layout:
    """`sizes` are the (width, height) of the nodes by address."""
    parents = {group.address: group.group for group in graph.groups}
    parts: dict[str, list[str]] = defaultdict(list)
    inside = {node.address: node.group for node in graph.nodes} | parents
    order: dict[str, int] = {}
    for index, node in enumerate(graph.nodes):
        order[node.address] = index
        group = node.group
        while group and group not in order:  # a group stands where its first node does
            order[group] = index
            group = parents[group]
    for address in sorted(order, key=order.__getitem__):
        parts[inside[address]].append(address)
    return _Placing(graph, parts, inside, sizes).layout()


class _Placing:
    def __init__(
        self,
        graph: Graph,
        parts: Mapping[str, list[str]],
        inside: Mapping[str, str],
        given: Mapping[str, tuple[float, float]],
    ) -> None:
        self.graph, self.parts, self.inside, self.given = graph, parts, inside, given
        self.ways: dict[Edge, list[tuple[str, Item, Item]]] = {
            edge: list(self._way(edge)) for edge in graph.edges
        }
        links: dict[str, dict[tuple[Item, Item], None]] = defaultdict(dict)
        for way in self.ways.values():
            for group, start, end in way:
                links[group][start, end] = None
        self.links = links
        self.boxes: dict[str, _Box] = {}

    def layout(self) -> Layout:
        root = self._box("")
        found = Layout(root.width, root.height)
        places: dict[tuple[str, Item, Item], list[Point]] = {}
        self._settle("", 0.0, 0.0, found, places)
        for edge in self.graph.edges:
            path: list[Point] = []
            for group, start, end in self.ways[edge]:
                points = places[group, start, end]
                if path and isinstance(start, tuple):  # into a group: through its port, not at its middle
                    path.pop()
                elif path:  # out of one
                    points = points[1:]
                path += points
            found.paths.append(path)
        return found

    def _way(self, edge: Edge) -> Iterable[tuple[str, Item, Item]]:
        """The pieces of an edge, group by group: out of the source's groups, across, into the target's."""
        out, into = self._around(edge.source), self._around(edge.target)
        shared = len([1 for one, other in zip(out, into, strict=False) if one == other])
        leaving, entering = out[shared:], into[shared:]
        start: Item = edge.source
        for group in reversed(leaving):
            yield group, start, ("exit", edge.source)
            start = group
        ends: list[Item] = [*entering, edge.target]
        yield out[shared - 1], start, ends[0]
        for group, end in zip(entering, ends[1:], strict=True):
            yield group, ("entry", edge.source), end

    def _around(self, address: str) -> list[str]:
        """The groups around a node, from the network's, "", inwards."""
        group, found = self.inside[address], []
        while group:
            found.append(group)
            group = self.inside[group]
        return ["", *reversed(found)]

    def _box(self, group: str) -> _Box:
        """The group's parts placed, those within it first."""
        sizes: dict[Item, tuple[float, float]] = {}
        entries = {start: None for start, _ in self.links[group] if isinstance(start, tuple)}
        exits = {end: None for _, end in self.links[group] if isinstance(end, tuple)}
        for port in entries:
            sizes[port] = LANE, 0.0
        for address in self.parts[group]:
            if address in self.given:
                sizes[address] = self.given[address]
            else:
                inner = self._box(address)
                sizes[address] = inner.width, inner.height
        for port in exits:
            sizes[port] = LANE, 0.0
        box = self.boxes[group] = _Box(sizes, [*self.links[group]], framed=bool(group))
        return box

    def _settle(
        self,
        group: str,
        left: float,
        top: float,
        found: Layout,
        places: dict[tuple[str, Item, Item], list[Point]],
    ) -> None:
        box = self.boxes[group]
        for item, (x, y, width, height) in box.places.items():
            place = left + x, top + y, left + x + width, top + y + height
            if item in self.boxes and isinstance(item, str):
                found.groups[item] = place
                self._settle(item, place[0], place[1], found, places)
            elif isinstance(item, str):
                found.nodes[item] = place
        for (start, end), points in box.paths.items():
            places[group, start, end] = [(left + x, top + y) for x, y in points]


class _Box:
    """Items of given (width, height), in an order in which all links go forward, ranked and placed."""

    def __init__(
        self,
        sizes: Mapping[Item, tuple[float, float]],
        links: Sequence[tuple[Item, Item]],
        *,
        framed: bool,
    ) -> None:
        self.sizes = dict(sizes)
        self.rank = _ranks(sizes, links)
        chains = {link: self._chain(*link) for link in links}
        neighbours: dict[Item, list[Item]] = defaultdict(list)
        above: dict[Item, list[Item]] = defaultdict(list)
        for chain in chains.values():
            for one, other in pairwise(chain):
                neighbours[one].append(other)
                above[other].append(one)
        rows: list[list[Item]] = [[] for _ in range(max(self.rank.values(), default=0) + 1)]
        for item, rank in self.rank.items():
            rows[rank].append(item)
        centres = _across(rows, above, neighbours, {item: size[0] for item, size in self.sizes.items()})
        self._place(rows, centres, framed)
        self.paths = {link: self._path(chain) for link, chain in chains.items()}

    def _chain(self, start: Item, end: Item) -> list[Item]:
        """The link with an item of its own in every rank that it passes."""
        chain: list[Item] = [start]
        for rank in range(self.rank[start] + 1, self.rank[end]):
            # Links from one item share their lanes: they carry the same tensor.
            passing = ("lane", start, rank)
            self.sizes.setdefault(passing, (LANE, 0.0))
            self.rank[passing] = rank
            chain.append(passing)
        return [*chain, end]

    def _place(self, rows: list[list[Item]], centres: Mapping[Item, float], framed: bool) -> None:
        edges = [(centres[item] - w / 2, centres[item] + w / 2) for item, (w, _) in self.sizes.items()]
        low, high = min((a for a, _ in edges), default=0.0), max((b for _, b in edges), default=0.0)
        margin, y = (MARGIN, HEADING) if framed else (0.0, 0.0)
        self.places: dict[Item, tuple[float, float, float, float]] = {}
        for row in rows:
            height = max((self.sizes[item][1] for item in row), default=0.0)
            for item in row:
                width, own = self.sizes[item]
                self.places[item] = (
                    margin + centres[item] - width / 2 - low,
                    y + (height - own) / 2,
                    width,
                    own,
                )
            y += height + (GAP_DOWN if height else GAP_DOWN / 2)
        for item, (x, _, width, height) in self.places.items():
            if isinstance(item, tuple) and item[0] in ("entry", "exit"):
                self.places[item] = x, 0.0 if item[0] == "entry" else y, width, height
        self.width, self.height = high - low + 2 * margin, y if framed else max(0.0, y - GAP_DOWN)

    def _path(self, chain: list[Item]) -> list[Point]:
        points = []
        for index, item in enumerate(chain):
            x, y, width, height = self.places[item]
            middle = x + width / 2
            if index > 0:
                points.append((middle, y))
            if index < len(chain) - 1 and (height or index == 0):
                points.append((middle, y + height))
        return points


def _ranks(sizes: Mapping[Item, tuple[float, float]], links: Iterable[tuple[Item, Item]]) -> dict[Item, int]:
    """Each item below all that lead to it; a port in which a group ends, below everything."""
    before: dict[Item, list[Item]] = defaultdict(list)
    for start, end in links:
        before[end].append(start)
    ranks: dict[Item, int] = {}
    for item in sizes:
        ranks[item] = max((ranks[earlier] + 1 for earlier in before[item]), default=0)
    last = max((rank for item, rank in ranks.items() if not _is_exit(item)), default=0) + 1
    return {item: last if _is_exit(item) else rank for item, rank in ranks.items()}


def _is_exit(item: Item) -> bool:
    return isinstance(item, tuple) and item[0] == "exit"


def _across(
    rows: list[list[Item]],
    above: Mapping[Item, list[Item]],
    below: Mapping[Item, list[Item]],
    widths: Mapping[Item, float],
) -> dict[Item, float]:
    """Each item's centre: rows ordered by, and moved to, their neighbours' mean, down and up by turns."""
    centres = {item: 0.0 for row in rows for item in row}
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        near = above if downwards else below
        for row in rows if downwards else reversed(rows):
            wished = {item: _mean([centres[other] for other in near[item]], centres[item]) for item in row}
            row.sort(key=lambda item: wished[item])  # stable: equals stay in the order in which they ran
            apart = [0.0]
            for one, other in pairwise(row):
                apart.append(apart[-1] + (widths[one] + widths[other]) / 2 + GAP_ACROSS)
            moved = _rising([wished[item] - at for item, at in zip(row, apart, strict=True)])
            centres.update((item, at + by) for item, at, by in zip(row, apart, moved, strict=True))
    return centres


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _rising(values: Sequence[float]) -> list[float]:
    """The nearest sequence, by squares, that never falls (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for value in values:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            earlier, number = pools.pop()
            mean, count = (mean * count + earlier * number) / (count + number), count + number
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]
