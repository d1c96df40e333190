"""What the training loop needs of a data set: splits that can be asked for any samples at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo


class Source(Protocol):
    """One split. `fetch` is a pure function, so any worker, process or restart gets the same samples.

    `streamed` says that fetching takes long enough (decoding files, rendering) to be done ahead by worker
    processes; otherwise the split is one tensor that `to` brings to the device once.
    """

    @property
    def streamed(self) -> bool: ...

    def __len__(self) -> int: ...

    def fetch(self, indices: Tensor, keys: Tensor | None = None) -> Batch:
        """The samples at `indices` (b,) int64. `keys` (b,) int64 seed each sample's random crop; None: the
        centre one.
        """
        ...

    def to(self, device: str) -> Source: ...


@dataclass(frozen=True)
class Data:
    """A data set opened: what it is, and its splits: "test", "train" unless it is for tests alone, "val"
    where it has one.
    """

    info: DataInfo
    splits: Mapping[str, Source]
