"""The modules inside a network, with those that it keeps in plain lists, tuples and dicts.

Torch does not know of these: it neither trains, saves nor moves them. But they run, so they are looked at
like all others, and called as they would be in an `nn.ModuleList` or `nn.ModuleDict`: `blocks.0`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from torch import nn

from pellucid.types.batch import ATOMS


def named_parts(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Like `named_modules()`, each module once, and after them those in plain containers, wherever these are;
    a module that is kept both ways has its registered name.
    """
    seen: set[nn.Module] = set()
    waiting = deque([("", model)])
    while waiting:
        path, root = waiting.popleft()
        found = [*root.named_modules(memo=seen, prefix=path)]
        yield from found
        waiting.extend(
            (f"{name}.{held}" if name else held, part) for name, each in found for held, part in kept(each)
        )


def kept(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """What a module itself keeps in plain containers: ("blocks.0", …)."""
    for name, held in vars(module).items():
        if type(held) in _PLAIN and held and name not in _TORCHS_OWN:
            yield from _within(name, held)


def unregistered(model: nn.Module) -> dict[str, nn.Module]:
    """The parts of a network that are in no `model.modules()`, by name."""
    known = {*model.modules()}
    return {name: part for name, part in named_parts(model) if part not in known}


_PLAIN = frozenset({list, tuple, dict})
_TORCHS_OWN = frozenset({"_modules", "_parameters", "_buffers"})


def _within(name: str, held: Any) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(held, nn.Module):
        yield name, held
    elif type(held) is dict:
        for key, value in [*held.items()]:  # another thread may run the network
            yield from _within(f"{name}.{key}", value)
    elif type(held) in _PLAIN and not ATOMS.issuperset(map(type, held)):
        for at, value in enumerate(held):
            yield from _within(f"{name}.{at}", value)
