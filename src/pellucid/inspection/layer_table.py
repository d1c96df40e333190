"""What each layer of a network takes, gives and costs: one row for every call of a module."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from pellucid.inspection.counting import MOVES, bias_additions_of, multiply_adds_of
from pellucid.inspection.imitation import held_as
from pellucid.inspection.memory import kept_for_training, peak_bytes
from pellucid.inspection.modes import uncollected
from pellucid.inspection.parts import kept, unregistered
from pellucid.inspection.receptive_field import ReceptiveField, receptive_fields
from pellucid.inspection.trace import Call, Operation, Trace, Value, trace
from pellucid.types.errors import InputError

Shape = tuple[int, ...]


def in_short(sides: Sequence[float]) -> str:
    """ "3×5"; one number for equal sides."""
    words = [f"{side:g}" for side in sides]
    return words[0] if len({*words}) == 1 else "×".join(words)


@dataclass(frozen=True)
class Field:
    """The receptive field of a first output, per axis of the picture; see `ReceptiveField`."""

    size: Shape
    stride: tuple[float, ...] | None
    offset: tuple[float, ...] | None
    status: str

    def __str__(self) -> str:
        """“43 / 8”: size and stride; only the size where there is no grid, a word where there is no size."""
        if self.status == "nothing":
            return ""
        if self.status == "whole image":
            return "whole"
        limited = "" if self.status.startswith("exact") else "≤ "
        stride = f" / {in_short(self.stride)}" if self.stride and any(self.stride) else ""
        return f"{limited}{in_short(self.size)}{stride}"


@dataclass(frozen=True)
class Row:
    """One call of a module, its parts included, or an operation that a module with parts runs itself.

    `address` is "" for the network, `relu#1` for a module's second call, `layer1.0:add` for an operation.
    `parameters` are learnt in the module and its parts, `own` of them in no part with a row of its own; of a
    later call they are the same ones `again`. `multiply_adds` are products, see `counting`, and
    `bias_additions` what some count as one more product for each output. `forward_bytes` are taken for
    outputs; views and results in place take none. `training_bytes` are kept for the backward pass.

    None is what is not known, was not asked for, or is not told of operations.
    """

    address: str
    kind: str
    depth: int
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    field: Field | None
    parameters: int
    own: int
    again: bool
    multiply_adds: int
    bias_additions: int
    forward_bytes: int
    training_bytes: int | None
    seconds: float | None


@dataclass(frozen=True)
class LayerTable:
    """`rows` in the order of the run, the network's own first, which has the sums; each module's are those of
    its parts, and what it does itself. Parameters that are shared count once.

    `peak_bytes` is the most that inputs and activations take at once in a forward pass. `uncounted` are
    operations that may multiply but of which it is not known how often, with the calls that ran them. `notes`
    say what was not as it usually is.
    """

    rows: tuple[Row, ...]
    trainable: int
    buffers: int
    peak_bytes: int
    uncounted: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Row:
        return self.rows[0]

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON's types."""
        return asdict(self)


def layer_table(model: nn.Module, inputs: Sequence[Any]) -> LayerTable:
    """The table of `model(*inputs)`, of which only shapes and dtypes count. Nothing is computed unless the
    network needs it, and the network is left as it was. Raises `InputError` that names the layer where it
    refuses the inputs.
    """
    with uncollected():
        return table_of(trace(model, inputs), inputs)


def table_of(
    trace: Trace, inputs: Sequence[Any], *, seconds: Mapping[str, float] | None = None
) -> LayerTable:
    """The table of a run with `inputs`. `seconds` are those of `time_calls`."""
    model = trace.calls[0].module
    notes = [*([f"run {trace.note}"] if trace.note else []), *_said_of_unregistered(model)]
    training = None
    try:
        training = kept_for_training(trace, inputs)
    except InputError as error:
        notes.append(f"memory for training unknown: {error}")
    uncounted: dict[str, list[str]] = defaultdict(list)
    for operation in trace.operations:
        if multiply_adds_of(operation) is None:
            uncounted[operation.name].append(trace.calls[operation.call].address)
    return LayerTable(
        rows=tuple(_rows(trace, training, seconds or {})),
        trainable=sum(each.numel() for _, each in held_as("parameter", model) if each.requires_grad),
        buffers=sum(each.numel() for _, each in held_as("buffer", model)),
        peak_bytes=peak_bytes(trace),
        uncounted={name: tuple(addresses) for name, addresses in uncounted.items()},
        notes=tuple(notes),
    )


def _said_of_unregistered(model: nn.Module) -> Iterator[str]:
    """What a network's author should know of parts in plain containers."""
    found = unregistered(model)
    within = tuple(f"{name}." for name in found)
    names = [name for name in found if not name.startswith(within)]
    if names:
        counted = sum(each.numel() for name, each in held_as("parameter", model) if name.startswith(within))
        shown = f"{', '.join(names[:3])}{f', … {len(names)} in all,' if len(names) > 3 else ''}"
        yield (
            f"{shown} {'is' if len(names) == 1 else 'are'} in a plain list, tuple or dict, which torch does "
            f"not look into: the {counted:,} parameters there are counted here, but are neither trained nor "
            "saved nor moved with the network; use nn.ModuleList or nn.ModuleDict"
        )


