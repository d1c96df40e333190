"""A disk that is full, or that may not be written to."""

import os
import subprocess
from pathlib import Path

import pytest

from pellucid import cli
from pellucid.runs import checkpoint as checkpoints

TRAIN = "train digits-lenet5 --epochs 2 --save-every 0 --hardware.threads 1 --recorder.probes 0".split()


@pytest.fixture
def small_disk(tmp_path):
    """A real file system with room for one checkpoint, not for three."""
    path = tmp_path / "small"
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1700k", "tmpfs", str(path)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a small file system cannot be mounted without more rights")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def assert_told_and_whole(done: subprocess.CompletedProcess[str], run: Path, words: str) -> None:
    assert done.returncode == 2
    errors = done.stderr.strip().splitlines()
    assert len(errors) == 1, done.stderr
    assert words in errors[0]
    found, passed = checkpoints.load_newest(run / "checkpoints", "last")
    assert found is not None, "what was saved before is still whole"
    assert passed == []


def test_a_full_disk_stops_in_one_line_and_keeps_the_checkpoint(pellucid, small_disk):
    done = pellucid(*TRAIN, "--out", str(small_disk / "run"))
    assert_told_and_whole(done, small_disk / "run", "No space left on device")


def test_a_file_that_may_not_grow_stops_in_one_line(pellucid, tmp_path):
    """The checkpoints stay below the limit of 200 kB, the log of all these steps does not."""
    small = [*TRAIN, "--model.name", "perceptron", "--epochs", "60", "--save-every", "60"]
    done = pellucid(*small, "--out", "run", shell="ulimit -f 200;")
    assert_told_and_whole(done, tmp_path / "run", "File too large")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert cli.main([*TRAIN, "--out", str(tmp_path / "locked" / "run")]) == 2
    assert "may not be written to" in capsys.readouterr().err


def test_a_file_where_the_folder_should_be(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for out in ("file", "file/run"):
        assert cli.main([*TRAIN, "--out", str(tmp_path / out)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "file" in error
