"""The graph of one real run: operations and modules as nodes, tensors as edges, modules folded as wished."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from pellucid.inspection.modes import uncollected
from pellucid.inspection.trace import Call, Operation, Trace, Value
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.graph import Edge, Graph, Group, Node

Opened = Callable[[Call], bool]


@uncollected()
def graph_of(trace: Trace, *, depth: int | None = None, opened: Collection[str] = ()) -> Graph:
    """The graph of a run. Modules within `depth` levels are opened, all that have parts if it is None, and
    those whose addresses are in `opened` with what is around them; others are folded to one node.

    Torch's own layers, which have no parts, stay whole. Tensors made from parameters alone (a class token)
    have an edge from the operation that made them; parameters themselves have none. Raises `InputError` for a
    depth below 1, and for an address in `opened` that did not run.
    """
    if depth is not None and depth < 1:
        raise InputError(f"depth must be at least 1, the network's own parts; got {depth}")
    chosen = _with_surroundings(trace, opened)
    parents = {call.parent for call in trace.calls}

    def is_open(call: Call) -> bool:
        within = depth is None or call.depth < depth or call.index in chosen
        return call.depth == 0 or (within and call.index in parents) or call.index in chosen

    return _Folding(trace, is_open).graph()


def _with_surroundings(trace: Trace, addresses: Collection[str]) -> set[int]:
    """The indices of the calls at `addresses` and of all calls around them."""
    calls = {call.address: call for call in trace.calls}
    found: set[int] = set()
    for address in addresses:
        if address not in calls:
            raise unknown_name("module", address, calls)
        index: int | None = calls[address].index
        while index is not None:
            found.add(index)
            index = trace.calls[index].parent
    return found


class _Folding:
    """Which node stands for each operation."""

    def __init__(self, trace: Trace, is_open: Opened) -> None:
        self.trace = trace
        self.shown = [call.depth == 0 for call in trace.calls]  # whether a call's own parts are nodes
        self.stands: list[int] = [0] * len(trace.calls)  # the call whose node, or group, a call is part of
        for call in trace.calls:
            if call.parent is None:
                continue
            if self.shown[call.parent]:
                self.shown[call.index], self.stands[call.index] = is_open(call), call.index
            else:
                self.stands[call.index] = self.stands[call.parent]
        self.nodes: dict[str, Node] = {}
        self.edges: dict[tuple[str, str, Value], Edge] = {}
        self.maker: list[str] = []  # the address of the node of each operation

    def graph(self) -> Graph:
        for value in self.trace.inputs:
            if value.origin == "input":
                self._add(Node(f":{value.name}", "input", "input", "", 0, (value.shape,)))
        for operation in self.trace.operations:
            self._add_operation(operation)
        self._add_outputs()
        root = self.trace.calls[0]
        groups = tuple(
            Group(call.address, call.kind, self._group_around(call))
            for call in self.trace.calls[1:]
            if self.shown[call.index] and call.start < call.stop
        )
        return Graph(root.kind, tuple(self.nodes.values()), tuple(self.edges.values()), groups)

    def _add(self, node: Node) -> None:
        self.nodes.setdefault(node.address, node)

    def _add_operation(self, operation: Operation) -> None:
        call = self.trace.calls[self.stands[operation.call]]
        if self.shown[call.index]:
            address = self.trace.addresses[operation.index]
            shapes = tuple(value.shape for value in operation.outputs)
            self._add(Node(address, "operation", operation.name, call.address, 1, shapes))
        else:
            address = call.address
            if address not in self.nodes:
                shapes = tuple(value.shape for value in call.outputs)
                around = self._group_around(call)
                self._add(Node(address, "module", call.kind, around, call.stop - call.start, shapes))
        self.maker.append(address)
        self._connect(operation.inputs, address)

    def _group_around(self, call: Call) -> str:
        return "" if call.parent is None else self.trace.calls[call.parent].address

    def _connect(self, values: Iterable[Value], target: str) -> None:
        for value in values:
            source = f":{value.name}" if value.origin == "input" else ""
            if value.producer is not None:
                source = self.maker[value.producer]
            if source and source != target:
                self.edges.setdefault((source, target, value), Edge(source, target, value.shape))

    def _add_outputs(self) -> None:
        outputs = self.trace.outputs
        for number, value in enumerate(outputs):
            name = ":output" if len(outputs) == 1 else f":output{number}"
            self._add(Node(name, "output", "output", "", 0, (value.shape,)))
            self._connect([value], name)
