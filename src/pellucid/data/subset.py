"""A part of a split, for looking at what would be too much as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
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


def class_labels(batch: Batch) -> NDArray[np.integer[Any]]:
    """Each sample's class, (n,); none where samples have no single one."""
    targets = batch.targets
    single = isinstance(targets, Tensor) and targets.ndim == 1 and not targets.is_floating_point()
    return targets.numpy() if single else np.empty(0, np.int64)


def thumbnails(pictures: Tensor, side: int = 64) -> NDArray[np.uint8]:
    """(n, 1 or 3, h, w) uint8 to (n, h', w', 3), at most about `side` pixels a side; others as grey."""
    shown = pictures if pictures.shape[1] in (1, 3) else pictures.float().mean(1, keepdim=True)
    factor = max(1, -(-max(shown.shape[-2:]) // side))
    small = F.avg_pool2d(shown.float(), factor, ceil_mode=True).round().byte()
    array: NDArray[np.uint8] = small.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    return array
