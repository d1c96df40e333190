"""A flat folder of pictures whose names begin with their class, beside the list of all classes: a test set.

For instance `n01440764_tench.JPEG` and `n01440764_10026.JPEG`, and a `classes.txt` with `n01440764_tench`.
"""

from __future__ import annotations

from pathlib import Path

from pellucid.data.classes import CLASSES, read_classes
from pellucid.data.folder import is_picture, unread
from pellucid.data.listing import Entry, Listing, printable
from pellucid.types.data_info import LeftOut
from pellucid.types.errors import InputError


def is_named(folder: Path) -> bool:
    """Whether `folder` has a list of classes and no folders of them."""
    flat = not any(child.is_dir() and not child.name.startswith(".") for child in folder.iterdir())
    return flat and (folder / CLASSES).is_file()


def find_named(root: Path) -> Listing:
    """The pictures in `root`, all of the split "test", with the classes of its `classes.txt`.

    Those that begin with no class are left out and named. `InputError` where none is left.
    """
    known = read_classes(root / CLASSES)
    entries, left_out = [], []
    for path in sorted(root.iterdir()):
        number = known.beginning(path.stem)
        if unread(path.name):
            left_out.append(LeftOut(printable(path.name), unread(path.name)))
        elif is_picture(path.name) and number is None:
            left_out.append(LeftOut(printable(path.name), f"its name begins with no class of {CLASSES}"))
        elif is_picture(path.name) and number is not None:
            entries.append(Entry("test", path.name, (number,)))
    if not entries and not left_out:
        raise InputError(f"{root}: {CLASSES}, but no pictures; expected CLASS_….jpg (or png, …) beside it")
    return Listing(root.resolve().name, root, tuple(map(printable, known.names)), ()).keep(entries, left_out)
