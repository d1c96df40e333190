"""What is at an address in a run: which tensor, made how, laid out how, with which kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from pellucid.inspection.arithmetic.watching import Watched
from pellucid.inspection.layout import Layout
from pellucid.inspection.trace import Operation, Value
from pellucid.types.address import Address
from pellucid.types.errors import InputError, unknown_name


@dataclass(frozen=True, eq=False)
class Resolved:
    """`kind` is the module's class or the operation's name; `tensor` is what it gave, laid out as `layout`
    says, of several tensors the first; `operation` is the one that computed it, None for an input or weight.
    """

    address: Address
    kind: str
    value: Value
    layout: Layout
    tensor: Tensor
    operation: Operation | None

    def channels(self, sample: int = 0) -> Tensor:
        """(channels, *positions) of one picture of the batch."""
        arranged = self.layout.arranged(self.tensor)
        return arranged[sample] if 0 not in self.layout.order else arranged[0]

    def maps(self, sample: int = 0) -> Tensor:
        """(channels, height, width). Raises `InputError` where a channel is no picture."""
        if len(self.layout.grid) != 2:
            raise InputError(
                f"{self.address.whole} gives {self.layout.words()}, which lie nowhere in the picture; "
                "choose a layer with feature maps or tokens"
            )
        return self.layout.maps(self.tensor)[sample]

    def number(self, sample: int = 0) -> float:
        """The value of the unit. Raises `InputError` if the address is not one unit's."""
        if len(self.address.index) != len(self.layout.order):
            raise InputError(f"{self.address} is no single unit: {self.layout.words()}")
        return float(self.channels(sample)[(self.channel, *self.position)])

    @property
    def channel(self) -> int:
        """Of the unit or channel that the address names; 0 where there are no channels."""
        return 0 if self.layout.channel is None else self.address.index[0]

    @property
    def position(self) -> tuple[int, ...]:
        """Of the unit that the address names, within its channel."""
        return self.address.index if self.layout.channel is None else self.address.index[1:]

    def unit(self, channel: int, position: Sequence[int]) -> Address:
        """The address of a unit of the same layer or operation."""
        before = () if self.layout.channel is None else (channel,)
        return self.address.at(*before, *position)

    def kernels(self, watched: Watched) -> Tensor | None:
        """(channels, in, *window): the weights of a convolution or dense layer, which make each channel; None
        of others. `in` are the input channels of the group that the channel sees.
        """
        operation = self.operation
        if (
            operation is None
            or not operation.name.startswith(("conv", "linear"))
            or len(operation.inputs) < 2
        ):
            return None
        weight = watched.tensors[operation.inputs[1]]
        if not operation.name.startswith("conv_transpose"):
            return weight
        groups = self.layout.channels // weight.shape[1]
        split = weight.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2)
        return split.reshape(self.layout.channels, -1, *weight.shape[2:])


def resolve(watched: Watched, address: str | Address) -> Resolved:
    """What is at `address`. Raises `InputError` for one that does not exist, with the closest that do, and
    for an index that the tensor there does not have.
    """
    asked = address if isinstance(address, Address) else Address.parse(address)
    whole = str(asked.whole)
    if whole in watched.calls:
        call = watched.calls[whole]
        value, kind = call.outputs[0], call.kind
    elif whole in watched.operations:
        value, kind = watched.operations[whole].outputs[0], watched.operations[whole].name
    elif whole in watched.given:
        value, kind = watched.given[whole], watched.given[whole].origin
    else:
        raise unknown_address(asked, watched.calls, watched.operations, watched.given)
    layout = watched.layout_at(value)
    layout.check(asked)
    made = None if value.producer is None else watched.trace.operations[value.producer]
    return Resolved(asked, kind, value, layout, watched.tensors[value], made)


def unknown_address(
    address: Address, calls: Iterable[str], operations: Iterable[str], others: Iterable[str] = ()
) -> InputError:
    """The error that nothing is at `address`, with the closest of what is."""
    calls, operations = list(calls), list(operations)
    same = [text for text in calls if Address.parse(text).layer == address.layer]
    if address.call and not address.operation and same:
        times = f"{len(same)} times: #0 to #{len(same) - 1}" if len(same) > 1 else "once"
        return InputError(f"{address.layer or 'the network'} ran {times}; got {address.whole}")
    own = [text for text in operations if text.startswith(f"{address.layer}:")]
    if address.operation and own:
        return unknown_name("operation", str(address.whole), own, shown_by="pellucid inspect --graph")
    known = [*calls, *operations, *others]
    return unknown_name("layer or operation", str(address.whole), known, shown_by="pellucid inspect")
