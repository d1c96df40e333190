"""Folders of classes: `root/train/CLASS/…` with `root/test/CLASS/…`, or `root/CLASS/…` with no split.

With a `root/classes.txt` in the order of a network's outputs that is the order of the classes, and the set
may have nothing to train on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pellucid.data.classes import CLASSES, ClassNames, read_classes
from pellucid.data.decode import EXTENSIONS
from pellucid.data.listing import Entry, Listing, printable
from pellucid.data.splits import ALIASES
from pellucid.types.data_info import LeftOut
from pellucid.types.errors import InputError

# Pictures by their names, but in formats that are not read.
FOREIGN = frozenset({".heic", ".heif", ".avif", ".jp2", ".svg", ".raw", ".psd"})


def find_folder(root: Path) -> Listing:
    """The classes under `root`, in the order of its `classes.txt`, or without one in natural order ("2"
    before "10"); a class may have folders within.

    Splits may be called train(ing), val(id(ation)) or dev, test(ing). Links are followed, hidden folders
    and what is no picture are passed over. Pictures that belong to no class are left out and named.
    """
    folders = _folders(root)
    known = read_classes(root / CLASSES) if (root / CLASSES).is_file() else None
    alone = len(folders) == 1 and folders[0].name.lower() not in ALIASES
    if alone and not known and not _has_pictures(root):
        inner = _folders(folders[0])
        if inner and not _has_pictures(folders[0]):  # a folder around the set, as archives make
            return find_folder(folders[0])
    splits = _splits(root, folders)
    if "train" not in splits and not known:
        named = ", ".join(folder.name for folder in splits.values())
        raise InputError(
            f"{root}: has {named}, but no train; add the pictures to train on as {root / 'train'}, or, to "
            f"evaluate a network only, its classes as {root / CLASSES}"
        )
    by_split = {split: _classes(folder) for split, folder in splits.items()}
    if not any(pictures for classes in by_split.values() for pictures in classes.values()):
        raise _nothing_found(splits.get("train", root))
    known = known or _trained(splits["train"], by_split["train"])
    entries = []
    for split, classes in by_split.items():
        numbers = {name: number for name in classes if (number := known.called(name)) is not None}
        unknown = sorted(classes.keys() - numbers.keys(), key=natural)
        if unknown:
            known_by = root / CLASSES if (root / CLASSES).is_file() else splits["train"]
            raise InputError(f"{splits[split] / unknown[0]}: a class that {known_by} does not have")
        for name, number in sorted(numbers.items(), key=lambda pair: (pair[1], pair[0])):
            entries += [Entry(split, path.relative_to(root).as_posix(), (number,)) for path in classes[name]]
    return Listing(
        root.resolve().name,
        root,
        tuple(map(printable, known.names)),
        tuple(entries),
        left_out=_left_out(root, splits.values()),
    )


def _trained(folder: Path, classes: Collection[str]) -> ClassNames:
    """The classes that there are pictures of to train on."""
    names = sorted(classes, key=natural)
    if len(names) < 2:
        raise InputError(
            f"{folder}: only one class, {names[0]!r}; expected a folder for each of two or more"
            if names
            else f"{folder}: no class folders with pictures; expected {folder / 'CLASS'}/…"
        )
    return ClassNames(tuple(names))


def _splits(root: Path, folders: Sequence[Path]) -> dict[str, Path]:
    """The folder of each split; the root is that of "train" where the folders in it are classes."""
    splits: dict[str, Path] = {}
    for folder in folders:
        split = ALIASES.get(folder.name.lower())
        if split and splits.setdefault(split, folder) != folder:
            raise InputError(
                f"{root}: {splits[split].name} and {folder.name} both mean the split {split}; put them in one"
            )
    if not splits:
        return {"train": root}
    named = ", ".join(folder.name for folder in splits.values())
    others = [folder.name for folder in folders if folder not in splits.values() and any(_walk(folder))]
    if others:
        shown = ", ".join(others[:4]) + (", …" if len(others) > 4 else "")
        raise InputError(
            f"{root}: {named} would be a split, but {shown} stand beside; move these away,"
            f" or, if {named} is a class, rename it"
        )
    return splits


def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """A key that sorts numbers within names by value."""
    return tuple(
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d+)", text)
        if part
    )


def is_picture(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS


def unread(name: str) -> str:
    """Why a picture by its name is not read; empty for others."""
    kind = os.path.splitext(name)[1].lower()
    foreign = kind in FOREIGN and not name.startswith(".")
    return f"{kind[1:].upper()} is not read; save it as JPEG or PNG" if foreign else ""


def _folders(root: Path) -> list[Path]:
    return sorted(
        path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX"))
    )


def _has_pictures(folder: Path) -> bool:
    return any(is_picture(path.name) for path in folder.iterdir())


def _classes(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each class folder that has any, sorted."""
    found = {
        child.name: sorted(path for path in _walk(child) if is_picture(path.name))
        for child in _folders(folder)
    }
    return {name: pictures for name, pictures in found.items() if pictures}


def _walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Pictures, readable or not, in `folder` and those within. A link to a folder above ends there."""
    place = folder.resolve()
    if place in above:
        return
    yield from (path for path in folder.iterdir() if is_picture(path.name) or unread(path.name))
    for child in _folders(folder):
        yield from _walk(child, (*above, place))


def _left_out(root: Path, splits: Collection[Path]) -> tuple[LeftOut, ...]:
    """Pictures beside the class folders, and those in a format that is not read."""
    left_out = []
    for folder in dict.fromkeys((root, *splits)):
        loose = sorted(path for path in folder.iterdir() if path.is_file() and is_picture(path.name))
        left_out += [LeftOut(_shown(path, root), "lies in no class folder") for path in loose]
    for folder in splits:
        for path in sorted(_walk(folder)):
            if unread(path.name):
                left_out.append(LeftOut(_shown(path, root), unread(path.name)))
    return tuple(left_out)


def _shown(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())


def _nothing_found(folder: Path) -> InputError:
    if _has_pictures(folder):
        return InputError(
            f"{folder}: the pictures lie directly in it; expected one folder a class: {folder / 'CLASS'}/…"
        )
    return InputError(
        f"{folder}: no pictures; expected {folder / 'CLASS'}/….jpg (or png, webp, bmp, tiff, gif)"
    )
