"""The pictures people look at networks with: given on the command line, or uploaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from pellucid.data.decode import decode, header, load_picture
from pellucid.studio.store import Store
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.views.raster import png

T = TypeVar("T")
LARGEST_FILE = 20 * 2**20  # bytes
LARGEST_SIDE = 12_000
LARGEST_AREA = 50_000_000  # pixels
_SHOWN = 1024  # the longer side of what the page gets to show, in pixels


@dataclass(frozen=True)
class Picture:
    """A picture file as it came: `id` is the beginning of its SHA-256."""

    id: str
    name: str
    content: bytes
    height: int
    width: int


class Pictures:
    """Pictures by id; those given at the start are never forgotten."""

    def __init__(self, given: Sequence[Path] = ()) -> None:
        self._given = {}
        for path in given:
            picture = checked(path.read_bytes(), path.name)
            self._given[picture.id] = picture
        self._uploaded: Store[str, Picture] = Store(200 * 2**20, lambda each: len(each.content))

    def add(self, content: bytes, name: str) -> Picture:
        picture = checked(content, name)
        if picture.id not in self._given:
            self._uploaded.put(picture.id, picture)
        return picture

    def __getitem__(self, id: str) -> Picture:
        found = self._given.get(id) or self._uploaded.find(id)
        if found is None:
            raise InputError(f"no picture has the id {id[:40]!r}; it may have been forgotten: open it again")
        return found

    def all(self) -> list[Picture]:
        uploaded = map(self._uploaded.find, self._uploaded.kept())
        return [*self._given.values(), *(each for each in uploaded if each is not None)]


def checked(content: bytes, name: str) -> Picture:
    """A picture that can be decoded and is not too large. Raises `InputError` that says what is wrong."""
    if len(content) > LARGEST_FILE:
        raise InputError(
            f"{name} has {len(content) / 2**20:.1f} MiB; a picture may have {LARGEST_FILE // 2**20}"
        )
    height, width = _named(name, header, content).size
    if max(height, width) > LARGEST_SIDE or height * width > LARGEST_AREA:
        raise InputError(
            f"{name} has {width:,} × {height:,} pixels; a picture may have {LARGEST_AREA:,} in all, and "
            f"{LARGEST_SIDE:,} a side"
        )
    _named(name, decode, content)
    return Picture(hashlib.sha256(content).hexdigest()[:16], name[:120], content, height, width)


def _named(name: str, read: Callable[[bytes], T], content: bytes) -> T:
    """What `read` makes of the file; where it cannot be read, by its name."""
    try:
        return read(content)
    except InputError as error:
        raise InputError(str(error).replace("this picture", name[:120], 1)) from error


def seen_by(picture: Picture, preprocessing: Preprocessing) -> bytes:
    """What a network with this preprocessing is shown of the picture, before normalisation, as a PNG."""
    pixels = load_picture(picture.content, preprocessing)
    return png(pixels.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())


def shown(picture: Picture) -> bytes:
    """The whole picture, at most 1,024 pixels a side, as a PNG."""
    pixels = decode(picture.content).permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(pixels)
    image.thumbnail((_SHOWN, _SHOWN))
    return png(np.asarray(image))
