"""Pictures with their label maps, pair by pair: what can be used of them, and the `Data` they become.

A set whose pictures all have one size and fit is decoded once into memory. Others are streamed: in training a
random part of each picture and its labels is brought to size; for evaluation the whole picture is shrunk
where it is too large and filled up with black, whose label is `VOID`, so that nothing of it is left out and
nothing beside it is judged.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from pellucid.data.decode import decode, header
from pellucid.data.label_maps import Codes, LabelMap, read_label_map
from pellucid.data.listing import DEFAULT_SIZE, GREY_MODES, MEMORY_LIMIT, printable
from pellucid.data.pair_files import PairFiles
from pellucid.data.regions import Regions
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.splits import divide
from pellucid.data.tensors import IMAGENET_STATISTICS, InMemory, image_info
from pellucid.types.data_info import VOID, DataInfo, LeftOut, Preprocessing
from pellucid.types.errors import InputError

MEASURED = 1000  # training pictures of a streamed set whose labels are counted at opening, evenly spread

Result = TypeVar("Result")


@dataclass(frozen=True)
class Pair:
    """A picture and its labels: paths under the listing's root with "/", or what is drawn for labels."""

    split: str
    picture: str
    labels: str | Regions


@dataclass(frozen=True)
class PairListing:
    """A set before any picture was decoded. `left_out` are those seen at once to be of no use."""

    name: str
    root: Path
    codes: Codes
    pairs: tuple[Pair, ...]
    left_out: tuple[LeftOut, ...] = field(default=())

    def keep(self, pairs: Sequence[Pair], left_out: Sequence[LeftOut]) -> PairListing:
        """The same set with these pairs only; `InputError` when none, or none of a split, is left."""
        every = (*self.left_out, *left_out)
        first = f"; {every[0].path}: {every[0].reason}" if every else ""
        lost = {pair.split for pair in self.pairs} - {pair.split for pair in pairs}
        if lost or not pairs:
            which = f"{min(lost)} " if pairs else ""
            raise InputError(
                f"{self.root}: none of the {which}pictures can be used with labels{first}; mend their label "
                "maps, or take these pictures out"
            )
        return replace(self, pairs=tuple(pairs), left_out=every)

    def label_map(self, pair: Pair) -> LabelMap:
        """(h, w) uint8. `InputError` says what is wrong with it."""
        if isinstance(pair.labels, Regions):
            return pair.labels.draw()
        return read_label_map(self.root / pair.labels, self.codes)

    def checked(self, pair: Pair) -> tuple[Tensor, LabelMap]:
        """The picture (3, h, w) and its labels. `InputError` where they are no pair to learn from."""
        picture, labels = decode(self.root / pair.picture), self.label_map(pair)
        check_pair(tuple(picture.shape[1:]), labels)
        return picture, labels


def check_pair(size: tuple[int, ...], labels: LabelMap) -> None:
    """`InputError` where labels have another size than the picture, or none is judged."""
    if labels.shape != size:
        raise InputError(
            f"its label map is {labels.shape[0]} × {labels.shape[1]}, the picture {size[0]} × {size[1]}"
        )
    if (labels == VOID).all():
        raise InputError("no pixel of its label map is judged, all are void")


def open_pairs(listing: PairListing, settings: DataSettings) -> Data:
    """`InputError` where nothing is left of what can be read."""
    headers, broken = each(listing, lambda pair: header(listing.root / pair.picture))
    listing = listing.keep(list(headers), broken)
    grey = all(head.mode in GREY_MODES for head in headers.values())
    channels = settings.channels or ("L" if grey else "RGB")
    sizes = {head.size for head in headers.values()}
    height, width = next(iter(sizes))
    decoded = len(headers) * height * width * (2 if channels == "L" else 4)
    if len(sizes) == 1 and settings.size is None and decoded <= MEMORY_LIMIT:
        return _in_memory(listing, channels, settings)
    side = settings.size or DEFAULT_SIZE
    whole = settings.size is None and len(sizes) == 1
    return _streamed(listing, channels, (height, width) if whole else (side, side), settings)


