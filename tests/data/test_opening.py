"""A path is recognised by what is in it, and what is not a data set is told in one line."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.types.errors import InputError

MakeFolder = Callable[[Mapping[str, int]], Path]


def arrays(path: Path) -> Path:
    pictures = np.random.default_rng(0).integers(0, 256, (10, 4, 4), np.uint8)
    labels = np.arange(10) % 2
    np.savez(path, x_train=pictures, y_train=labels)
    return path


def test_every_format_is_recognised(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"set/cat": 5, "set/dog": 5})
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + "\n".join(f"{i},{i}" for i in range(10)))
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,label\n" + "\n".join(f"set/cat/00{i}.png,{i % 2}" for i in range(5)))
    shapes = {
        path: open_data(DataSettings(path=path)).info.shape
        for path in (root / "set", table, manifest, arrays(tmp_path / "set.npz"))
    }
    assert list(shapes.values()) == [(3, 20, 24), (1,), (3, 20, 24), (1, 4, 4)]


def test_a_folder_around_one_file(tmp_path: Path) -> None:
    arrays(tmp_path / "set.npz")
    (tmp_path / "README").write_text("")
    assert open_data(DataSettings(path=tmp_path)).info.counts == {"train": 8, "test": 2}


def test_a_path_goes_before_a_name(tmp_path: Path) -> None:
    assert open_data(DataSettings(name="cifar10", path=arrays(tmp_path / "set.npz"))).info.name == "set"


def test_named_sets_follow_the_settings() -> None:
    data = open_data(DataSettings(name="digits", size=16, validation=0.1, channels="RGB"))
    assert data.info.shape == (3, 16, 16)
    assert set(data.info.counts) == {"train", "val", "test"}
    assert sum(data.info.counts.values()) == 1797
    assert open_data(DataSettings(name="digits")).info.counts == {"train": 1437, "test": 360}


def test_opening_twice_gives_the_same(make_folder: MakeFolder) -> None:
    settings = DataSettings(path=make_folder({"cat": 9, "dog": 9}), validation=0.2)
    first, second = open_data(settings), open_data(settings)
    assert first.info == second.info
    assert torch.equal(first.splits["val"].targets, second.splits["val"].targets)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (DataSettings(), "no data given; name a set"),
        (DataSettings(name="cifr10"), "no dataset is called 'cifr10'; did you mean 'cifar10'"),
        (DataSettings(name="cifr10", path=Path("x")), "no dataset is called 'cifr10'"),
        (DataSettings(path=Path("nowhere")), "no such file or folder: nowhere"),
    ],
)
def test_names_and_paths_that_do_not_exist(settings: DataSettings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_data(settings)


def test_files_that_are_no_data_sets(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w"):
        pass
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    (tmp_path / "notes.txt").write_text("hello")
    for path, message in (
        (tmp_path / "photos.zip", "an archive; unpack it and give the folder"),
        (tmp_path, r"holds the archive photos.zip; unpack it and give the folder"),
        (tmp_path / "one.png", "one picture; expected a folder of classes"),
        (tmp_path / "notes.txt", "a file of unknown kind; expected a folder of classes"),
    ):
        with pytest.raises(InputError, match=message):
            open_data(DataSettings(path=path))


def test_names_are_listed_without_importing_what_they_name() -> None:
    code = (
        "import sys; from pellucid.data import DATASETS; assert len(DATASETS) >= 20;"
        "[DATASETS.summary(name) for name in DATASETS];"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'PIL', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_cifar_folder_opens_in_memory(shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "cifar10_folder" / "cifar10_folder.zip") as archive:
        wanted = [name for name in archive.namelist() if name.endswith(("00.jpg", "50.jpg"))]
        archive.extractall(tmp_path, wanted)
    data = open_data(DataSettings(name="cifar10", path=tmp_path))
    assert data.info.classes[:3] == ("airplane", "automobile", "bird")
    assert data.info.counts == {"train": 400, "test": 100}
    assert not data.splits["train"].streamed
    assert not data.info.left_out
