"""Folders of classes: what is listed, how it is split, and what a user is told when it cannot be used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pellucid.data.check import check
from pellucid.data.folder import find_folder
from pellucid.types.errors import InputError

MakeFolder = Callable[[Mapping[str, int]], Path]


def test_classes_are_in_natural_order_and_splits_have_many_names(make_folder: MakeFolder) -> None:
    root = make_folder({"Training/10": 2, "Training/9": 3, "valid/9": 1, "testing/10": 1, ".git/x": 1})
    (root / "Training" / "9" / "Thumbs.db").write_text("")
    listing = find_folder(root)
    assert listing.classes == ("9", "10")
    splits = listing.splits()
    assert {split: len(entries) for split, entries in splits.items()} == {"train": 5, "val": 1, "test": 1}
    assert splits["test"][0].path == "testing/10/000.png"
    assert splits["test"][0].labels == (1,)


def test_pictures_may_lie_deeper_within_a_class(make_folder: MakeFolder) -> None:
    listing = find_folder(make_folder({"cat/2020": 1, "cat/2021": 2, "dog": 1}))
    assert listing.classes == ("cat", "dog")
    assert len(listing.entries) == 4


def test_a_folder_around_the_set_is_entered(make_folder: MakeFolder) -> None:
    assert find_folder(make_folder({"photos/cat": 1, "photos/dog": 1})).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "no pictures; expected .*CLASS"),
        ({"train/cat": 0, "train/dog": 0}, "no pictures"),
        ({".": 2}, "lie directly in it; expected one folder a class"),
        ({"train/cat": 2}, "only one class, 'cat'"),
        ({"cat": 2, "empty": 0}, "only one class, 'cat'"),
        ({"Validation/a": 1, "dev/a": 1, "train/a": 1}, "Validation and dev both mean the split val"),
        ({"val/a": 1, "val/b": 1, "test/a": 1}, "has test, val, but no train"),
        ({"train/a": 1, "train/b": 1, "extra/a": 1}, "train would be a split, but extra stand beside"),
        ({"train": 2, "bus": 2, "car": 2}, "bus, car stand beside; .* if train is a class, rename it"),
        ({"train/cat": 1, "train/dog": 1, "test/zebra": 1}, "zebra: a class that .*train does not have"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    make_folder: MakeFolder, tmp_path: Path, counts: Mapping[str, int], message: str
) -> None:
    root = make_folder({f"set/{folder}": count for folder, count in counts.items()}) / "set"
    root.mkdir(exist_ok=True)
    with pytest.raises(InputError, match=message) as caught:
        find_folder(root)
    assert "\n" not in str(caught.value)
    assert str(root) in str(caught.value)


def test_hidden_folders_in_a_class_are_passed_over(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 2, "dog": 2, "dog/.thumbs": 2, "cat/deep/__MACOSX": 2})
    assert len(find_folder(root).entries) == 4


def test_links_are_followed_but_not_in_circles(make_folder: MakeFolder) -> None:
    root = make_folder({"set/cat": 2, "set/dog": 2, "elsewhere": 3})
    (root / "set/cat/more").symlink_to(root / "elsewhere")
    (root / "set/cat/again").symlink_to(root / "set")
    (root / "elsewhere/circle").symlink_to(root / "elsewhere")
    found = [entry.path for entry in find_folder(root / "set").entries]
    assert "cat/more/000.png" in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize("split", ["", "train/"])
def test_pictures_that_cannot_be_used_are_told(make_folder: MakeFolder, split: str) -> None:
    root = make_folder({f"{split}cat": 2, f"{split}dog": 2})
    (root / f"{split}cat/000.png").rename(root / f"{split}loose.png")
    (root / f"{split}dog/phone.HEIC").write_bytes(b"x")
    listing = find_folder(root)
    assert [(left.path, left.reason) for left in listing.left_out] == [
        (f"{split}loose.png", "lies in no class folder"),
        (f"{split}dog/phone.HEIC", "HEIC is not read; save it as JPEG or PNG"),
    ]
    assert len(listing.entries) == 3


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_names_that_are_not_utf8_can_be_printed(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 6, "dog": 6})
    with open(os.fsencode(root / "cat") + b"/\xff.png", "wb") as file:
        file.write(b"x")
    (root / "dog/000.png").rename(os.fsdecode(os.fsencode(root / "dog") + b"/\xfe.png"))
    report = check(root)
    assert [left.path for left in report.unreadable] == ["cat/\ufffd.png"]
    assert sum(report.samples.values()) == 12
    shutil.copy(root / "dog/001.png", os.fsdecode(os.fsencode(root / "dog") + b"/\xfd.png"))
    assert check(root).duplicates == (("dog/001.png", "dog/\ufffd.png"),)
