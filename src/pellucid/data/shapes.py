"""Shapes: a generated world of textured shapes over varied backgrounds, for every task.

`scene` and `clip` give a picture with all that is true of it (see `Scene`); each is a pure function of
(seed, index). `open_shapes` makes a classification set of it: the class is that of the main shape, which is
by far the largest (small ones are at most 0.55 of its radius) and mostly in view. Shapes are turned,
textured, lit and cast shadows; colours are harmonious and say nothing about the class, so that no linear
model can do better than chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pellucid.data.shapes_geometry import SHAPES
from pellucid.data.shapes_render import Scene, render
from pellucid.data.shapes_scene import layouts
from pellucid.data.source import Data
from pellucid.data.tensors import InMemory, as_masks, class_counts, image_info
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError

CLASSES = tuple(SHAPES)
SIZES = (32, 512)
MEMORY_LIMIT = 1 << 30  # bytes of rendered pictures that are kept in memory
_RENDERED_AT_ONCE = 256


def scene(seed: int, index: int, size: int = 64) -> Scene:
    """Sample `index` of the world `seed`, `size` pixels square."""
    return clip(seed, index, 1, size)[0]


def clip(seed: int, index: int, frames: int, size: int = 64) -> list[Scene]:
    """`frames` pictures: `scene(seed, index, size)` first, then its shapes drift and turn.

    From one frame to the next a shape moves at most 0.02 of the side and turns at most 5°. `tracks` tells
    which is which; a shape that is fully hidden in a frame is missing there.
    """
    _check_size(size)
    (layout,) = layouts(seed, torch.tensor([index]))
    return [render(layout.at(frame), size) for frame in range(frames)]


@dataclass(frozen=True)
class Shapes:
    """A `Source` that renders samples `start` … `start + count` − 1 of a world when they are asked for.

    Inputs are (b, 3, size, size) uint8, targets (b,) int64 class numbers; with `masks` a `Mask` (b, size,
    size) uint8, 0 for background, otherwise 1 + class.
    """

    seed: int
    start: int
    count: int
    size: int = 64
    masks: bool = False

    def __post_init__(self) -> None:
        _check_size(self.size)

    @property
    def streamed(self) -> bool:
        return True

    def __len__(self) -> int:
        return self.count

    def fetch(self, indices: Tensor, keys: Tensor | None = None) -> Batch:
        """The samples at `indices` (b,). `keys` change nothing: a sample is not random."""
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < self.count:
            raise IndexError(f"indices must lie in [0, {self.count})")
        scenes = [render(layout, self.size) for layout in layouts(self.seed, self.start + indices)]
        images = np.stack([scene.image for scene in scenes])
        return Batch(torch.from_numpy(images), self._targets(scenes), indices)

    def _targets(self, scenes: Sequence[Scene]) -> Tensor:
        if not self.masks:
            return torch.tensor([scene.label for scene in scenes])
        return as_masks(torch.from_numpy(np.stack([scene.semantic for scene in scenes])))

    def to(self, device: str) -> Shapes:
        return self

    def in_memory(self) -> InMemory:
        """All samples rendered."""
        inputs = torch.empty(self.count, 3, self.size, self.size, dtype=torch.uint8)
        targets = []
        for indices in torch.split(torch.arange(self.count), _RENDERED_AT_ONCE):
            batch = self.fetch(indices)
            inputs[indices] = batch.inputs
            targets.append(batch.targets)
        return InMemory(inputs, torch.cat(targets))

    def labels(self) -> Tensor:
        """(count,) int64, without rendering."""
        scenes = layouts(self.seed, torch.arange(self.start, self.start + self.count))
        return torch.tensor([layout.shapes[0].label for layout in scenes])


def open_shapes(
    size: int = 64, train: int = 8000, test: int = 2000, seed: int = 0, *, masks: bool = False
) -> Data:
    """Classification of the main shape among ten, or with `masks` segmentation of all; the splits are
    consecutive samples of one world.

    More pictures than 1 GiB are rendered when they are asked for.
    """
    if train < 1 or test < 1:
        raise InputError(f"shapes: train and test must be at least 1, got {train} and {test}")
    worlds = {
        "train": Shapes(seed, 0, train, size, masks),
        "test": Shapes(seed, train, test, size, masks),
    }
    if 3 * size * size * (train + test) > MEMORY_LIMIT:
        return Data(_streamed_info(worlds), worlds)
    splits = {split: world.in_memory() for split, world in worlds.items()}
    return Data(image_info(*_named(masks), splits), splits)


def _named(masks: bool) -> tuple[str, tuple[str, ...]]:
    """The set's name and its classes."""
    return ("shapes-masks", ("background", *CLASSES)) if masks else ("shapes", CLASSES)


def _streamed_info(worlds: Mapping[str, Shapes]) -> DataInfo:
    """Statistics, and the pixels of each class, are those of the first training samples; the fingerprint is
    of what samples depend on.
    """
    train = worlds["train"]
    first = replace(train, count=min(train.count, _RENDERED_AT_ONCE)).in_memory()
    info = image_info(*_named(train.masks), {"train": first})
    return replace(
        info,
        counts={split: len(world) for split, world in worlds.items()},
        class_counts=info.class_counts if train.masks else class_counts(train.labels(), len(CLASSES)),
        fingerprint=hashlib.sha256(repr((first.inputs[:1].tolist(), worlds)).encode()).hexdigest(),
    )


def _check_size(size: int) -> None:
    smallest, largest = SIZES
    if not smallest <= size <= largest:
        raise InputError(f"shapes: size must be between {smallest} and {largest} pixels, got {size}")
