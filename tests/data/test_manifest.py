"""CSV lists of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.types.errors import InputError

MakeFolder = Callable[[Mapping[str, int]], Path]


@pytest.fixture
def root(make_folder: MakeFolder) -> Path:
    return make_folder({"pictures": 6})


def write(root: Path, text: str) -> Path:
    path = root / "list.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_labels_and_splits(root: Path) -> None:
    rows = [
        f"pictures/{index:03d}.png,{'dog' if index % 2 else 'cat'},{'test' if index > 3 else 'train'}"
        for index in range(6)
    ]
    data = open_data(DataSettings(path=write(root, "\n".join(["﻿Path, Label ,split", *rows]))))
    assert data.info.classes == ("cat", "dog")
    assert data.info.counts == {"train": 4, "test": 2}
    assert data.splits["train"].fetch(torch.arange(4)).targets.tolist() == [0, 1, 0, 1]
    assert not data.info.multilabel


def test_several_labels_are_multi_hot(root: Path) -> None:
    labels = ["sea|sky", "sky", "", "sea; sand", "sand", "sky"]
    rows = [
        f"pictures/{index:03d}.png\t{names}\t{'train' if index < 4 else 'test'}"
        for index, names in enumerate(labels)
    ]
    data = open_data(DataSettings(path=write(root, "\n".join(["file\tlabels\tsplit", *rows]))))
    assert data.info.classes == ("sand", "sea", "sky")
    assert data.info.multilabel
    targets = data.splits["train"].targets
    assert targets.tolist() == [[0, 1, 1], [0, 0, 1], [0, 0, 0], [1, 1, 0]]
    assert data.info.class_counts == (1, 2, 2)


def test_rows_that_cannot_be_used_are_left_out(root: Path) -> None:
    rows = [
        "path,label",
        "pictures/000.png,a",
        "none.png,a",
        "pictures/001.png,",
        ",b",
        "pictures/002.png,b",
        "pictures/003.png,b",
        "pictures/004.png,a",
    ]
    data = open_data(DataSettings(path=write(root, "\n".join(rows))))
    assert [(left.path, left.reason) for left in data.info.left_out] == [
        ("none.png", "no such file"),
        ("pictures/001.png", "no label"),
        ("list.csv line 5", "no path"),
    ]
    assert sum(data.info.counts.values()) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("path,label\n", "no rows"),
        ("path,colour\na.png,red", "no column 'label'; .*it has path, colour"),
        (
            "path,label\na.png,cat\nb.png,cat",
            "expected two classes or more in the column 'label', got .'cat'",
        ),
        ("path,label\na.png,cat\nb.png,dog", "none of its 2 pictures can be used; a.png: no such file"),
        ("path,label\na.png,cat\nb.png,dog", r"list\.csv: none of"),
        (
            "path,label,split\npictures/000.png,cat,test\npictures/001.png,dog,test",
            r"list\.csv: no row is of the split train; it has only test",
        ),
        (
            "path,label,split\npictures/000.png,a,train\npictures/001.png,b,train\npictures/002.png,c,test",
            r"list\.csv: test has 'c': a class that train does not have",
        ),
        (
            "path,label,split\npictures/000.png,a,train\npictures/001.png,b,train\nnone.png,b,test",
            r"list\.csv: none of the test pictures can be used; none\.png: no such file",
        ),
        ("path,label\npictures/000.png,a\npictures/001.png,b", r"list\.csv: no picture is left for test"),
        (
            "path,label,split\npictures/000.png,cat,training\npictures/001.png,dog,hidden",
            "line 3 has the split 'hidden'",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(root: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        open_data(DataSettings(path=write(root, text)))
    assert "\n" not in str(caught.value)


def test_a_row_that_is_listed_twice_is_left_out_and_told(root: Path) -> None:
    rows = [f"pictures/{index:03d}.png,{'ab'[index % 2]}" for index in (0, 1, 2, 3, 4, 5, 2)]
    data = open_data(DataSettings(path=write(root, "\n".join(["path,label", *rows]))))
    (left,) = data.info.left_out
    assert (left.path, left.reason) == ("pictures/002.png", "listed twice, in line 4 and again in line 8")
    assert sum(data.info.counts.values()) == 6


def test_a_list_beside_the_folder_of_its_pictures(root: Path) -> None:
    write(
        root, "path,label\n" + "\n".join(f"pictures/{index:03d}.png,{'ab'[index % 2]}" for index in range(6))
    )
    assert open_data(DataSettings(path=root)).info.classes == ("a", "b")
    (root / "empty").mkdir()
    with pytest.raises(InputError, match=r"only one class, 'pictures'.*; or give the list, .*list\.csv"):
        open_data(DataSettings(path=root))


def test_text_in_another_encoding(root: Path) -> None:
    path = root / "list.csv"
    path.write_bytes("path,label\nphoto.png,Käse".encode("latin-1"))
    with pytest.raises(InputError, match="not text in UTF-8"):
        open_data(DataSettings(path=path))
