"""IDX, the format of MNIST and its successors (LeCun, Cortes & Burges, "The MNIST database", 1998).

Big-endian: two zero bytes, the type of the values (8: uint8), the number of dimensions, each dimension as
32 bits, the values.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

from pellucid.data.arrays import Arrays
from pellucid.types.errors import InputError

_STEMS = {"train": "train", "t10k": "test", "test": "test"}


def read_idx(path: Path) -> Tensor:
    """The values, uint8, in the shape the file says; `.gz` is unpacked on the way."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: the gzip file is damaged or cut short; fetch it again") from error
    if len(data) < 4 or data[:2] != b"\0\0":
        raise InputError(
            f"{path}: not an IDX file; expected two zero bytes, got {data[:2].hex(' ') or 'nothing'}"
        )
    if data[2] != 8:
        raise InputError(f"{path}: expected values of type 0x08 (uint8), got 0x{data[2]:02x}")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise InputError(f"{path}: the file is cut short in its header")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    expected = math.prod(shape)
    if len(data) - start != expected:
        raise InputError(
            f"{path}: {' × '.join(map(str, shape))} values are {expected:,} bytes,"
            f" the file has {len(data) - start:,}; it is cut short or damaged"
        )
    return (
        torch.frombuffer(bytearray(data[start:]), dtype=torch.uint8).view(shape)
        if expected
        else torch.empty(shape, dtype=torch.uint8)
    )


def find_idx(root: Path) -> Arrays | None:
    """The set whose files lie in `root`, in `root/raw` or in `root/NAME/raw`; None where there are none."""
    for folder in (root, root / "raw", *sorted(root.glob("*/raw"))):
        files = _files(folder)
        if files:
            return _read(root, folder, files)
    return None


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    """By (split, "images" or "labels"). An unpacked file goes before its packed twin."""
    found: dict[tuple[str, str], Path] = {}
    if not folder.is_dir():
        return found
    for path in sorted(folder.iterdir(), key=lambda path: path.suffix == ".gz"):
        stem, _, rest = path.name.lower().replace(".", "-").partition("-")
        kind = rest.split("-")[0]
        if stem in _STEMS and kind in ("images", "labels") and "ubyte" in rest:
            found.setdefault((_STEMS[stem], kind), path)
    return found


def _read(root: Path, folder: Path, files: dict[tuple[str, str], Path]) -> Arrays:
    splits = {}
    for split in ("train", "test"):
        pair = [files.get((split, kind)) for kind in ("images", "labels")]
        if pair == [None, None] and split == "test":
            continue
        images, labels = pair
        if images is None or labels is None:
            missing = "images" if images is None else "labels"
            raise InputError(
                f"{folder}: the {split}ing {missing} are missing ({split}-{missing}-idx…-ubyte[.gz])"
            )
        splits[split] = (_pictures(images), _labels(labels))
    return Arrays(root.name, str(folder), splits)


def _pictures(path: Path) -> Tensor:
    values = read_idx(path)
    if values.ndim != 3:
        raise InputError(f"{path}: expected pictures (n, height, width), got {values.ndim} dimensions")
    return values[:, None]


def _labels(path: Path) -> Tensor:
    values = read_idx(path)
    if values.ndim != 1:
        raise InputError(f"{path}: expected labels (n,), got {values.ndim} dimensions")
    return values.to(torch.int64)
