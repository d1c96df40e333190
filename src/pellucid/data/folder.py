"""Folders of classes: `root/train/CLASS/…` with `root/test/CLASS/…`, or `root/CLASS/…` with no split."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pellucid.data.decode import EXTENSIONS
from pellucid.data.listing import Entry, Listing
from pellucid.data.splits import ALIASES
from pellucid.types.errors import InputError


def find_folder(root: Path) -> Listing:
    """The classes under `root`, in natural order ("2" before "10"); a class may have folders within.

    Splits may be called train(ing), val(id(ation)) or dev, test(ing). Other files and hidden folders are
    passed over.
    """
    folders = _folders(root)
    if len(folders) == 1 and folders[0].name.lower() not in ALIASES and not _has_pictures(root):
        inner = _folders(folders[0])
        if inner and not _has_pictures(folders[0]):  # a folder around the set, as archives make
            return find_folder(folders[0])
    splits = {ALIASES[folder.name.lower()]: folder for folder in folders if folder.name.lower() in ALIASES}
    if "train" not in splits:
        splits = {"train": root}
    by_split = {split: _classes(folder) for split, folder in splits.items()}
    if not any(pictures for classes in by_split.values() for pictures in classes.values()):
        raise _nothing_found(splits["train"])
    names = sorted(by_split["train"], key=natural)
    if len(names) < 2:
        raise InputError(
            f"{splits['train']}: only one class, {names[0]!r}; expected a folder for each of two or more"
            if names
            else f"{splits['train']}: no class folders with pictures; expected {splits['train'] / 'CLASS'}/…"
        )
    entries = []
    for split, classes in by_split.items():
        unknown = sorted(classes.keys() - set(names), key=natural)
        if unknown:
            raise InputError(f"{splits[split] / unknown[0]}: a class that {splits['train']} does not have")
        for number, name in enumerate(names):
            entries += [
                Entry(split, path.relative_to(root).as_posix(), (number,)) for path in classes.get(name, ())
            ]
    return Listing(root.resolve().name, root, tuple(names), tuple(entries))


def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """A key that sorts numbers within names by value."""
    return tuple(
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d+)", text)
        if part
    )


def is_picture(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS


def _folders(root: Path) -> list[Path]:
    return sorted(
        path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX"))
    )


def _has_pictures(folder: Path) -> bool:
    return any(is_picture(path.name) for path in folder.iterdir())


def _classes(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each class folder that has any, sorted."""
    found = {child.name: _pictures(child) for child in _folders(folder)}
    return {name: pictures for name, pictures in found.items() if pictures}


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        Path(parent) / name for parent, _, names in os.walk(folder) for name in names if is_picture(name)
    )


def _nothing_found(folder: Path) -> InputError:
    if _has_pictures(folder):
        return InputError(
            f"{folder}: the pictures lie directly in it; expected one folder a class: {folder / 'CLASS'}/…"
        )
    return InputError(
        f"{folder}: no pictures; expected {folder / 'CLASS'}/….jpg (or png, webp, bmp, tiff, gif)"
    )
