"""A change to try on a network, as one line of text: the same in Python, on the command line and in a link.

    layer4.1.conv2[37] * 0          channel 37 of what the layer gives, times 0: switched off
    layer4.1.conv2[37, 5, 6] * 2    one unit of it, doubled
    conv1.weight[3, 0] = 1, 0, -1   numbers of a parameter, written anew: of channel 3, its kernel for input 0

Addresses are those of `types.address`; a parameter is called as in `named_parameters()`, and its index counts
along its own dimensions.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pellucid.types.address import Address
from pellucid.types.errors import InputError

FORMS = "layer4.1.conv2[37] * 0 or conv1.weight[3, 0] = 1, 0, -1"


@dataclass(frozen=True)
class Scaling:
    """What a layer gives, or one channel or unit of it, times `factor`."""

    address: Address
    factor: float

    def __post_init__(self) -> None:
        if self.address.operation:
            raise InputError(
                f"what a module gives can be scaled; {self.address} is an operation inside of one: scale the "
                "module, or the layers that it gets its inputs from"
            )
        _check_finite((self.factor,), str(self.address))

    def __str__(self) -> str:
        return f"{self.address} * {self.factor:g}"


@dataclass(frozen=True)
class Writing:
    """The numbers of the parameter at `address`, row by row: `address.layer` is the parameter's name,
    `address.index` where in it, () for all of it.
    """

    address: Address
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.address.operation or self.address.call:
            raise InputError(f"expected a parameter like conv1.weight[3, 0]; got {self.address}")
        _check_finite(self.values, str(self.address))

    def __str__(self) -> str:
        return f"{self.address} = {', '.join(f'{value:.9g}' for value in self.values)}"


Change = Scaling | Writing


def parse_change(text: str) -> Change:
    """The change that `text` says. Raises `InputError` for text of another form."""
    found = re.fullmatch(r"\s*([^*=]+?)\s*([*=])\s*(.+?)\s*", text, re.DOTALL)
    if found is None:
        raise InputError(f"expected a change like {FORMS}; got {text[:200]!r}")
    address, sign, said = found.groups()
    words = re.split(r"[,\s]+", said)
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError as error:
        raise InputError(f"expected numbers after the {sign} of a change; got {said[:200]!r}") from error
    if sign == "=":
        return Writing(Address.parse(address), numbers)
    if len(numbers) != 1:
        raise InputError(f"expected one factor after the * of a change; got {said[:200]!r}")
    return Scaling(Address.parse(address), numbers[0])


def _check_finite(numbers: tuple[float, ...], where: str) -> None:
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"a change is made with finite numbers; got {numbers[:8]} for {where}")
