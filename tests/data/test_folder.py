"""Folders of classes: what is listed, how it is split, and what a user is told when it cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

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
