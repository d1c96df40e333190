"""What a picture is to excite, as a value: a layer, channel, unit, class or direction, or a sum of them.

channel = exciting("layer3.1.conv2[37]")
unit = exciting("layer3.1.conv2[37, 5, 6]")
zebra = exciting("[340]", "zebra")                     # the network's own output
mixed = exciting("layer3[4]") - 0.5 * exciting("layer3[7]")
between = along("layer4", vector)                      # a direction of the channels
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.inspection.capture import Key
from pellucid.types.address import Address
from pellucid.types.errors import InputError

Outputs = Mapping[Key, Tensor]
"""What layers gave, channels first: (b, c), (b, c, tokens) or (b, c, h, w), by name and call."""


@dataclass(frozen=True, eq=False)
class Objective:
    """`score` takes what `layers` gave to one number for each picture, (b,); `text` says in words what it is.

    Objectives add, subtract and scale.
    """

    text: str
    layers: tuple[Key, ...]
    score: Callable[[Outputs], Tensor]

    def __add__(self, other: Objective) -> Objective:
        return self._with(other, f"{self.text} + {other.text}", 1.0)

    def __sub__(self, other: Objective) -> Objective:
        return self._with(other, f"{self.text} − {other.text}", -1.0)

    def __mul__(self, factor: float) -> Objective:
        return Objective(f"{factor:g} × ({self.text})", self.layers, lambda seen: factor * self.score(seen))

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return -1.0 * self

    def _with(self, other: Objective, text: str, sign: float) -> Objective:
        layers = tuple(dict.fromkeys((*self.layers, *other.layers)))
        return Objective(text, layers, lambda seen: self.score(seen) + sign * other.score(seen))


def exciting(what: Address | str, text: str = "") -> Objective:
    """The mean of a channel over its places, the value of one unit, or, of a whole layer, the mean square of
    all its values: whatever it finds in the picture, stronger ("DeepDream", Mordvintsev et al. 2015).
    """
    address = Address.parse(what) if isinstance(what, str) else what
    key = _key(address)

    def score(seen: Outputs) -> Tensor:
        values = seen[key]
        if not address.index:
            return values.flatten(1).square().mean(1)
        check_index(address, values.shape[1:])
        chosen = values.movedim(0, -1)[address.index]
        return chosen.reshape(-1, len(values)).mean(0)

    return Objective(text or str(address) or "the network's output", (key,), score)


def along(layer: Address | str, vector: Tensor, text: str = "") -> Objective:
    """The mean over a layer's places of its channels' product with the direction `vector` (c,), which is
    brought to length 1.
    """
    address = Address.parse(layer) if isinstance(layer, str) else layer
    key, direction = _key(address), vector.detach().float() / vector.detach().float().norm()

    def score(seen: Outputs) -> Tensor:
        values = seen[key]
        if vector.shape != values.shape[1:2]:
            raise InputError(
                f"{address} has {values.shape[1]} channels; a direction has as many numbers, "
                f"not {tuple(vector.shape)}"
            )
        return (
            torch.einsum(
                "bcp,c->b", values.flatten(2) if values.ndim > 2 else values[..., None], direction.to(values)
            )
            / values[0, 0].numel()
        )

    return Objective(text or f"a direction of {address}", (key,), score)


def _key(address: Address) -> Key:
    if address.operation:
        raise InputError(
            f"{address} is an operation; what is excited is a module's output, "
            f"that of {address.layer or 'a layer'} say"
        )
    return address.layer, address.call


def check_index(address: Address, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless `address` is a channel or unit of an output of this shape (c, …)."""
    sides = " × ".join(map(str, shape))
    if len(address.index) not in (1, len(shape)):
        raise InputError(
            f"{address}: an address has a channel, or a channel with {len(shape) - 1} places, of {sides}"
        )
    for at, length in zip(address.index, shape, strict=False):
        if at >= length:
            what = str(address.whole) or "the output"
            raise InputError(f"{address}: there is no {at} among 0 … {length - 1}; {what} is {sides}")
