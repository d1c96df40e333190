"""A split whose pictures stay in their files and are decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid.data.crops import crop_draws
from pellucid.data.decode import decode_centre, decode_random
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class Files:
    """A streamed `Source`. `targets` as in `InMemory`; every picture becomes (c, *preprocessing.size) uint8.

    `smallest_crop` in (0, 1] bounds the part of a picture's area that a random crop covers.
    """

    root: Path
    paths: tuple[str, ...]
    targets: Tensor
    preprocessing: Preprocessing
    smallest_crop: float

    @property
    def streamed(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.paths)

    def fetch(self, indices: Tensor, keys: Tensor | None = None) -> Batch:
        """Centred parts without `keys`, random ones with them. `InputError` names an unreadable file."""
        size, channels = self.preprocessing.size, self.preprocessing.channels
        if size is None:
            raise ValueError("streamed pictures need a size")
        paths = [self.root / self.paths[index] for index in indices.tolist()]
        try:
            pictures = self._decoded(paths, size, channels, keys)
        except InputError as error:
            raise InputError(f"{error}; `pellucid data check {self.root}` finds all such files") from error
        return Batch(torch.stack(pictures), self.targets[indices], indices)

    def _decoded(
        self, paths: Sequence[Path], size: tuple[int, int], channels: str, keys: Tensor | None
    ) -> list[Tensor]:
        keep, interpolation = self.preprocessing.keep, self.preprocessing.interpolation
        if keys is None:
            return [
                decode_centre(path, size, channels, keep=keep, interpolation=interpolation) for path in paths
            ]
        return [
            decode_random(path, size, channels, draws, self.smallest_crop, interpolation)
            for path, draws in zip(paths, crop_draws(keys).tolist(), strict=True)
        ]

    def to(self, device: str) -> Files:
        """Itself: pictures are decoded on the host, and batches go to the device."""
        return self
