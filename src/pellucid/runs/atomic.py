"""Writing that a kill or a full disk cannot tear: temporary file, fsync, rename."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.types.errors import InputError

PARSING = Lock()
"""Held while Python parses a text for its own use, as numpy does the head of each array: Python before 3.11.8
fails if two threads do so at once.
"""


def write_file(path: Path, content: bytes | str) -> None:
    """Replace `path` at once: a reader sees the old content or the new, never a part. Raises OSError on a
    full disk.
    """

    def write(temporary: Path) -> None:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)

    write_with(path, write)


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Like `write_file`, for a `write` that is given the path to write to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def write_arrays(path: Path, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """A compressed numpy file of `arrays` and one JSON text, "about"; nothing in it is pickled."""

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, about=np.array(json.dumps(about)), **dict(arrays))

    write_with(path, write)


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `write_arrays` wrote. Raises `InputError` for a file that is damaged or something else."""
    try:
        with PARSING, open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return json.loads(str(arrays.pop("about"))), arrays
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged: {error}") from None


def sync(path: Path) -> None:
    """Bring a file's content, or a folder's list of names, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders; its file system journals names itself
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
