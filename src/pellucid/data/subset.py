"""A part of a split, for looking at what would be too much as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid.data.source import Data, Source
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class Subset:
    """The samples of `source` at `chosen` (n,) int64, which keep their place in the split as `indices`."""

    source: Source
    chosen: Tensor

    @property
    def streamed(self) -> bool:
        return self.source.streamed

    def __len__(self) -> int:
        return len(self.chosen)

    def fetch(self, indices: Tensor, keys: Tensor | None = None) -> Batch:
        return self.source.fetch(self.chosen[indices.cpu()], keys)

    def to(self, device: str) -> Subset:
        return replace(self, source=self.source.to(device))


def spread(data: Data, split: str, most: int) -> Source:
    """At most `most` samples of a split, spread evenly over it. Raises `InputError` for a split that is not
    there.
    """
    if split not in data.splits:
        raise InputError(f"{data.info.name} has no split {split!r}; it has {', '.join(data.splits)}")
    if most < 1:
        raise InputError(f"at least 1 sample was expected, not {most}")
    source = data.splits[split]
    if len(source) <= most:
        return source
    return Subset(source, torch.linspace(0, len(source) - 1, most).round().long())
