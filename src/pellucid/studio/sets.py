"""Data sets that are open in the studio: their samples, labels, and what augmentation makes of one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data import DATASETS
from pellucid.data.augment import Augmentation, augment_pixels, augment_values
from pellucid.data.loading import normalise
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.ops.random import keys as keys_of
from pellucid.recipes.fitting import sized_for
from pellucid.recipes.form import FormField, Kind, form_fields
from pellucid.studio.store import Store
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError
from pellucid.views.raster import png

SIDE = 72  # pixels of a thumbnail
AT_ONCE = 512  # samples fetched together
MOST_LABELLED = 200_000  # samples of a split that are sorted by label


@dataclass(frozen=True)
class OpenSet:
    name: str
    data: Data

    def split(self, name: str) -> Any:
        if name not in self.data.splits:
            raise InputError(f"{self.name} has no split {name[:40]!r}; it has {', '.join(self.data.splits)}")
        return self.data.splits[name]

    @cached_property
    def labels(self) -> Mapping[str, NDArray[np.int64]]:
        """Of each split that lies in memory the class of every sample; of others nothing."""
        found = {}
        for name, source in self.data.splits.items():
            if source.streamed or len(source) > MOST_LABELLED or not self.data.info.classes:
                continue
            parts = []
            for start in range(0, len(source), AT_ONCE):
                targets = source.fetch(torch.arange(start, min(start + AT_ONCE, len(source)))).targets
                if not isinstance(targets, Tensor) or targets.ndim != 1:
                    break
                parts.append(targets.cpu().numpy())
            else:
                found[name] = np.concatenate(parts).astype(np.int64)
        return found

    def places(self, split: str, label: int | None) -> NDArray[np.int64]:
        """The samples of a split, or those of one class."""
        source = self.split(split)
        if label is None:
            return np.arange(len(source))
        if split not in self.labels:
            raise InputError(
                f"{self.name} is read from files as it goes; its samples are not sorted by class"
            )
        return np.flatnonzero(self.labels[split] == label)

    def fetch(self, split: str, places: Sequence[int]) -> Batch:
        source = self.split(split)
        if any(not 0 <= place < len(source) for place in places):
            raise InputError(f"{split} of {self.name} has the samples 0 to {len(source) - 1:,}")
        batch: Batch = source.fetch(torch.tensor(list(places), dtype=torch.int64))
        return batch


class Sets:
    """Named sets, and folders that were allowed on the command line."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = {path.name: path.resolve() for path in folders}
        self._open: Store[str, OpenSet] = Store(4, lambda _: 1.0)

    def names(self) -> list[str]:
        """What can be opened without a download: what is built in, and the folders."""
        return ["digits", "shapes", *(f"folder:{name}" for name in self._folders)]

    def path(self, name: str) -> Path:
        folder = name.removeprefix("folder:")
        if folder not in self._folders:
            raise InputError(f"no folder {folder[:60]!r} was named when the studio started: --data FOLDER")
        return self._folders[folder]

    def __getitem__(self, name: str) -> OpenSet:
        if name.startswith("folder:"):
            path = self.path(name)
            return self._open.get(name, lambda: OpenSet(name, open_data(DataSettings(path=path))))
        DATASETS.summary(name)  # an unknown name is refused here
        return self._open.get(name, lambda: OpenSet(name, open_data(DataSettings(name=name))))

    def seen_by(self, name: str, preprocessing: Preprocessing) -> OpenSet:
        """A set brought to the size and channels that a network takes."""
        if not name.startswith("folder:"):
            DATASETS.summary(name)
        settings = (
            DataSettings(path=self.path(name)) if name.startswith("folder:") else DataSettings(name=name)
        )
        key = f"{name} {preprocessing.size} {preprocessing.channels}"
        return self._open.get(key, lambda: OpenSet(name, open_data(sized_for(settings, preprocessing))))

    def of_run(self, name: str, opening: Callable[[], Data]) -> OpenSet:
        """The data of a run."""
        return self._open.get(f"run:{name}", lambda: OpenSet(name, opening()))