def each(listing: PairListing, read: Callable[[Pair], Result]) -> tuple[dict[Pair, Result], list[LeftOut]]:
    """What `read` says of every pair, in order, and those it cannot use."""

    def attempt(pair: Pair) -> Result | LeftOut:
        try:
            return read(pair)
        except InputError as error:
            said = str(error)
            for path in (pair.picture, pair.labels):
                said = said.removeprefix(f"{listing.root / path}: ") if isinstance(path, str) else said
            return LeftOut(printable(pair.picture), said)
        except OSError as error:
            return LeftOut(printable(pair.picture), (error.strerror or str(error)).lower())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(attempt, listing.pairs))
    pairs = list(zip(listing.pairs, results, strict=True))
    used = {pair: result for pair, result in pairs if not isinstance(result, LeftOut)}
    return used, [result for result in results if isinstance(result, LeftOut)]


def division(listing: PairListing, settings: DataSettings) -> dict[str, list[Pair]]:
    """The pairs of each split. Where the set does not say, a hash of each picture's path decides."""
    splits: dict[str, list[Pair]] = {}
    for pair in listing.pairs:
        splits.setdefault(pair.split, []).append(pair)
    divided = divide(splits, settings, lambda pair: pair.picture, lambda pair: 0)
    empty = [split for split, pairs in divided.items() if not pairs]
    if empty:
        raise InputError(f"{listing.root}: no picture is left for {empty[0]}; give it more")
    return divided


def _in_memory(listing: PairListing, channels: str, settings: DataSettings) -> Data:
    def read(pair: Pair) -> tuple[Tensor, Tensor]:
        picture, labels = decode(listing.root / pair.picture, channels), listing.label_map(pair)
        check_pair(tuple(picture.shape[1:]), labels)
        return picture, torch.from_numpy(labels)

    found, broken = each(listing, read)
    listing = listing.keep(list(found), broken)
    splits = {}
    for split, pairs in division(listing, settings).items():
        pictures, labels = zip(*(found[pair] for pair in pairs), strict=True)
        splits[split] = InMemory(torch.stack(pictures), torch.stack(labels))
    return Data(image_info(listing.name, listing.codes.classes, splits, left_out=listing.left_out), splits)


def _streamed(listing: PairListing, channels: str, size: tuple[int, int], settings: DataSettings) -> Data:
    listing, counts = _measured(listing, settings)
    divided = division(listing, settings)
    mean, std = IMAGENET_STATISTICS[channels]
    splits = {
        split: PairFiles(
            listing.root,
            tuple(pair.picture for pair in pairs),
            tuple(pair.labels for pair in pairs),
            listing.codes,
            channels,
            size,
            settings.smallest_crop,
        )
        for split, pairs in divided.items()
    }
    info = DataInfo(
        name=listing.name,
        shape=(len(mean), *size),
        classes=listing.codes.classes,
        counts={split: len(pairs) for split, pairs in divided.items()},
        class_counts=counts,
        preprocessing=Preprocessing(mean, std, channels=channels),
        fingerprint=_fingerprint(listing, divided),
        left_out=listing.left_out,
        label_maps=True,
    )
    return Data(info, splits)


def _measured(listing: PairListing, settings: DataSettings) -> tuple[PairListing, tuple[int, ...]]:
    """The set without those of at most `MEASURED` training pairs that are of no use, and the others' pixels
    of each class.
    """
    train = division(listing, settings).get("train", [])
    step = max(1, len(train) // MEASURED)
    some = replace(listing, pairs=tuple(train[::step][:MEASURED]))

    def counted(pair: Pair) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        labels = listing.label_map(pair)
        check_pair(header(listing.root / pair.picture).size, labels)
        return np.bincount(labels[labels != VOID], minlength=len(listing.codes.classes))

    found, broken = each(some, counted)
    lost = {left.path for left in broken}
    kept = [pair for pair in listing.pairs if printable(pair.picture) not in lost]
    total = sum(found.values(), np.zeros(len(listing.codes.classes), np.int64))
    return listing.keep(kept, broken), tuple(total.tolist())


def _fingerprint(listing: PairListing, splits: dict[str, list[Pair]]) -> str:
    """Of each pair: split, paths or regions, and length of the files. No file is read whole."""
    digest = hashlib.sha256(repr((listing.codes.classes, sorted(listing.codes.values.items()))).encode())
    for split, pairs in splits.items():
        for pair in pairs:
            files = [part for part in (pair.picture, pair.labels) if isinstance(part, str)]
            lengths = [(listing.root / file).stat().st_size for file in files]
            digest.update(
                f"{split}\0{pair.picture}\0{pair.labels}\0{lengths}".encode("utf-8", "surrogateescape")
            )
    return digest.hexdigest()
