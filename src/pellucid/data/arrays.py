"""A set that comes as arrays of pictures and labels (IDX, npz, torchvision): checked and made a `Data`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.splits import POOL_BELOW, divide, faults
from pellucid.data.tensors import InMemory, image_info
from pellucid.types.errors import InputError

_LUMA = (19595, 38470, 7471)  # ITU-R BT.601 in units of 1/65536, as Pillow converts to grey

Row = tuple[str, int]  # a split as the set has it, and a position there


@dataclass(frozen=True)
class Arrays:
    """`splits` has pictures (n, c, h, w) uint8 and labels, (n,) int64 or (n, classes) float32 in {0, 1}.

    `where` is what messages call the set: its path. Without `classes`, they are called by their numbers.
    """

    name: str
    where: str
    splits: Mapping[str, tuple[Tensor, Tensor]]
    classes: tuple[str, ...] = ()

    @property
    def multilabel(self) -> bool:
        return self.splits["train"][1].ndim == 2

    def labels(self) -> dict[str, list[tuple[int, ...]]]:
        """The class numbers of every sample of each split."""
        return {
            split: [tuple(row.nonzero()[:, 0].tolist()) for row in labels]
            if labels.ndim == 2
            else [(label,) for label in labels.tolist()]
            for split, (_, labels) in self.splits.items()
        }

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
    rows = division(arrays, settings)
    found = faults_of(arrays, rows, settings)
    if found:
        raise InputError(f"{arrays.where}: {found[0]}")
    own = {split: range(len(labels)) for split, (_, labels) in arrays.splits.items()}
    if rows == {split: [(split, index) for index in indices] for split, indices in own.items()}:
        chosen = dict(arrays.splits)
    else:
        chosen = {split: _gathered(arrays, members) for split, members in rows.items()}
    splits = {
        split: InMemory(brought_to(pictures, settings), targets)
        for split, (pictures, targets) in chosen.items()
    }
    interpolation = settings.interpolation or "bilinear"
    return Data(image_info(arrays.name, classes, splits, interpolation=interpolation), splits)


def division(arrays: Arrays, settings: DataSettings) -> dict[str, list[Row]]:
    """The samples of each split to train with. Where the set does not say, copies stay on one side."""
    labels = arrays.labels()
    rows = {split: [(split, index) for index in range(len(own))] for split, own in labels.items()}
    names: dict[Row, str] = {}
    if settings.folds or settings.validation or "test" not in rows:
        names = {
            (split, index): hashlib.sha256(picture.tobytes()).hexdigest()
            for split, (pictures, _) in arrays.splits.items()
            for index, picture in enumerate(pictures.numpy())
        }
    return divide(
        rows,
        settings,
        names.__getitem__,
        lambda row: labels[row[0]][row[1]],
        POOL_BELOW if arrays.multilabel else 1,
    )


def faults_of(arrays: Arrays, divided: Mapping[str, Sequence[Row]], settings: DataSettings) -> list[str]:
    own = arrays.labels()
    labels = {split: [own[first][index] for first, index in rows] for split, rows in divided.items()}
    return faults(labels, arrays.class_names(), arrays.multilabel, settings)


def check_arrays(arrays: Arrays) -> None:
    """`InputError` where pictures and labels do not fit together."""
    if "train" not in arrays.splits:
        raise InputError(f"{arrays.where}: no training split; it has {', '.join(arrays.splits) or 'nothing'}")
    pictures, labels = arrays.splits["train"]
    for split, (others, other_labels) in arrays.splits.items():
        where = f"{arrays.where}: {split}"
        if len(others) != len(other_labels):
            raise InputError(f"{where} has {len(others)} pictures, but {len(other_labels)} labels")
        if len(others) == 0:
            raise InputError(f"{where} is empty")
        if others.numel() == 0:
            raise InputError(f"{where} has pictures of {tuple(others.shape[1:])}; expected one pixel or more")
        if others.shape[1:] != pictures.shape[1:]:
            raise InputError(
                f"{where} has pictures of {tuple(others.shape[1:])}, train of {tuple(pictures.shape[1:])}"
            )
        if other_labels.ndim != labels.ndim:
            raise InputError(f"{where} has labels of {other_labels.ndim} dimensions, train of {labels.ndim}")
    if labels.ndim == 1 and not arrays.classes and int(labels.max()) >= len(labels):
        raise InputError(
            f"{arrays.where}: train has {len(labels)} pictures and a label {int(labels.max())};"
            " expected labels 0, 1, … without gaps"
        )
    for split, (_, other_labels) in arrays.splits.items():
        _check_labels(other_labels, arrays, f"{arrays.where}: {split}")
    if labels.ndim == 1 and len(torch.unique(labels)) < 2:
        raise InputError(
            f"{arrays.where}: all training labels are {int(labels[0])}; two classes are needed to tell apart"
        )


def _check_labels(labels: Tensor, arrays: Arrays, where: str) -> None:
    count = len(arrays.class_names())
    if labels.ndim == 2:
        if labels.shape[1] != count:
            raise InputError(f"{where} has {labels.shape[1]} label columns for {count} classes")
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        of_train = "" if arrays.classes else ", the labels of train"
        raise InputError(f"{where} has the label {wrong}; expected 0 to {count - 1}{of_train}")


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
    size, mode = (settings.size, settings.size), settings.interpolation or "bilinear"
    return torch.cat(
        [F.interpolate(part, size, mode=mode, antialias=True) for part in torch.split(pictures, 4096)]
    )


def _gathered(arrays: Arrays, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    parts = []
    for split in dict.fromkeys(split for split, _ in rows):
        indices = torch.tensor([index for own, index in rows if own == split], dtype=torch.int64)
        pictures, labels = arrays.splits[split]
        parts.append((pictures[indices], labels[indices]))
    return torch.cat([pictures for pictures, _ in parts]), torch.cat([labels for _, labels in parts])