@dataclass
class _Sum:
    """What of a row adds up to that of the row around it."""

    multiply_adds: int = 0
    bias_additions: int = 0
    forward_bytes: int = 0
    training_bytes: int = 0

    @staticmethod
    def of(operation: Operation) -> _Sum:
        taken = sum(value.bytes for value in operation.outputs)
        return _Sum(multiply_adds_of(operation) or 0, bias_additions_of(operation), taken)

    def add(self, other: _Sum) -> None:
        self.multiply_adds += other.multiply_adds
        self.bias_additions += other.bias_additions
        self.forward_bytes += other.forward_bytes
        self.training_bytes += other.training_bytes


def _sums(trace: Trace, training: Mapping[str, int]) -> list[_Sum]:
    """For every call, its parts included."""
    sums = [_Sum() for _ in trace.calls]
    for operation in trace.operations:
        sums[operation.call].add(_Sum.of(operation))
    index = {call.address: call.index for call in trace.calls}
    for address, size in training.items():
        sums[index.get(address, 0)].training_bytes += size  # what runs in training only is the network's own
    for call in reversed(trace.calls):  # parts come after what is around them
        if call.parent is not None:
            sums[call.parent].add(sums[call.index])
    return sums


def _rows(trace: Trace, training: Mapping[str, int] | None, seconds: Mapping[str, float]) -> Iterator[Row]:
    sums, fields = _sums(trace, training or {}), _fields(trace)
    parameters, own = _parameters(trace.calls[0].module), _own_parameters(trace)
    shown, waiting, numbers = _with_own_rows(trace), deque(trace.calls), Counter[tuple[int, str]]()

    def row_of(call: Call) -> Row:
        total = sums[call.index]
        return Row(
            address=call.address,
            kind=call.kind,
            depth=call.depth,
            inputs=tuple(value.shape for value in call.inputs),
            outputs=tuple(value.shape for value in call.outputs),
            field=_field(call.outputs, fields),
            parameters=sum(parameters[call.module].values()),
            own=0 if call.number else own[call.name],
            again=call.number > 0,
            multiply_adds=total.multiply_adds,
            bias_additions=total.bias_additions,
            forward_bytes=total.forward_bytes,
            training_bytes=None if training is None else total.training_bytes,
            seconds=seconds.get(call.address),
        )

    for operation in trace.operations:
        while waiting and waiting[0].start <= operation.index:
            yield row_of(waiting.popleft())
        call = trace.calls[operation.call]
        if call.index in shown and operation.name not in MOVES:
            number = numbers[call.index, operation.name]
            numbers[call.index, operation.name] += 1
            address = f"{call.address}:{operation.name}{f'#{number}' if number else ''}"
            yield _operation_row(operation, address, call.depth + 1, _field(operation.outputs, fields))
    yield from map(row_of, waiting)


def _operation_row(operation: Operation, address: str, depth: int, field: Field | None) -> Row:
    alone = _Sum.of(operation)
    return Row(
        address=address,
        kind=operation.name,
        depth=depth,
        inputs=tuple(value.shape for value in operation.inputs if value.origin != "parameter"),
        outputs=tuple(value.shape for value in operation.outputs),
        field=field,
        parameters=0,
        own=0,
        again=False,
        multiply_adds=alone.multiply_adds,
        bias_additions=alone.bias_additions,
        forward_bytes=alone.forward_bytes,
        training_bytes=None,
        seconds=None,
    )


def _with_own_rows(trace: Trace) -> set[int | None]:
    """The calls whose own operations have rows: those of modules with parts, and the network's."""
    whole = type(trace.calls[0].module).__module__.startswith("torch.nn.modules")
    return {call.parent for call in trace.calls} | (set() if whole else {0})


def _fields(trace: Trace) -> Mapping[Value, ReceptiveField]:
    try:
        return receptive_fields(trace)
    except InputError:  # no input is a picture
        return {}


def _field(outputs: Sequence[Value], fields: Mapping[Value, ReceptiveField]) -> Field | None:
    found = fields.get(outputs[0]) if outputs else None
    return None if found is None else Field(found.size, found.stride, found.offset, found.status)


def _parameters(model: nn.Module) -> dict[nn.Module, dict[int, int]]:
    """Of every module: the parameters in it and its parts, by id, and their sizes."""
    found: dict[nn.Module, dict[int, int]] = {}

    def look(module: nn.Module) -> dict[int, int]:
        if module not in found:
            held = {id(each): each.numel() for each in module._parameters.values() if each is not None}
            for part in (*module.children(), *(part for _, part in kept(module))):
                held |= look(part)
            found[module] = held
        return found[module]

    look(model)
    return found


def _own_parameters(trace: Trace) -> Counter[str]:
    """How many parameters each module that ran has beyond its parts that ran, by name."""
    ran = {call.name for call in trace.calls}
    own: Counter[str] = Counter()
    for name, parameter in held_as("parameter", trace.calls[0].module):
        holder = name.rpartition(".")[0]
        while holder not in ran:
            holder = holder.rpartition(".")[0]
        own[holder] += parameter.numel()
    return own
