"""A network as a graph: what ran, and which tensors went from where to where."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Role = Literal["input", "output", "operation", "module"]

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Node:
    """An operation, a module that is folded to one node, or an input or output of the network.

    `address` is unique: `layer1.0.conv1`, `relu#1` for the second call of a module, `layer1.0:add` for an
    operation that a module runs itself, `:input` and `:output`. `kind` is the module's class or the
    operation's name. `group` is the address of the opened module around it, "" for the network. `operations`
    ran in it. `shapes` are those of what it gives.
    """

    address: str
    role: Role
    kind: str
    group: str
    operations: int
    shapes: tuple[tuple[int, ...], ...]

    @property
    def label(self) -> str:
        """The address without what the group says anyway: "conv1", "add"."""
        inside = self.address.removeprefix(self.group) if self.group else self.address
        return inside.lstrip(".:") or self.address


@dataclass(frozen=True, slots=True)
class Group:
    """A module that is opened: its parts are nodes and groups of their own. `group` is the one around it."""

    address: str
    kind: str
    group: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A tensor of `shape` that goes from one node to another, both by address."""

    source: str
    target: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """`nodes` in the order in which they ran, so that every edge goes forward; `groups` from outside in."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The graph as JSON's types."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "nodes": [asdict(node) for node in self.nodes],
            "edges": [asdict(edge) for edge in self.edges],
            "groups": [asdict(group) for group in self.groups],
        }
