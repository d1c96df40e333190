"""Where something is inside a network, as one line of text: the same in Python, on the command line, in
JSON and in a link.

    layer4.1.conv2              what a module gives, by its name in `named_modules()`
    relu#1                      what it gave when it was called the second time
    layer1.0:add                what an operation gave that a module runs itself; `:add#1` the second one
    layer4.1.conv2[37]          channel 37 of it
    layer4.1.conv2[37, 5, 6]    one unit: channel 37 at row 5, column 6
    blocks.3.mlp.fc1[37, 12]    one unit of a sequence: channel 37 of token 12

In JSON an address is this text; in a link it is `to_url`, in which nothing means anything else there.
Signs of the form (`#`, `:`, `[`, `]`, `%` and spaces) in the name of a module are written as in links: %23.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote, unquote

from pellucid.types.errors import InputError

_TEXT = re.compile(
    r"(?P<layer>[^#:\[\]\s]*)(#(?P<call>\d+))?"
    r"(:(?P<operation>[^#:\[\]\s]+(::[^#:\[\]\s]+)?)(#(?P<number>\d+))?)?"
    r"\s*(\[(?P<index>[^\[\]]*)\])?",
    re.ASCII,
)
_SIGNS = re.compile(r"[#:\[\]%\s]")


@dataclass(frozen=True)
class Address:
    """`layer` is "" for the network itself. `call` and `number` count from 0. `index` is () for the whole,
    (channel,), or (channel, *position) for one unit, where the position is (y, x) on a map, (z, y, x) in a
    clip and (token,) in a sequence: the channel comes first wherever the network keeps it. The batch has no
    part in an address.
    """

    layer: str = ""
    call: int = 0
    operation: str = ""
    number: int = 0
    index: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.call, self.number, *self.index) < 0:
            raise InputError(f"an address counts from 0; got {self}")

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that `text` says. Raises `InputError` for text of another form."""
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise InputError(
                f"expected an address like layer4.1.conv2, relu#1, layer1.0:add or conv1[3, 5, 6]; "
                f"got {text!r}"
            )
        index = found["index"]
        return cls(
            unquote(found["layer"]),
            int(found["call"] or 0),
            unquote(found["operation"] or ""),
            int(found["number"] or 0),
            () if index is None else _numbers(index, text),
        )

    @classmethod
    def from_url(cls, text: str) -> Address:
        """The inverse of `to_url`."""
        return cls.parse(unquote(text))

    def to_url(self) -> str:
        """The address as one piece of a link's path, query or fragment: layer4.1.conv2%5B37,5,6%5D."""
        return quote(str(self).replace(", ", ","), safe=":,")

    def __str__(self) -> str:
        call = f"#{self.call}" if self.call else ""
        number = f"#{self.number}" if self.number else ""
        library, colons, name = self.operation.rpartition("::")
        operation = f":{_written(library)}{colons}{_written(name)}{number}" if self.operation else ""
        index = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return f"{_written(self.layer)}{call}{operation}{index}"

    @property
    def whole(self) -> Address:
        """The layer or operation, without an index."""
        return replace(self, index=())

    def at(self, *index: int) -> Address:
        """The channel, or the unit, of the same layer or operation."""
        return replace(self, index=index)


@lru_cache(1 << 14)  # a network's graph writes each name many times
def _written(name: str) -> str:
    """A name in which no sign is taken for one of the address's form."""
    return _SIGNS.sub(lambda sign: quote(sign[0], safe=""), name)


def _numbers(index: str, text: str) -> tuple[int, ...]:
    words = [word.strip() for word in index.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,18}", word) for word in words):
        raise InputError(
            "in the brackets of an address are whole numbers from 0, [channel] or [channel, y, x]; "
            f"got {text!r}"
        )
    return tuple(map(int, words))
