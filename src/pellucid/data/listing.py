"""Pictures listed by file: what can be read of them, and the `Data` they become.

A set whose pictures all have one size, need no shrinking and fit is decoded once into memory. Others are
streamed: each picture is decoded when it is asked for, a random part of it in training.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from pellucid.data.decode import decode_centre, decode_thumbnail, header
from pellucid.data.files import Files
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.splits import POOL_BELOW, divide, faults
from pellucid.data.tensors import IMAGENET_STATISTICS, InMemory, class_counts, image_info
from pellucid.types.data_info import DataInfo, LeftOut, Preprocessing
from pellucid.types.errors import InputError

Result = TypeVar("Result")

MEMORY_LIMIT = 1 << 30  # bytes of decoded pictures that are kept in memory
VERIFY_LIMIT = (
    1 << 28
)  # bytes of files that are decoded at opening to be sure of them; of more, only the ends are seen
CHUNK = 64  # files that a thread reads at a time
DEFAULT_SIZE = 224
KEEP = 224 / 256  # of each side when a larger picture is brought to size for evaluation
END_BYTES = 1 << 16  # in which a whole JPEG or PNG has its end marker, even behind a camera's own additions
GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "F"})


@dataclass(frozen=True)
class Entry:
    """One picture: its split, its path under the listing's root with "/", the numbers of its classes.

    Exactly one class unless the listing is multi-label.
    """

    split: str
    path: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Listing:
    """A set of picture files before any was opened. `left_out` are those seen at once to be of no use.

    `manifest` is the file that lists them, where there is one; messages name it instead of `root`.
    """

    name: str
    root: Path
    classes: tuple[str, ...]
    entries: tuple[Entry, ...]
    multilabel: bool = False
    left_out: tuple[LeftOut, ...] = ()
    manifest: Path | None = None

    @property
    def where(self) -> Path:
        return self.manifest or self.root

    def splits(self) -> dict[str, list[Entry]]:
        by_split: dict[str, list[Entry]] = {}
        for entry in self.entries:
            by_split.setdefault(entry.split, []).append(entry)
        return by_split

    def keep(self, entries: Sequence[Entry], left_out: Sequence[LeftOut]) -> Listing:
        """The same set with these entries only; `InputError` when none, or none of a split, is left."""
        every = (*self.left_out, *left_out)
        first = f"; {every[0].path}: {every[0].reason}" if every else ""
        if not entries:
            raise InputError(f"{self.where}: none of its {len(every):,} pictures can be used{first}")
        lost = {entry.split for entry in self.entries} - {entry.split for entry in entries}
        if lost:
            raise InputError(f"{self.where}: none of the {min(lost)} pictures can be used{first}")
        return replace(self, entries=tuple(entries), left_out=every)


def open_listing(listing: Listing, settings: DataSettings) -> Data:
    """`InputError` where nothing, or nothing to tell apart, is left of the files that can be read."""
    headers, broken = each(listing, header)
    listing = listing.keep(list(headers), broken)
    channels = settings.channels or (
        "L" if all(head.mode in GREY_MODES for head in headers.values()) else "RGB"
    )
    size, shrunk = _target_size([head.size for head in headers.values()], settings.size)
    interpolation = settings.interpolation or "bilinear"
    bytes_decoded = len(headers) * size[0] * size[1] * (1 if channels == "L" else 3)
    if not shrunk and bytes_decoded <= MEMORY_LIMIT:
        pictures, broken = each(
            listing, lambda path: decode_centre(path, size, channels, interpolation=interpolation)
        )
        return _in_memory(listing.keep(list(pictures), broken), pictures, settings)
    whole, broken = each(listing, _check_for(listing))
    mean, std = IMAGENET_STATISTICS[channels]
    keep = (settings.keep or KEEP) if shrunk else 1.0
    preprocessing = Preprocessing(
        mean, std, channels=channels, size=size, keep=keep, interpolation=interpolation
    )
    return _streamed(listing.keep(list(whole), broken), preprocessing, settings)


def each(listing: Listing, read: Callable[[Path], Result]) -> tuple[dict[Entry, Result], list[LeftOut]]:
    """What `read` says of every file, in order, and the files it cannot read."""

    def attempt(entry: Entry) -> Result | LeftOut:
        try:
            return read(listing.root / entry.path)
        except InputError as error:
            # The message names the file first; `left_out` has the path already.
            return LeftOut(printable(entry.path), str(error).removeprefix(f"{listing.root / entry.path}: "))
        except OSError as error:
            return LeftOut(printable(entry.path), (error.strerror or str(error)).lower())

    def attempt_all(entries: Sequence[Entry]) -> list[Result | LeftOut]:
        return [attempt(entry) for entry in entries]

    chunks = [listing.entries[start : start + CHUNK] for start in range(0, len(listing.entries), CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = [result for chunk in pool.map(attempt_all, chunks) for result in chunk]
    pairs = list(zip(listing.entries, results, strict=True))
    read_well = {entry: result for entry, result in pairs if not isinstance(result, LeftOut)}
    return read_well, [result for result in results if isinstance(result, LeftOut)]


def printable(path: str) -> str:
    """A file's name that can be shown, whatever its bytes; what is not UTF-8 becomes "�"."""
    return os.fsencode(path).decode("utf-8", "replace")


