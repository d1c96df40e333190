"""A set that comes as arrays of pictures and labels (IDX, npz, torchvision): checked and made a `Data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.splits import divide
from pellucid.data.tensors import InMemory, image_info
from pellucid.types.errors import InputError

_LUMA = (19595, 38470, 7471)  # ITU-R BT.601 in units of 1/65536, as Pillow converts to grey


@dataclass(frozen=True)
class Arrays:
    """`splits` has pictures (n, c, h, w) uint8 and labels, (n,) int64 or (n, classes) float32 in {0, 1}.

    `where` is what messages call the set: its path. Without `classes`, they are called by their numbers.
    """

    name: str
    where: str
    splits: Mapping[str, tuple[Tensor, Tensor]]
    classes: tuple[str, ...] = ()

    def class_names(self) -> tuple[str, ...]:
        if self.classes:
            return self.classes
        labels = self.splits["train"][1]
        count = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
        return tuple(str(number) for number in range(count))


def open_arrays(arrays: Arrays, settings: DataSettings) -> Data:
    """`InputError` where pictures and labels do not fit together, or there is nothing to tell apart."""
    check_arrays(arrays)
    classes = arrays.class_names()
    splits = {split: InMemory(*pair) for split, pair in arrays.splits.items()}
    if settings.folds or settings.validation or list(splits) != ["train", "test"]:
        splits = _divided(splits, settings)
    splits = {
        split: InMemory(brought_to(source.inputs, settings), source.targets)
        for split, source in splits.items()
    }
    return Data(image_info(arrays.name, classes, splits), splits)


def check_arrays(arrays: Arrays) -> None:
    if "train" not in arrays.splits:
        raise InputError(f"{arrays.where}: no training split; it has {', '.join(arrays.splits) or 'nothing'}")
    shape = arrays.splits["train"][0].shape[1:]
    for split, (pictures, labels) in arrays.splits.items():
        where = f"{arrays.where}: {split}"
        if len(pictures) != len(labels):
            raise InputError(f"{where} has {len(pictures)} pictures, but {len(labels)} labels")
        if len(pictures) == 0:
            raise InputError(f"{where} is empty")
        if pictures.shape[1:] != shape:
            raise InputError(f"{where} has pictures of {tuple(pictures.shape[1:])}, train of {tuple(shape)}")
    classes = arrays.class_names()
    for split, (_, labels) in arrays.splits.items():
        if labels.ndim == 2:
            if labels.shape[1] != len(classes):
                raise InputError(
                    f"{arrays.where}: {split} has {labels.shape[1]} label columns for {len(classes)} classes"
                )
            continue
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= len(classes):
            wrong = low if low < 0 else high
            raise InputError(
                f"{arrays.where}: {split} has the label {wrong}; expected 0 to {len(classes) - 1}"
                + ("" if arrays.classes else ", the labels of train")
            )
    labels = arrays.splits["train"][1]
    if labels.ndim == 1 and len(torch.unique(labels)) < 2:
        raise InputError(
            f"{arrays.where}: all training labels are {int(labels[0])}; two classes are needed to tell apart"
        )


def brought_to(pictures: Tensor, settings: DataSettings) -> Tensor:
    """Pictures (n, c, h, w) in the size and channels asked for; themselves where nothing is asked."""
    if settings.channels == "RGB" and pictures.shape[1] == 1:
        pictures = pictures.expand(-1, 3, -1, -1).contiguous()
    if settings.channels == "L" and pictures.shape[1] == 3:
        weights = torch.tensor(_LUMA).view(1, 3, 1, 1)
        grey = [(part * weights).sum(1, keepdim=True) + 32768 >> 16 for part in torch.split(pictures, 4096)]
        pictures = torch.cat(grey).to(torch.uint8)
    if settings.size is None or tuple(pictures.shape[2:]) == (settings.size, settings.size):
        return pictures
    size = (settings.size, settings.size)
    return torch.cat(
        [F.interpolate(part, size, mode="bilinear", antialias=True) for part in torch.split(pictures, 4096)]
    )


def _divided(splits: Mapping[str, InMemory], settings: DataSettings) -> dict[str, InMemory]:
    inputs = torch.cat([source.inputs for source in splits.values()])
    targets = torch.cat([source.targets for source in splits.values()])
    strata = targets.tolist() if targets.ndim == 1 else [tuple(row) for row in targets.int().tolist()]
    rows: dict[str, range] = {}
    start = 0
    for split, source in splits.items():
        rows[split] = range(start, start + len(source))
        start += len(source)
    divided = divide(rows, settings, str, strata.__getitem__)
    return {
        split: InMemory(inputs[torch.tensor(chosen)], targets[torch.tensor(chosen)])
        for split, chosen in divided.items()
    }
