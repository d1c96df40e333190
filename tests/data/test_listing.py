"""Files that become a `Data`: in memory or streamed, normalised, and with nothing dropped in silence."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image

from pellucid.data import listing as module
from pellucid.data.decode import decode, decode_centre, load_picture
from pellucid.data.files import Files
from pellucid.data.folder import find_folder
from pellucid.data.listing import open_listing
from pellucid.data.settings import DataSettings
from pellucid.data.tensors import InMemory, channel_statistics
from pellucid.types.errors import InputError

MakeFolder = Callable[[Mapping[str, int]], Path]
BASIC = {"train/cat": 4, "train/dog": 3, "test/cat": 1, "test/dog": 2}


def test_one_size_is_kept_in_memory(make_folder: MakeFolder) -> None:
    root = make_folder(BASIC)
    data = open_listing(find_folder(root), DataSettings())
    train = data.splits["train"]
    assert isinstance(train, InMemory)
    assert train.targets.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert torch.equal(train.inputs[4], decode(root / "train/dog/000.png"))
    assert data.info.shape == (3, 20, 24)
    assert data.info.classes == ("cat", "dog")
    assert data.info.counts == {"train": 7, "test": 3}
    assert data.info.class_counts == (4, 3)
    assert (data.info.preprocessing.mean, data.info.preprocessing.std) == channel_statistics(train.inputs)
    assert data.info.preprocessing.size == (20, 24)


def test_grey_pictures_have_one_channel(make_folder: MakeFolder) -> None:
    root = make_folder(BASIC)
    for path in root.rglob("*.png"):
        Image.open(path).convert("L").save(path)
    assert open_listing(find_folder(root), DataSettings()).info.shape == (1, 20, 24)
    assert open_listing(find_folder(root), DataSettings(channels="RGB")).info.shape == (3, 20, 24)


def test_a_set_that_is_shrunk_is_streamed(make_folder: MakeFolder) -> None:
    root = make_folder(BASIC)
    Image.open(root / "train/cat/000.png").resize((60, 50)).save(root / "train/cat/000.png")
    data = open_listing(find_folder(root), DataSettings(size=16))
    train = data.splits["train"]
    assert isinstance(train, Files)
    assert train.streamed
    assert data.info.shape == (3, 16, 16)
    assert data.info.preprocessing.mean == (0.485, 0.456, 0.406)
    centre = train.fetch(torch.tensor([6, 0]))
    assert centre.targets.tolist() == [1, 0]
    assert centre.indices.tolist() == [6, 0]
    assert torch.equal(centre.inputs[1], decode_centre(root / "train/cat/000.png", (16, 16), keep=0.875))
    random = train.fetch(torch.tensor([6, 0]), torch.tensor([3, 4]))
    again = train.fetch(torch.tensor([0]), torch.tensor([4]))
    assert torch.equal(random.inputs[1], again.inputs[0])
    assert not torch.equal(random.inputs, centre.inputs)


def test_how_much_is_looked_at_and_how_it_is_resized_can_be_said(make_folder: MakeFolder) -> None:
    root = make_folder(BASIC)
    settings = DataSettings(size=16, keep=0.5, interpolation="bicubic")
    data = open_listing(find_folder(root), settings)
    assert (data.info.preprocessing.keep, data.info.preprocessing.interpolation) == (0.5, "bicubic")
    seen = data.splits["train"].fetch(torch.tensor([0])).inputs[0]
    path = root / "train/cat/000.png"
    assert torch.equal(seen, decode_centre(path, (16, 16), keep=0.5, interpolation="bicubic"))
    assert not torch.equal(seen, decode_centre(path, (16, 16), keep=0.5))
    assert torch.equal(seen, load_picture(path, data.info.preprocessing))
    with pytest.raises(InputError, match=r"data\.keep must be in \(0, 1\]; got 0"):
        DataSettings(keep=0)


def test_pictures_of_several_sizes_are_brought_to_224(make_folder: MakeFolder) -> None:
    root = make_folder(BASIC)
    Image.open(root / "train/cat/000.png").resize((60, 50)).save(root / "train/cat/000.png")
    assert open_listing(find_folder(root), DataSettings()).info.shape == (3, 224, 224)


def test_a_set_too_large_for_memory_is_streamed(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = find_folder(make_folder(BASIC))
    whole = open_listing(listing, DataSettings()).splits["train"]
    monkeypatch.setattr(module, "MEMORY_LIMIT", 100)
    streamed = open_listing(listing, DataSettings()).splits["train"]
    assert isinstance(streamed, Files)
    indices = torch.arange(7)
    assert torch.equal(streamed.fetch(indices).inputs, whole.fetch(indices).inputs)


@pytest.mark.parametrize("limit", [0, 1 << 28])
@pytest.mark.parametrize("size", [None, 16])
def test_three_broken_pictures_of_a_hundred_are_left_out_and_counted(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch, size: int | None, limit: int
) -> None:
    monkeypatch.setattr(module, "VERIFY_LIMIT", limit)
    root = make_folder({"train/cat": 40, "train/dog": 40, "test/cat": 10, "test/dog": 10})
    whole = (root / "train/cat/007.png").read_bytes()
    (root / "train/cat/007.png").write_bytes(whole[: len(whole) // 2])
    (root / "train/dog/001.png").write_bytes(b"")
    (root / "test/dog/002.png").write_bytes(b"not a picture")
    data = open_listing(find_folder(root), DataSettings(size=size))
    assert data.splits["train"].streamed == (size is not None)
    assert sum(data.info.counts.values()) == 97
    assert data.info.class_counts == (39, 39)
    reasons = {left.path: left.reason for left in data.info.left_out}
    assert reasons == {
        "train/cat/007.png": "the file is cut short",
        "train/dog/001.png": "the file is empty",
        "test/dog/002.png": "not a JPEG, PNG, WebP, BMP, TIFF, GIF or PPM file",
    }
    for source in data.splits.values():
        source.fetch(torch.arange(len(source)))


def test_a_picture_that_breaks_later_is_named(make_folder: MakeFolder) -> None:
    root = make_folder(BASIC)
    train = open_listing(find_folder(root), DataSettings(size=16)).splits["train"]
    (root / "train/cat/002.png").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"train/cat/002\.png: the file is empty; `pellucid data check .*` finds"
    ):
        train.fetch(torch.arange(7))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("*", "none of its 10 pictures can be used; t.*: the file is empty"),
        ("train/dog/*", "only the class 'cat' has training pictures"),
        ("test/*/*", "none of the test pictures can be used; test/cat/000.png: the file is empty"),
    ],
)
def test_too_many_broken_pictures(make_folder: MakeFolder, broken: str, message: str) -> None:
    root = make_folder(BASIC)
    for path in root.rglob("*.png"):
        if path.relative_to(root).match(broken):
            path.write_bytes(b"")
    with pytest.raises(InputError, match=message) as caught:
        open_listing(find_folder(root), DataSettings())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [None, 16])
def test_the_fingerprint_is_of_the_content_not_of_the_place(
    make_folder: MakeFolder, tmp_path: Path, size: int | None
) -> None:
    root = make_folder({f"a/{folder}": count for folder, count in BASIC.items()}) / "a"
    copy = shutil.copytree(root, tmp_path / "b")
    settings = DataSettings(size=size)

    def fingerprint() -> str:
        return open_listing(find_folder(copy), settings).info.fingerprint

    before = fingerprint()
    assert before == open_listing(find_folder(root), settings).info.fingerprint
    assert len(before) == 64
    shutil.copyfile(copy / "train/dog/000.png", copy / "train/dog/001.png")
    assert fingerprint() != before
