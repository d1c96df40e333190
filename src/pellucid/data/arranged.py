"""A data set whose classes are numbered as a network's outputs are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid.data.classes import ClassNames
from pellucid.data.source import Data, Source
from pellucid.data.tensors import as_masks
from pellucid.types.batch import Batch
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class Renumbered:
    """A `Source` with other class numbers: what `source` calls i is `numbers[i]` (int64), one of `count`."""

    source: Source
    numbers: Tensor
    count: int

    @property
    def streamed(self) -> bool:
        return self.source.streamed

    def __len__(self) -> int:
        return len(self.source)

    def fetch(self, indices: Tensor, keys: Tensor | None = None) -> Batch:
        batch = self.source.fetch(indices, keys)
        numbers = self.numbers.to(batch.targets.device)
        if batch.targets.ndim == 3:
            return replace(batch, targets=self._relabelled(batch.targets, numbers))
        if batch.targets.ndim == 1:
            return Batch(batch.inputs, numbers[batch.targets], batch.indices)
        targets = batch.targets.new_zeros(len(batch.targets), self.count)
        return Batch(batch.inputs, targets.index_copy_(1, numbers, batch.targets), batch.indices)

    def _relabelled(self, maps: Tensor, numbers: Tensor) -> Tensor:
        """Label maps with the other numbers; what is not judged stays so."""
        table = torch.full((VOID + 1,), VOID, dtype=maps.dtype, device=maps.device)
        table[: len(numbers)] = numbers.to(maps.dtype)
        return as_masks(table[maps.long()])

    def to(self, device: str) -> Renumbered:
        return replace(self, source=self.source.to(device))


def places(names: Sequence[str], classes: Sequence[str]) -> list[int | None]:
    """Where each of `names` stands in `classes`; None where it does not, or where it is not sure.

    Upper and lower case, `_` and spaces are alike; ImageNet's `n01440764_tench` is `tench` and `n01440764`.
    """
    known = ClassNames(tuple(classes))
    plain, theirs = [_plain(name) for name in names], [_plain(name) for name in classes]
    often, numbers = (Counter(plain), Counter(theirs)), {name: place for place, name in enumerate(theirs)}
    found: list[int | None] = []
    for own, name in zip(names, plain, strict=True):
        sure = name and often[0][name] == often[1][name] == 1
        found.append(numbers[name] if sure and known.called(own) is None else known.called(own))
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", re.sub(r"^n\d{8}(?![^\W_])", "", name)).strip().lower()


def arranged(data: Data, classes: Sequence[str]) -> Data:
    """`data` with the classes `classes`, of which its own may be some, in any order.

    Raises `InputError` for a class of its own that is none of them.
    """
    own = data.info.classes
    if own == tuple(classes):
        return data
    numbers = places(own, classes)
    unknown = [name for name, number in zip(own, numbers, strict=True) if number is None]
    if unknown or len(set(numbers)) < len(numbers):
        named = ", ".join(map(repr, unknown[:3])) or "several names for one of them"
        more = ", …" if len(unknown) > 3 else ""
        raise InputError(
            f"{data.info.name} has {named}{more} among its {len(own):,} classes; the network knows "
            f"{len(classes):,} ({', '.join(classes[:3])}{', …' if len(classes) > 3 else ''})"
        )
    found = [number for number in numbers if number is not None]
    counts = dict(zip(found, data.info.class_counts, strict=True))
    info = replace(
        data.info,
        classes=tuple(classes),
        class_counts=tuple(counts.get(number, 0) for number in range(len(classes))),
    )
    order = torch.tensor(found, dtype=torch.int64)
    return Data(info, {split: Renumbered(own, order, len(classes)) for split, own in data.splits.items()})