def targets_of(listing: Listing, entries: Sequence[Entry]) -> Tensor:
    """(n,) int64 class numbers, or (n, classes) float32 in {0, 1} of a multi-label set."""
    if not listing.multilabel:
        return torch.tensor([entry.labels[0] for entry in entries], dtype=torch.int64)
    targets = torch.zeros(len(entries), len(listing.classes))
    for row, entry in zip(targets, entries, strict=True):
        row[list(entry.labels)] = 1
    return targets


def _target_size(sizes: Sequence[tuple[int, int]], asked: int | None) -> tuple[tuple[int, int], bool]:
    """The (height, width) all pictures are brought to, and whether that shrinks or cuts one."""
    uniform = len(set(sizes)) == 1
    if uniform and (asked is None or sizes[0] == (asked, asked)):
        return sizes[0], False
    side = asked or DEFAULT_SIZE
    return (side, side), not (uniform and sizes[0][0] == sizes[0][1] <= side)


def division(listing: Listing, settings: DataSettings) -> dict[str, list[Entry]]:
    """The pictures of each split to train with. Where the set does not say, copies stay on one side."""
    splits = listing.splits()
    originals: Mapping[str, str] = {}
    if settings.folds or settings.validation or splits.keys().isdisjoint({"val", "test"}):
        originals = _originals(listing)
    return divide(
        splits,
        settings,
        lambda entry: originals.get(entry.path, entry.path),
        lambda entry: entry.labels,
        POOL_BELOW if listing.multilabel else 1,
    )


def faults_of(listing: Listing, divided: Mapping[str, Sequence[Entry]], settings: DataSettings) -> list[str]:
    labels = {split: [entry.labels for entry in entries] for split, entries in divided.items()}
    return faults(labels, listing.classes, listing.multilabel, settings)


def _divided(listing: Listing, settings: DataSettings) -> dict[str, list[Entry]]:
    divided = division(listing, settings)
    found = faults_of(listing, divided, settings)
    if found:
        raise InputError(f"{listing.where}: {found[0]}")
    return divided


def _originals(listing: Listing) -> dict[str, str]:
    """The first path with the same content, of each path that may have any: whole files are rarely read."""
    paths = sorted({entry.path for entry in listing.entries})
    ends: dict[bytes, list[str]] = {}
    for path in paths:
        ends.setdefault(_ends(listing.root / path), []).append(path)
    originals: dict[str, str] = {}
    for alike in ends.values():
        first: dict[bytes, str] = {}
        for path in alike if len(alike) > 1 else ():
            content = hashlib.sha256((listing.root / path).read_bytes()).digest()
            originals[path] = first.setdefault(content, path)
    return originals


def _ends(path: Path) -> bytes:
    """Length, first and last kilobyte."""
    with path.open("rb") as file:
        first = file.read(1024)
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - 1024))
        return length.to_bytes(8, "big") + first + file.read()


def _in_memory(listing: Listing, pictures: Mapping[Entry, Tensor], settings: DataSettings) -> Data:
    splits = {
        split: InMemory(torch.stack([pictures[entry] for entry in entries]), targets_of(listing, entries))
        for split, entries in _divided(listing, settings).items()
    }
    info = image_info(
        listing.name,
        listing.classes,
        splits,
        left_out=listing.left_out,
        interpolation=settings.interpolation or "bilinear",
    )
    return Data(info, splits)


def _streamed(listing: Listing, preprocessing: Preprocessing, settings: DataSettings) -> Data:
    divided = _divided(listing, settings)
    splits = {}
    for split, entries in divided.items():
        paths = tuple(entry.path for entry in entries)
        targets = targets_of(listing, entries)
        splits[split] = Files(listing.root, paths, targets, preprocessing, settings.smallest_crop)
    height, width = preprocessing.size or (DEFAULT_SIZE, DEFAULT_SIZE)
    trained = splits["train"].targets if "train" in splits else torch.empty(0, dtype=torch.int64)
    info = DataInfo(
        name=listing.name,
        shape=(len(preprocessing.mean), height, width),
        classes=listing.classes,
        counts={split: len(entries) for split, entries in divided.items()},
        class_counts=class_counts(trained, len(listing.classes)),
        preprocessing=preprocessing,
        fingerprint=_fingerprint(listing, divided),
        multilabel=listing.multilabel,
        left_out=listing.left_out,
    )
    return Data(info, splits)


def _fingerprint(listing: Listing, splits: Mapping[str, Sequence[Entry]]) -> str:
    """Of each picture: split, path, labels, length, first and last kilobyte. No file is read whole."""
    digest = hashlib.sha256()
    for split, entries in splits.items():
        for entry in entries:
            ends = _ends(listing.root / entry.path)
            length = int.from_bytes(ends[:8], "big")
            about = f"{split}\0{entry.path}\0{entry.labels}\0{length}\0"
            digest.update(about.encode("utf-8", "surrogateescape") + ends[8:])
    return digest.hexdigest()


def _check_for(listing: Listing) -> Callable[[Path], object]:
    """How files are made sure of before they are streamed, depending on how long that takes."""
    total = sum((listing.root / entry.path).stat().st_size for entry in listing.entries)
    return _decode_once if total <= VERIFY_LIMIT else _see_the_end


def _decode_once(path: Path) -> None:
    decode_thumbnail(path, 8)


def _see_the_end(path: Path) -> None:
    marker = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}
    with path.open("rb") as file:
        expected = marker.get(file.read(2))
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - END_BYTES))
        if expected is not None and expected not in file.read():
            raise InputError(f"{path}: the file is cut short")
