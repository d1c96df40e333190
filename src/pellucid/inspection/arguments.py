"""The arguments of an operation, read as torch reads them: by position or by name, one number for several."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

from pellucid.inspection.trace import Operation, Value

Numbers = tuple[int, ...]


class NotUnderstood(Exception):  # noqa: N818 – not the user's mistake, and always caught
    """An operation was used in a way for which there is no rule."""


MISREAD = (NotUnderstood, TypeError, ValueError, LookupError, AttributeError)
"""What a rule raises for a call that is written in a way it does not know."""


class Arguments:
    """Of one operation of a trace."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """The argument at `position` or called `name`."""
        arguments = self.operation.arguments
        if position < len(arguments):
            return arguments[position]
        return self.operation.options.get(name, default)

    def numbers(self, position: int, name: str, count: int, default: Any = None) -> Numbers:
        """An argument that is one number for all of `count` dimensions, or one for each."""
        given = self.argument(position, name)
        given = default if given is None or given == [] or given == () else given
        numbers = (given,) * count if isinstance(given, int) else tuple(given)
        return numbers * count if len(numbers) == 1 else numbers

    def dims(self, position: int, default: Any = None, name: str = "dim") -> Numbers:
        """An argument that names dimensions, one or several; all of them if it is absent."""
        given = self.argument(position, name, default)
        if given is None or isinstance(given, bool) or given == () or given == []:
            return tuple(range(len(self.shape)))
        return tuple(at % len(self.shape) for at in ((given,) if isinstance(given, int) else given))

    def rest(self, position: int) -> Numbers:
        """Numbers given one by one or as one sequence, from `position` on."""
        given = self.operation.arguments[position:]
        return tuple(given[0]) if len(given) == 1 and not isinstance(given[0], int) else tuple(given)

    @cached_property
    def value(self) -> Value:
        """The first tensor."""
        first = self.operation.arguments[0] if self.operation.arguments else None
        found = first if isinstance(first, Value) else next(iter(self.operation.inputs), None)
        if found is None:
            raise NotUnderstood("no tensor")
        return found

    @property
    def shape(self) -> Numbers:
        return self.value.shape

    @property
    def output(self) -> Numbers:
        return self.operation.outputs[0].shape


class Windows(NamedTuple):
    """What a convolution or a pooling does along each of its dimensions; `padding` is that in front."""

    kernel: Numbers
    stride: Numbers
    padding: Numbers
    dilation: Numbers


def convolution_windows(op: Arguments) -> Windows:
    kernel = op.argument(1, "weight").shape[2:]
    count = len(kernel)
    stride, dilation = op.numbers(3, "stride", count, 1), op.numbers(5, "dilation", count, 1)
    padding = op.argument(4, "padding", 0)
    if padding == "valid":
        before: Numbers = (0,) * count
    elif padding == "same":
        before = tuple(step * (size - 1) // 2 for step, size in zip(dilation, kernel, strict=True))
    else:
        before = op.numbers(4, "padding", count, 0)
    return Windows(kernel, stride, before, dilation)


def transposed_windows(op: Arguments) -> Windows:
    kernel = op.argument(1, "weight").shape[2:]
    count = len(kernel)
    stride, padding = op.numbers(3, "stride", count, 1), op.numbers(4, "padding", count, 0)
    return Windows(kernel, stride, padding, op.numbers(7, "dilation", count, 1))


def pooling_windows(op: Arguments, dims: int, *, kernel: int = 1, padded: bool, dilated: bool) -> Windows:
    """`kernel` is the position of the kernel's size among the arguments; the others follow."""
    size = op.numbers(kernel, "kernel_size", dims)
    stride = op.numbers(kernel + 1, "stride", dims, size)
    padding = op.numbers(kernel + 2, "padding", dims, 0) if padded else (0,) * dims
    dilation = op.numbers(kernel + 3, "dilation", dims, 1) if dilated else (1,) * dims
    return Windows(size, stride, padding, dilation)
