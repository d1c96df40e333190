"""Checkpoints survive what disks and kills do to them."""

import os
import subprocess
import sys

import pytest
import torch

from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.checkpoint import Checkpoint
from pellucid.types.errors import InputError


def at(value: float) -> Checkpoint:
    weights = {"w": torch.full((3, 2), value), "steps": torch.tensor(7)}
    return Checkpoint(weights, {"step": int(value), "optimisers": [{"momentum": torch.ones(2) * value}]})


def test_round_trip_keeps_every_bit(tmp_path):
    written = Checkpoint(
        {"a": torch.randn(4, 3).T, "b": torch.randn(2, dtype=torch.bfloat16), "n": torch.tensor(3)},
        {"x": [1, 2.5, None]},
    )
    checkpoints.save(tmp_path, "last", written)
    read = checkpoints.load(tmp_path / "last")
    assert read.state == {"x": [1, 2.5, None]}
    assert all(torch.equal(read.weights[name], written.weights[name]) for name in written.weights)
    assert {name: value.dtype for name, value in read.weights.items()} == {
        name: value.dtype for name, value in written.weights.items()
    }


def test_weights_that_share_memory_are_kept_as_they_are(tmp_path):
    shared = torch.randn(3)
    checkpoints.save(tmp_path, "best", Checkpoint({"one": shared, "two": shared}, {}))
    assert torch.equal(checkpoints.load(tmp_path / "best").weights["two"], shared)


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
@pytest.mark.parametrize("file", ["model.safetensors", "state.pt", "manifest.json"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, file, damage):
    checkpoints.save(tmp_path, "last", at(1))
    checkpoints.save(tmp_path, "last", at(2))
    path = tmp_path / "last" / file
    content = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 255]) + content[-8:])
    else:
        path.unlink()
    found, passed = checkpoints.load_newest(tmp_path, "last")
    assert found is not None
    assert found.state["step"] == 1
    assert len(passed) == 1
    assert "last" in passed[0]


def test_nothing_whole_is_none(tmp_path):
    assert checkpoints.load_newest(tmp_path, "last") == (None, [])
    with pytest.raises(InputError, match="no complete checkpoint"):
        checkpoints.load(tmp_path / "last")


def test_a_pickle_is_never_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    checkpoints.save(tmp_path, "last", at(1))
    torch.save({"step": Evil()}, tmp_path / "last" / "state.pt")
    manifest = (tmp_path / "last" / "manifest.json").read_text()
    digest = checkpoints._digest(tmp_path / "last" / "state.pt")
    old = __import__("json").loads(manifest)["sha256"]["state.pt"]
    (tmp_path / "last" / "manifest.json").write_text(manifest.replace(old, digest))
    with pytest.raises(InputError, match="cannot be read"):
        checkpoints.load(tmp_path / "last")
    assert not (tmp_path / "executed").exists()


WRITER = """
import sys, torch
from pathlib import Path
from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.checkpoint import Checkpoint
print("ready", flush=True)
step = 0
while True:
    step += 1
    written = Checkpoint({"w": torch.full((60_000,), float(step))}, {"step": step})
    checkpoints.save(Path(sys.argv[1]), "last", written)
"""


def test_a_kill_at_any_moment_of_writing_leaves_a_whole_checkpoint(tmp_path):
    for number in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(0.05 + 0.0097 * number)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        found, passed = checkpoints.load_newest(tmp_path, "last")
        assert passed == []
        if found is not None:  # the first kill can come before anything was written
            assert torch.equal(found.weights["w"], torch.full((60_000,), float(found.state["step"])))
    assert found is not None
