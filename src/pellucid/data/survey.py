"""Every sample of a data set of any format, in the few terms in which `check` compares them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pellucid.data import arrays as of_arrays
from pellucid.data import listing as of_listing
from pellucid.data import pairs as of_pairs
from pellucid.data import tabular as of_table
from pellucid.data.arrays import Arrays, check_arrays
from pellucid.data.decode import decode_thumbnail, header
from pellucid.data.duplicates import SIDE
from pellucid.data.listing import Listing, each, printable
from pellucid.data.named import is_named
from pellucid.data.opening import recognise
from pellucid.data.pairs import Pair, PairListing, check_pair
from pellucid.data.settings import DataSettings
from pellucid.data.tabular import Table
from pellucid.types.data_info import LeftOut
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class Survey:
    """One row a sample that can be read. `names` are paths, or "train[17]"; `splits` are those of training.

    `contents` are digests of all bytes of a picture, `thumbnails` (n, c, SIDE, SIDE) or None where there
    are no pictures. `faults` are sentences on what makes the set as a whole unfit for training. `pixels` (n,
    classes + 1) has how many pixels of a label map are of each class, and of none that is judged; None where
    there are no label maps.
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
    multilabel: bool = False
    pixels: NDArray[np.int64] | None = None


def survey(path: Path, target: str = "") -> Survey:
    found = recognise(path, target)
    if isinstance(found, Listing):
        return _of_listing(found, _kind(found, path))
    if isinstance(found, PairListing):
        return _of_pairs(found)
    return _of_arrays(found) if isinstance(found, Arrays) else _of_table(found)


def _kind(listing: Listing, path: Path) -> str:
    if path.is_file():
        return "list of pictures"
    return "pictures named by class" if is_named(listing.root) else "folder of classes"


def _of_listing(listing: Listing, kind: str) -> Survey:
    seen, unreadable = each(listing, _look)
    left_out = (*listing.left_out, *unreadable)
    if not seen:
        return Survey(
            kind, listing.classes, (), (), (), (), unreadable=left_out, faults=("no picture can be read",)
        )
    settings = DataSettings()
    try:
        listing = listing.keep(list(seen), unreadable)
        divided = of_listing.division(listing, settings)
        faults = of_listing.faults_of(listing, divided, settings)
    except InputError as error:
        faults = [str(error).removeprefix(f"{listing.where}: ")]
        divided = replace(listing, entries=tuple(seen)).splits()
    rows = [(split, entry) for split, entries in divided.items() for entry in entries]
    return Survey(
        kind=kind,
        classes=listing.classes,
        names=[printable(entry.path) for _, entry in rows],
        splits=[split for split, _ in rows],
        labels=[entry.labels for _, entry in rows],
        contents=[seen[entry].digest for _, entry in rows],
        thumbnails=np.stack([seen[entry].thumbnail for _, entry in rows]),
        sizes=Counter(look.size for look in seen.values()),
        modes=Counter(look.mode for look in seen.values()),
        unreadable=left_out,
        faults=tuple(faults),
        multilabel=listing.multilabel,
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


def _of_pairs(listing: PairListing) -> Survey:
    classes = len(listing.codes.classes)

    def look(pair: Pair) -> tuple[_Look, NDArray[np.int64]]:
        labels = listing.label_map(pair)
        seen = _look(listing.root / pair.picture)
        check_pair(header(listing.root / pair.picture).size, labels)
        counts = np.bincount(np.minimum(labels, classes).ravel(), minlength=classes + 1)
        return seen, counts

    seen, unreadable = of_pairs.each(listing, look)
    left_out = (*listing.left_out, *unreadable)
    kind, faults = "pictures with label maps", ["no picture can be used with its label map"]
    divided: dict[str, list[Pair]] = {}
    try:
        divided = of_pairs.division(listing.keep(list(seen), unreadable), DataSettings())
        faults = []
    except InputError as error:
        faults = [str(error).removeprefix(f"{listing.root}: ")]
    rows = [(split, pair) for split, pairs in divided.items() for pair in pairs]
    if not rows:
        return Survey(kind, listing.codes.classes, (), (), (), (), unreadable=left_out, faults=tuple(faults))
    pixels = np.stack([seen[pair][1] for _, pair in rows])
    return Survey(
        kind=kind,
        classes=listing.codes.classes,
        names=[printable(pair.picture) for _, pair in rows],
        splits=[split for split, _ in rows],
        labels=[tuple(np.flatnonzero(row[:classes]).tolist()) for row in pixels],
        contents=[seen[pair][0].digest for _, pair in rows],
        thumbnails=np.stack([seen[pair][0].thumbnail for _, pair in rows]),
        sizes=Counter(look.size for look, _ in seen.values()),
        modes=Counter(look.mode for look, _ in seen.values()),
        unreadable=left_out,
        faults=tuple(faults),
        pixels=pixels,
    )


def _of_arrays(arrays: Arrays) -> Survey:
    try:
        check_arrays(arrays)
    except InputError as error:
        fault = str(error).removeprefix(f"{arrays.where}: ")
        return Survey("arrays of pictures", (), (), (), (), (), faults=(fault,))
    channels, height, width = arrays.splits["train"][0].shape[1:]
    total = sum(len(pictures) for pictures, _ in arrays.splits.values())
    divided = of_arrays.division(arrays, DataSettings())
    rows = [(split, *row) for split, chosen in divided.items() for row in chosen]
    labels = arrays.labels()
    thumbnails = {split: _thumbnails(pictures) for split, (pictures, _) in arrays.splits.items()}
    pictures = {split: images.numpy() for split, (images, _) in arrays.splits.items()}
    return Survey(
        kind="arrays of pictures",
        classes=arrays.class_names(),
        names=[f"{own}[{index}]" for _, own, index in rows],
        splits=[split for split, _, _ in rows],
        labels=[labels[own][index] for _, own, index in rows],
        contents=[hashlib.sha256(pictures[own][index].tobytes()).digest() for _, own, index in rows],
        thumbnails=np.stack([thumbnails[own][index] for _, own, index in rows]),
        sizes={f"{height} × {width}": total},
        modes={"L" if channels == 1 else "RGB": total},
        faults=tuple(of_arrays.faults_of(arrays, divided, DataSettings())),
        multilabel=arrays.multilabel,
    )


def _thumbnails(pictures: Tensor) -> NDArray[np.uint8]:
    small = [
        F.adaptive_avg_pool2d(part.float(), SIDE).round().to(torch.uint8)
        for part in torch.split(pictures, 1024)
    ]
    return np.asarray(torch.cat(small).numpy())


def _of_table(table: Table) -> Survey:
    divided = of_table.division(table, DataSettings())
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
        faults=tuple(of_table.NO_ROW.format(split) for split, rows in divided.items() if not rows),
    )
