"""Classes that a file says: pictures named by their class, and the order of the classes in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid import cli
from pellucid.data.check import check
from pellucid.data.classes import ClassNames, read_classes
from pellucid.data.folder import find_folder
from pellucid.data.named import find_named
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.types.errors import InputError

MakeFolder = Callable[[Mapping[str, int]], Path]
MakeNamed = Callable[[Sequence[str], Sequence[str]], Path]


@pytest.fixture
def make_named(make_folder: MakeFolder, tmp_path: Path) -> MakeNamed:
    """Pictures with these names, beside a `classes.txt` with these lines."""

    def make(files: Sequence[str], lines: Sequence[str]) -> Path:
        source = make_folder({"source": max(1, len(files))}) / "source"
        root = tmp_path / "set"
        root.mkdir()
        for picture, name in zip(sorted(source.iterdir()), files, strict=False):
            shutil.copy(picture, root / name)
        (root / "classes.txt").write_text("\n".join(lines), encoding="utf-8")
        return root

    return make


def test_a_folder_is_a_test_set_with_all_classes_in_their_order(make_named: MakeNamed) -> None:
    root = make_named(["cat_1.png", "ant.png", "cat-2.png", "cat03.png"], ["dog", "cat", "", "bee", "ant"])
    (root / "README").write_text("")
    data = open_data(DataSettings(path=root))
    assert data.info.classes == ("dog", "cat", "bee", "ant")
    assert data.info.counts == {"test": 4}
    assert data.info.class_counts == (0, 0, 0, 0)
    assert data.splits["test"].fetch(torch.arange(4)).targets.tolist() == [3, 1, 1, 1]


@pytest.mark.parametrize("size", [None, 12])
def test_without_training_pictures_the_statistics_are_imagenets(
    make_named: MakeNamed, size: int | None
) -> None:
    data = open_data(DataSettings(path=make_named(["a_1.png", "b_1.png"], ["a", "b"]), size=size))
    assert data.splits["test"].streamed is (size is not None)
    assert data.info.preprocessing.mean == (0.485, 0.456, 0.406)
    assert data.info.preprocessing.std == (0.229, 0.224, 0.225)


IMAGENET = ClassNames(("n01440764_tench", "n02012849_crane", "n03126707_crane", "n02085620-Chihuahua"))
ANIMALS = ClassNames(("cat", "cat_black", "cat2", "ca", "great white shark"))


@pytest.mark.parametrize(
    ("known", "stem", "number"),
    [
        (IMAGENET, "n01440764_tench", 0),
        (IMAGENET, "n01440764_10026", 0),
        (IMAGENET, "n02012849_crane", 1),
        (IMAGENET, "n03126707_crane_7", 2),
        (IMAGENET, "n03126707", 2),
        (IMAGENET, "n02085620_3", 3),
        (IMAGENET, "n014407645_1", None),
        (IMAGENET, "n01440764x", None),
        (IMAGENET, "n99999999_1", None),
        (IMAGENET, "tench", None),
        (ANIMALS, "cat", 0),
        (ANIMALS, "cat_7", 0),
        (ANIMALS, "cat_black_7", 1),
        (ANIMALS, "cat_blackish", 0),
        (ANIMALS, "cat2_1", 2),
        (ANIMALS, "cat21", 2),
        (ANIMALS, "cat31", 0),
        (ANIMALS, "cat (3)", 0),
        (ANIMALS, "cats_1", None),
        (ANIMALS, "great white shark-9", 4),
        (ANIMALS, "", None),
    ],
)
def test_how_a_class_is_found_in_a_name(known: ClassNames, stem: str, number: int | None) -> None:
    assert known.beginning(stem) == number


def test_a_wordnet_number_of_two_classes_says_nothing() -> None:
    assert ClassNames(("n01440764_a", "n01440764_b", "c")).beginning("n01440764_1") is None


@given(
    st.lists(st.text("ab_-1", min_size=1, max_size=4), min_size=2, unique=True), st.text("ab_-1", max_size=8)
)
def test_the_longest_class_wins(names: list[str], stem: str) -> None:
    fitting = [
        name
        for name in names
        if stem == name or (stem.startswith(name) and (stem[len(name)] in "_-" or stem[len(name)].isdigit()))
    ]
    found = ClassNames(tuple(names)).beginning(stem)
    assert (None if found is None else names[found]) == max(fitting, key=len, default=None)


def test_pictures_of_no_class_are_left_out_and_named(
    make_named: MakeNamed, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_named(["a_1.png", "b_1.png", "zebra.png"], ["a", "b"])
    (root / "phone.heic").write_bytes(b"x")
    (root / "b_2.png").write_bytes(b"torn")
    data = open_data(DataSettings(path=root))
    assert data.info.counts == {"test": 2}
    left_out = {left.path: left.reason for left in data.info.left_out}
    assert left_out["zebra.png"] == "its name begins with no class of classes.txt"
    assert left_out["phone.heic"] == "HEIC is not read; save it as JPEG or PNG"
    assert left_out.keys() == {"zebra.png", "phone.heic", "b_2.png"}
    assert cli.main(["data", "check", str(root)]) == 1
    told = capsys.readouterr().out
    assert "pictures named by class, 2 test" in told
    assert "3 samples cannot be used" in told


@pytest.mark.parametrize(
    ("files", "lines", "words"),
    [
        ([], ["a", "b"], "classes.txt, but no pictures"),
        (
            ["x_1.png", "y.png"],
            ["a", "b"],
            "none of its 2 pictures can be used; x_1.png: its name begins with",
        ),
        (["a_1.png"], ["a"], "expected two classes or more, one a line, got 1"),
        (["a_1.png"], ["", " "], "expected two classes or more, one a line, got 0"),
        (["a_1.png"], ["a", "b", "", "a "], "'a' stands in line 1 and again in line 4"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    make_named: MakeNamed, files: list[str], lines: list[str], words: str
) -> None:
    root = make_named(files, lines)
    with pytest.raises(InputError) as error:
        open_data(DataSettings(path=root))
    assert words in str(error.value)
    assert str(root) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_list_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(b"caf\xe9\nb")
    with pytest.raises(InputError, match="not text in UTF-8"):
        read_classes(path)
    path.write_bytes("\ufeffcafé\r\nb\r\n".encode())
    assert read_classes(path).names == ("café", "b")


def test_a_test_set_is_not_trained_on(make_named: MakeNamed, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_named([f"{name}_{i}.png" for name in "ab" for i in range(6)], ["a", "b"])
    assert cli.main(["train", "cifar-resnet8", "--data", str(root), "--out", str(root.parent / "run")]) == 2
    assert "set is for tests alone; it has no training pictures" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"data\.validation .* for tests alone"):
        open_data(DataSettings(path=root, validation=0.1))
    assert open_data(DataSettings(path=root, folds=3)).info.counts == {"train": 8, "test": 4}


def test_a_folder_of_classes_in_the_order_of_a_network(make_folder: MakeFolder) -> None:
    root = make_folder({"n02012849": 3, "n01440764": 4, "n03126707_crane": 2})
    (root / "classes.txt").write_text(
        "n03126707_crane\nn01440764_tench\nn01443537_goldfish\nn02012849_crane\n"
    )
    listing = find_folder(root)
    assert listing.classes == ("n03126707_crane", "n01440764_tench", "n01443537_goldfish", "n02012849_crane")
    assert [(entry.path, entry.labels) for entry in listing.entries[:3]] == [
        ("n03126707_crane/000.png", (0,)),
        ("n03126707_crane/001.png", (0,)),
        ("n01440764/000.png", (1,)),
    ]
    assert check(root).samples == {"train": 6, "test": 3}


def test_a_folder_of_test_classes_needs_no_others(make_folder: MakeFolder) -> None:
    root = make_folder({"val/cat": 3, "val/ant": 2})
    with pytest.raises(InputError, match=r"has val, but no train; .*its classes as .*classes\.txt"):
        find_folder(root)
    (root / "classes.txt").write_text("dog\ncat\nant\n")
    data = open_data(DataSettings(path=root))
    assert data.info.counts == {"test": 5}
    assert data.splits["test"].fetch(torch.arange(5)).targets.tolist() == [1, 1, 1, 2, 2]


def test_a_folder_of_a_class_that_is_not_listed(make_folder: MakeFolder) -> None:
    root = make_folder({"cat": 3, "ant": 2})
    (root / "classes.txt").write_text("dog\ncat\n")
    with pytest.raises(InputError, match=r"ant: a class that .*classes\.txt does not have"):
        find_folder(root)


def test_the_hundred_pictures_of_imagenet(shared_data: Path) -> None:
    listing = find_named(shared_data / "imagenet_samples")
    assert (len(listing.entries), len(listing.classes), listing.left_out) == (100, 1000, ())
    # One of every tenth class, and each file is called after its class.
    assert [entry.labels[0] for entry in listing.entries] == list(range(0, 1000, 10))
    assert all(Path(entry.path).stem == listing.classes[entry.labels[0]] for entry in listing.entries)
