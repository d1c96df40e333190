"""What `check` says of sets with known faults, in every format."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.data.check import check
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.types.data_info import LeftOut
from pellucid.types.errors import InputError

MakeFolder = Callable[[Mapping[str, int]], Path]
BASIC = {"train/cat": 8, "train/dog": 4, "test/cat": 3, "test/dog": 3}


def test_a_sound_folder(make_folder: MakeFolder) -> None:
    root = make_folder(BASIC)
    Image.open(root / "test/dog/000.png").convert("L").resize((10, 30)).save(root / "test/dog/000.png")
    report = check(root)
    assert not report.broken
    assert report.kind == "folder of classes"
    assert report.counts == {"train": {"cat": 8, "dog": 4}, "test": {"cat": 3, "dog": 3}}
    assert report.samples == {"train": 12, "test": 6}
    assert report.sizes == {"20 × 24": 17, "30 × 10": 1}
    assert report.modes == {"RGB": 17, "L": 1}
    assert (report.unreadable, report.duplicates, report.near) == ((), (), ())
    assert (report.leaks, report.near_leaks, report.conflicts) == ((), (), ())


def test_every_fault_is_found(make_folder: MakeFolder) -> None:
    root = make_folder(BASIC)
    (root / "train/cat/007.png").write_bytes(b"")
    shutil.copyfile(root / "train/cat/000.png", root / "test/cat/leak.png")
    shutil.copyfile(root / "train/cat/001.png", root / "train/dog/conflict.png")
    shutil.copyfile(root / "train/cat/002.png", root / "train/cat/copy.png")
    Image.open(root / "train/cat/003.png").resize((96, 80)).save(root / "test/cat/near.jpg", quality=85)
    report = check(root)
    assert report.broken
    assert report.unreadable == (LeftOut("train/cat/007.png", "the file is empty"),)
    assert set(report.duplicates) == {
        ("train/cat/000.png", "test/cat/leak.png"),
        ("train/cat/001.png", "train/dog/conflict.png"),
        ("train/cat/002.png", "train/cat/copy.png"),
    }
    assert report.leaks == (("train/cat/000.png", "test/cat/leak.png"),)
    assert report.conflicts == (("train/cat/001.png", "train/dog/conflict.png"),)
    assert report.near == report.near_leaks == (("train/cat/003.png", "test/cat/near.jpg"),)


@pytest.mark.parametrize("fault", ["none", "copy", "unreadable", "leak"])
def test_what_counts_as_broken(make_folder: MakeFolder, fault: str) -> None:
    root = make_folder(BASIC)
    if fault == "copy":
        shutil.copyfile(root / "train/cat/002.png", root / "train/cat/copy.png")
    if fault == "unreadable":
        (root / "train/cat/007.png").write_bytes(b"x")
    if fault == "leak":
        shutil.copyfile(root / "train/cat/002.png", root / "test/cat/leak.png")
    assert check(root).broken == (fault in ("unreadable", "leak"))


def test_a_folder_without_splits_is_checked_as_training_would_split_it(make_folder: MakeFolder) -> None:
    report = check(make_folder({"cat": 10, "dog": 5}))
    assert report.counts == {"train": {"cat": 8, "dog": 4}, "test": {"cat": 2, "dog": 1}}


def test_nothing_but_broken_files(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 2, "dog": 2})
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    report = check(root)
    assert report.broken
    assert report.faults == ("no picture can be read",)
    assert len(report.unreadable) == 4


def test_a_list_of_pictures(make_folder: MakeFolder) -> None:
    root = make_folder({"all": 4})
    rows = [
        "all/000.png,a,train",
        "all/001.png,b,train",
        "all/000.png,a,test",
        "none.png,b,test",
        "all/002.png,b,test",
    ]
    (root / "list.csv").write_text("\n".join(["path,label,split", *rows]))
    report = check(root / "list.csv")
    assert report.kind == "list of pictures"
    assert report.unreadable == (LeftOut("none.png", "no such file"),)
    assert report.leaks == (("all/000.png", "all/000.png"),)


def test_arrays(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (12, 3, 16, 16), dtype=np.uint8)
    labels = np.arange(12) % 3
    tests = np.concatenate([pictures[4:5], pictures[:1] // 2 + 60])
    np.savez(tmp_path / "set.npz", x_train=pictures, y_train=labels, x_test=tests, y_test=[2, 0])
    report = check(tmp_path / "set.npz")
    assert report.sizes == {"16 × 16": 14}
    assert report.counts["train"] == {"0": 4, "1": 4, "2": 4}
    assert report.leaks == report.conflicts == (("train[4]", "test[0]"),)
    assert report.near_leaks == (("train[0]", "test[1]"),)
    assert report.broken


def test_arrays_that_do_not_fit_together(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x_train=np.zeros((3, 4, 4), np.uint8), y_train=[0, 1])
    report = check(tmp_path / "set.npz")
    assert report.broken
    assert report.faults == ("train has 3 pictures, but 2 labels",)


@pytest.mark.parametrize("kind", ["folder", "arrays"])
def test_the_division_is_that_of_training(make_folder: MakeFolder, tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        path = make_folder({"set/cat": 20, "set/dog": 20}) / "set"
        for index in range(12):
            shutil.copyfile(path / f"cat/{index:03d}.png", path / f"cat/copy{index}.png")
    else:
        path = tmp_path / "set.npz"
        pictures = np.random.default_rng(0).integers(0, 256, (40, 3, 16, 16), dtype=np.uint8)
        pictures[30:] = pictures[:10]
        np.savez(path, x_train=pictures, y_train=np.arange(40) % 2)
    report, data = check(path), open_data(DataSettings(path=path))
    assert report.samples == data.info.counts
    assert tuple(report.counts["train"].values()) == data.info.class_counts
    assert report.duplicates
    assert not report.leaks
    assert not report.broken


@pytest.mark.parametrize("kind", ["arrays", "list", "folder"])
def test_what_training_refuses_is_broken(make_folder: MakeFolder, tmp_path: Path, kind: str) -> None:
    root = make_folder({"set/cat": 1, "set/dog": 1})
    path = root / "set"
    if kind == "arrays":
        path = tmp_path / "set.npz"
        np.savez(path, x_train=np.arange(32, dtype=np.uint8).reshape(2, 4, 4), y_train=[0, 1])
    if kind == "list":
        path = tmp_path / "list.csv"
        path.write_text("path,label\nset/cat/000.png,a\nset/dog/000.png,b\n")
    report = check(path)
    assert report.broken
    assert report.faults == ("no picture is left for test; give it more, or another division",)
    with pytest.raises(InputError, match="no picture is left for test"):
        open_data(DataSettings(path=path))


def test_no_usable_picture_of_a_split_is_a_fault(make_folder: MakeFolder) -> None:
    root = make_folder(BASIC)
    for path in root.glob("test/*/*.png"):
        path.write_bytes(b"")
    report = check(root)
    assert report.faults == ("none of the test pictures can be used; test/cat/000.png: the file is empty",)


def test_a_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "\n".join(f"{i},{i}" for i in range(20)) + "\n3,3\n4,\n")
    report = check(path)
    assert report.samples == {"train": 17, "test": 4}
    assert report.unreadable == (LeftOut("line 23", "b is empty"),)
    assert report.duplicates == (("row 4", "row 21"),) or report.duplicates == (("row 21", "row 4"),)


def test_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        check(tmp_path / "nowhere")


def test_orl_faces_have_no_exact_copies(shared_data: Path) -> None:
    report = check(shared_data / "orl_faces")
    assert not report.broken
    assert sum(report.samples.values()) == 400
    assert report.modes == {"L": 400}
    # Near copies can only be portraits of one person.
    assert all(first.split("/")[0] == second.split("/")[0] for first, second in report.near)
