"""A split whose pictures and label maps stay in their files and are decoded when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.crops import Box, crop_draws, random_box
from pellucid.data.decode import decode
from pellucid.data.label_maps import Codes, read_label_map
from pellucid.data.regions import Regions
from pellucid.data.tensors import as_masks
from pellucid.types.batch import Batch
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class PairFiles:
    """A streamed `Source`: inputs (b, c, *size) uint8, targets a `Mask` (b, *size) uint8."""

    root: Path
    pictures: tuple[str, ...]
    labels: tuple[str | Regions, ...]
    codes: Codes
    channels: str
    size: tuple[int, int]
    smallest_crop: float

    @property
    def streamed(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.pictures)

    def fetch(self, indices: Tensor, keys: Tensor | None = None) -> Batch:
        """Whole pictures without `keys`, random parts with them. `InputError` names an unusable file."""
        draws = [None] * len(indices) if keys is None else crop_draws(keys).tolist()
        pictures, maps = [], []
        for index, own in zip(indices.tolist(), draws, strict=True):
            picture, labels = self._read(index)
            if own is None:
                picture, labels = fitted(picture, labels, self.size)
            else:
                box = random_box(labels.shape[0], labels.shape[1], self.size, own, self.smallest_crop)
                picture, labels = cut(picture, labels, box, self.size)
            pictures.append(picture)
            maps.append(labels)
        return Batch(torch.stack(pictures), as_masks(torch.stack(maps)), indices)

    def _read(self, index: int) -> tuple[Tensor, Tensor]:
        path, labels = self.root / self.pictures[index], self.labels[index]
        try:
            picture = decode(path, self.channels)
            if isinstance(labels, Regions):
                found = labels.draw()
            else:
                found = read_label_map(self.root / labels, self.codes)
        except InputError as error:
            raise InputError(f"{error}; `pellucid data check {self.root}` finds all such files") from error
        if found.shape != tuple(picture.shape[1:]):
            raise InputError(
                f"{path}: its label map is {found.shape[0]} × {found.shape[1]}, the picture "
                f"{picture.shape[1]} × {picture.shape[2]}"
            )
        return picture, torch.from_numpy(np.ascontiguousarray(found))

    def to(self, device: str) -> PairFiles:
        """Itself: pictures are decoded on the host, and batches go to the device."""
        return self


def cut(picture: Tensor, labels: Tensor, box: Box, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The part `box` of both, brought to `size`: bilinear with antialiasing, and nearest for labels."""
    rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
    return resized(picture[:, rows, columns], labels[rows, columns], size)


def fitted(picture: Tensor, labels: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """All of both, shrunk to fit into `size` where it does not, filled up to it with black and `VOID`."""
    height, width = labels.shape
    shrink = min(1.0, size[0] / height, size[1] / width)
    inside = (min(size[0], max(1, round(height * shrink))), min(size[1], max(1, round(width * shrink))))
    picture, labels = resized(picture, labels, inside)
    missing = (0, size[1] - inside[1], 0, size[0] - inside[0])
    return F.pad(picture, missing), F.pad(labels, missing, value=VOID)


def resized(picture: Tensor, labels: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    if tuple(labels.shape) == size:
        return picture, labels
    picture = F.interpolate(picture[None], size, mode="bilinear", antialias=True)[0]
    return picture, F.interpolate(labels[None, None], size, mode="nearest-exact")[0, 0]