def sheet(batch: Batch, columns: int) -> bytes:
    """The pictures of a batch, `columns` a row, as one PNG."""
    tiles = [thumbnail(picture) for picture in batch.inputs]
    rows = -(-len(tiles) // columns)
    canvas = np.zeros((max(1, rows) * SIDE, columns * SIDE, 4), np.uint8)
    for at, tile in enumerate(tiles):
        y, x = SIDE * (at // columns), SIDE * (at % columns)
        canvas[y : y + SIDE, x : x + SIDE, :3], canvas[y : y + SIDE, x : x + SIDE, 3] = tile, 255
    return png(canvas)


def thumbnail(picture: Tensor) -> NDArray[np.uint8]:
    """(c, h, w) uint8 → (72, 72, 3)."""
    return np.asarray(image_of(picture).resize((SIDE, SIDE), PIL.Image.Resampling.BOX))


def image_of(picture: Tensor) -> PIL.Image.Image:
    if picture.ndim != 3 or picture.dtype != torch.uint8:
        raise InputError("these samples are no pictures")
    pixels = picture.cpu().expand(3, -1, -1) if len(picture) == 1 else picture.cpu()[:3]
    return PIL.Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def picture_file(picture: Tensor) -> bytes:
    stream = io.BytesIO()
    image_of(picture).save(stream, "PNG")
    return stream.getvalue()


def augmentation_form() -> tuple[FormField, ...]:
    return tuple(form_fields(Augmentation(), ""))


def augmentation_of(values: Mapping[str, str]) -> Augmentation:
    """The augmentation that a form's values say. Raises `InputError` for what it does not take."""
    kinds: dict[str, Kind] = {each.name: each.kind for each in augmentation_form()}
    read: dict[str, Any] = {}
    for field in fields(Augmentation):
        if field.name not in values:
            continue
        try:
            read[field.name] = _READ[kinds[field.name]](values[field.name])
        except ValueError:
            raise InputError(f"{field.name} must be a number; got {values[field.name][:40]!r}") from None
    return Augmentation(**read)


_READ: dict[str, Any] = {
    "flag": lambda word: word == "True",
    "whole": int,
    "number": float,
    "choice": str,
    "text": str,
    "list": str.split,
}


def augmented(opened: OpenSet, split: str, place: int, augmentation: Augmentation, seed: int) -> Batch:
    """One sample as training would see it, 24 times, brought back to pixels."""
    count = 24
    batch = opened.fetch(split, [place] * count)
    keys = keys_of(torch.arange(count), seed)
    batch = augment_pixels(batch, augmentation, keys)
    preprocessing = opened.data.info.preprocessing
    seen = augment_values(normalise(batch, preprocessing), augmentation, keys)
    mean, std = (torch.tensor(each).view(1, -1, 1, 1) for each in (preprocessing.mean, preprocessing.std))
    pixels = ((seen.inputs * std + mean) / preprocessing.scale).round().clamp(0, 255).to(torch.uint8)
    return Batch(pixels, batch.targets, batch.indices)


def label_warnings(info: DataInfo, augmentation: Augmentation) -> Iterator[str]:
    """Where a transform may change what a picture shows: a mirrored letter, a turned 6."""
    signs = bool(info.classes) and all(len(name) == 1 for name in info.classes)
    if signs and augmentation.flip:
        yield "flip mirrors letters and digits: most of them then mean nothing, and some mean another"
    if signs and augmentation.policy != "none":
        yield f"{augmentation.policy} turns, shears and inverts pictures: a 6 turned round is a 9"
    if augmentation.cutout and max(info.shape[-2:]) < 2 * augmentation.cutout:
        yield f"cutout {augmentation.cutout} hides more than a quarter of pictures of {info.shape[-1]} pixels"
