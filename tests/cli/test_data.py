"""`pellucid data check`: the exit status, the table and the JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, split in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        (tmp_path / "photos" / split).mkdir(parents=True)
        for index in range(3):
            coarse = np.random.default_rng((number, index)).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((32, 32)).save(tmp_path / "photos" / split / f"{index}.png")
    return tmp_path / "photos"


def test_a_sound_set(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "folder of classes, 6 train, 6 test" in said
    assert "32 × 32 (12)" in said
    assert "nothing is broken" in said
    assert [line.split() for line in said.splitlines() if line.strip().startswith(("cat", "dog"))] == [
        ["cat", "3", "3"],
        ["dog", "3", "3"],
    ]


def test_a_broken_set(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train/cat/1.png").write_bytes(b"")
    (folder / "test/dog/[red]copy.png").write_bytes((folder / "train/dog/0.png").read_bytes())
    assert main(["data", "check", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "1 sample cannot be used; training leaves them out" in said
    assert "train/cat/1.png: the file is empty" in said
    assert "1 picture in more than one split" in said
    assert "train/dog/0.png = test/dog/[red]copy.png" in said
    assert said.rstrip().endswith("broken")


def test_json_has_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train/cat/1.png").write_bytes(b"")
    assert main(["data", "check", str(folder), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["broken"] is True
    assert report["unreadable"] == [{"path": "train/cat/1.png", "reason": "the file is empty"}]
    assert report["counts"]["train"] == {"cat": 2, "dog": 3}


def test_a_list_of_several_labels_and_its_conflicts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"photos/train/cat/{i}.png,cat;pet,train" for i in range(3)]
    rows += [f"photos/test/{kind}/{i}.png,{kind},test" for kind in ("cat", "dog") for i in range(3)]
    rows += ["photos/train/cat/0.png,dog,train"]
    (folder.parent / "list.csv").write_text("\n".join(["path,label,split", *rows]))
    assert main(["data", "check", str(folder.parent / "list.csv")]) == 0
    said = capsys.readouterr().out
    assert "photos/train/cat/0.png (cat|pet) = photos/train/cat/0.png (dog)" in said
    assert "several labels a picture; train with --task.loss binary-cross-entropy" in said


def test_a_table_has_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "\n".join(f"{i % 19},{i % 19}" for i in range(20)))
    assert main(["data", "check", str(tmp_path / "t.csv")]) == 0
    said = capsys.readouterr().out
    assert "1 row more than once in the same split" in said
    assert "every row can be used" in said


def test_long_lists_are_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(10):
        (tmp_path / f"s/train/{number}").mkdir(parents=True)
        size = (20 + max(number, 1), 20)
        coarse = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(size).save(tmp_path / f"s/train/{number}/0.png")
    (tmp_path / "s/test/0").mkdir(parents=True)
    Image.fromarray(255 - coarse).resize(size).save(tmp_path / "s/test/0/0.png")
    assert main(["data", "check", str(tmp_path / "s")]) == 0
    said = capsys.readouterr().out
    assert ", 1 other (1)" in said
    assert "8 in test" in said
    assert "9 in test" not in said
    assert "… and 1 more" in said


def test_mistakes_in_the_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("pellucid: no such file or folder")
    assert said.count("\n") == 1
    for words in (["data"], ["data", "chek"], ["data", "check"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["data", "check", "--help"])
    assert stopped.value.code == 0
    assert "pellucid data check photos/" in capsys.readouterr().out
