"""A run that is killed again and again ends, bit for bit, where the one that was left alone ends."""

import multiprocessing
import random
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from pellucid import cli
from pellucid.data.shapes import scene
from pellucid.data.shapes_geometry import SHAPES
from pellucid.runs import checkpoint as checkpoints

# Saving after every step, so that many kills fall into the writing of a checkpoint.
EVERYTHING = """
    digits-lenet5 --epochs 16 --batch-size 96 --save-every 0 --hardware.threads 1 --recorder.probes 2
    --ema 0.9 --dropout 0.3 --clip-norm 1 --accumulate 2 --model.name mlp-deep --augment.flip
    --augment.crop 2 --augment.cutout 8 --augment.mixup 0.4 --augment.cutmix 1 --schedule.name one-cycle
    --optim.name adamw
""".split()

SERVER = multiprocessing.get_context("forkserver")


def start(*arguments: str) -> multiprocessing.process.BaseProcess:
    SERVER.set_forkserver_preload(["pellucid.cli.train", "sklearn.datasets"])
    process = SERVER.Process(target=cli.main, args=(["train", *arguments],))
    process.start()
    return process


def finish(*arguments: str) -> float:
    """Let a run go to its end; the seconds it took."""
    began = time.monotonic()
    process = start(*arguments)
    process.join(120)
    assert process.exitcode == 0
    return time.monotonic() - began


def assert_same(one: Path, other: Path) -> None:
    for name in ("last", "best"):
        a, b = (checkpoints.load(run / "checkpoints" / name) for run in (one, other))
        assert a.weights.keys() == b.weights.keys()
        assert all(torch.equal(a.weights[key], b.weights[key]) for key in a.weights)
    a, b = (checkpoints.load(run / "checkpoints" / "last").state for run in (one, other))
    assert same(*({key: value for key, value in state.items() if key != "seconds"} for state in (a, b)))


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return a == b


def kill_and_resume(path: Path, arguments: list[str], kills: int, longest: float) -> int:
    """Kill the run `kills` times at random moments, then let it finish; how many kills fell into the writing
    of a checkpoint.
    """
    writing, moments = 0, random.Random(0)
    for number in range(kills):
        process = start(*arguments, "--out", str(path), "--resume")
        time.sleep(moments.uniform(0, longest))
        while number % 2 and process.is_alive() and not (path / "checkpoints" / ".last.tmp").exists():
            pass  # every other kill waits for a checkpoint to be begun
        assert process.is_alive(), f"the run ended before kill {number + 1}: make it longer"
        process.kill()
        process.join()
        writing += (path / "checkpoints" / ".last.tmp").exists()
    finish(*arguments, "--out", str(path), "--resume")
    return writing


@pytest.mark.timeout(240)
def test_twenty_kills_change_no_bit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seconds = finish(*EVERYTHING, "--out", "whole")
    writing = kill_and_resume(tmp_path / "killed", EVERYTHING, kills=20, longest=seconds / 18)
    assert_same(tmp_path / "whole", tmp_path / "killed")
    assert writing > 2, "no kill fell into the writing of a checkpoint; the test proves too little"


@pytest.mark.timeout(240)
def test_kills_with_workers_change_no_bit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [*EVERYTHING, "--hardware.workers", "1"]
    seconds = finish(*EVERYTHING, "--out", "whole")
    kill_and_resume(tmp_path / "killed", arguments, kills=3, longest=seconds / 10)
    assert_same(tmp_path / "whole", tmp_path / "killed")


def test_a_finished_run_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finish(*EVERYTHING, "--epochs", "1", "--out", "run")
    before = checkpoints.load(tmp_path / "run" / "checkpoints" / "last")
    finish(*EVERYTHING, "--epochs", "1", "--out", "run", "--resume")
    after = checkpoints.load(tmp_path / "run" / "checkpoints" / "last")
    assert same(dict(before.weights), dict(after.weights))
    assert same(before.state, after.state)


NETWORK = """
from torch import nn

def small(inputs, outputs):
    first, second = nn.Conv2d(inputs[0], 8, 3, padding=1), nn.Conv2d(8, outputs, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), second)
"""


@pytest.mark.timeout(240)
def test_kills_change_no_bit_of_a_segmentation(tmp_path, monkeypatch):
    """Windows, elastic deformation and label maps are drawn anew from their keys, in whatever process."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "network.py").write_text(NETWORK)
    for split, count in (("train", 24), ("test", 4)):
        for index in range(count):
            shown = scene(0, index, 32)
            for folder, pixels in (("images", shown.image.transpose(1, 2, 0)), ("masks", shown.semantic)):
                path = tmp_path / "set" / split / folder / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    (tmp_path / "set" / "classes.txt").write_text("\n".join(["background", *SHAPES]))
    arguments = """
        pictures-unet --data set --model.name network.py:small --epochs 12 --batch-size 4 --save-every 0
        --augment.window 24 --augment.balance 0.5 --augment.elastic 2 --hardware.threads 1
        --hardware.precision fp32 --recorder.probes 0
        --evaluate-every 6
    """.split()
    seconds = finish(*arguments, "--out", "whole")
    kill_and_resume(tmp_path / "killed", arguments, kills=3, longest=seconds / 10)
    assert_same(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.timeout(240)
def test_kills_change_no_bit_of_two_players(tmp_path, monkeypatch):
    """Both players' codes and the points of the penalty are drawn anew from (seed, step), and the step says
    whose turn it is.
    """
    monkeypatch.chdir(tmp_path)
    arguments = """
        gaussians-wgan-gp --epochs 8 --batch-size 500 --save-every 0 --evaluate-every 4 --hardware.threads 1
        --task.critic-steps 3 --task.conditional --recorder.probes 2
    """.split()
    seconds = finish(*arguments, "--out", "whole")
    kill_and_resume(tmp_path / "killed", arguments, kills=3, longest=seconds / 10)
    assert_same(tmp_path / "whole", tmp_path / "killed")
