"""Every sample of a data set of any format, in the few terms in which `check` compares them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.arrays import Arrays, check_arrays
from pellucid.data.decode import decode_thumbnail
from pellucid.data.duplicates import SIDE
from pellucid.data.listing import Listing, each
from pellucid.data.opening import recognise
from pellucid.data.settings import DataSettings
from pellucid.data.splits import divide
from pellucid.data.tabular import Table
from pellucid.types.data_info import LeftOut
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class Survey:
    """One row a sample that can be read. `names` are paths, or "train[17]"; `splits` are those of training.

    `contents` are digests of all bytes of a picture, `thumbnails` (n, c, SIDE, SIDE) or None where there
    are no pictures. `faults` are sentences on what makes the set as a whole unfit for training.
    """

    kind: str
    classes: tuple[str, ...]
    names: Sequence[str]
    splits: Sequence[str]
    labels: Sequence[tuple[int, ...]]
    contents: Sequence[bytes]
    thumbnails: NDArray[np.uint8] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    unreadable: tuple[LeftOut, ...] = ()
    faults: tuple[str, ...] = ()


def survey(path: Path, target: str = "") -> Survey:
    found = recognise(path, target)
    if isinstance(found, Listing):
        return _of_listing(found, "list of pictures" if path.is_file() else "folder of classes")
    return _of_arrays(found) if isinstance(found, Arrays) else _of_table(found)


def _of_listing(listing: Listing, kind: str) -> Survey:
    seen, unreadable = each(listing, _look)
    left_out = (*listing.left_out, *unreadable)
    if not seen:
        return Survey(
            kind, listing.classes, (), (), (), (), unreadable=left_out, faults=("no picture can be read",)
        )
    listing = listing.keep(list(seen), unreadable)
    divided = divide(listing.splits(), DataSettings(), lambda entry: entry.path, lambda entry: entry.labels)
    rows = [(split, entry) for split, entries in divided.items() for entry in entries]
    return Survey(
        kind=kind,
        classes=listing.classes,
        names=[entry.path for _, entry in rows],
        splits=[split for split, _ in rows],
        labels=[entry.labels for _, entry in rows],
        contents=[seen[entry].digest for _, entry in rows],
        thumbnails=np.stack([seen[entry].thumbnail for _, entry in rows]),
        sizes=Counter(look.size for look in seen.values()),
        modes=Counter(look.mode for look in seen.values()),
        unreadable=left_out,
    )


@dataclass(frozen=True)
class _Look:
    size: str
    mode: str
    digest: bytes
    thumbnail: NDArray[np.uint8]


def _look(file: Path) -> _Look:
    head, thumbnail = decode_thumbnail(file, SIDE)
    height, width = head.size
    return _Look(
        f"{height} × {width}", head.mode, hashlib.sha256(file.read_bytes()).digest(), thumbnail.numpy()
    )


def _of_arrays(arrays: Arrays) -> Survey:
    try:
        check_arrays(arrays)
    except InputError as error:
        fault = str(error).removeprefix(f"{arrays.where}: ")
        return Survey("arrays of pictures", (), (), (), (), (), faults=(fault,))
    channels, height, width = arrays.splits["train"][0].shape[1:]
    total = sum(len(pictures) for pictures, _ in arrays.splits.values())
    names, splits, labels = [], [], []
    for split, (_, targets) in arrays.splits.items():
        names += [f"{split}[{index}]" for index in range(len(targets))]
        splits += [split] * len(targets)
        labels += [_numbers(target) for target in targets.tolist()]
    pictures = [picture for images, _ in arrays.splits.values() for picture in images.numpy()]
    return Survey(
        kind="arrays of pictures",
        classes=arrays.class_names(),
        names=names,
        splits=splits,
        labels=labels,
        contents=[hashlib.sha256(picture.tobytes()).digest() for picture in pictures],
        thumbnails=np.concatenate([_thumbnails(images) for images, _ in arrays.splits.values()]),
        sizes={f"{height} × {width}": total},
        modes={"L" if channels == 1 else "RGB": total},
    )


def _numbers(target: int | list[float]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(target).tolist()) if isinstance(target, list) else (target,)


def _thumbnails(pictures: Tensor) -> NDArray[np.uint8]:
    small = [
        F.adaptive_avg_pool2d(part.float(), SIDE).round().to(torch.uint8)
        for part in torch.split(pictures, 1024)
    ]
    return np.asarray(torch.cat(small).numpy())


def _of_table(table: Table) -> Survey:
    divided = divide({"train": range(len(table.targets))}, DataSettings(), str, lambda row: 0)
    order = [(split, row) for split, rows in divided.items() for row in rows]
    return Survey(
        kind="table of numbers",
        classes=(),
        names=[f"row {row + 1}" for _, row in order],
        splits=[split for split, _ in order],
        labels=[()] * len(order),
        contents=[
            table.features[row].numpy().tobytes() + table.targets[row].numpy().tobytes() for _, row in order
        ],
        unreadable=table.left_out,
    )
