"""The same command under torchrun: the same curve, each sample once, one writer."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid import cli
from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.folder import RunFolder

TRAIN = """
    train digits-lenet5 --epochs 2 --batch-size 91 --accumulate 2 --augment.crop 2 --augment.cutout 6
    --hardware.threads 1 --optim.name momentum --optim.lr 0.05 --hardware.device cpu
""".split()


FSDP = ["--hardware.parallel", "fsdp"]


def torchrun(folder: Path, *commands: list[str]) -> None:
    """Carry out commands, one after another, in two processes."""
    words = [word for command in commands for word in ["--and", *command]][1:]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launcher, str(Path(__file__).with_name("together.py")), *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("with the best weights") == len(commands), "only the first process prints"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Runs of two processes, each resumed after its end, and one of one process, side by side."""
    path = tmp_path_factory.mktemp("runs")
    assert cli.main([*TRAIN, "--out", str(path / "alone")]) == 0
    ddp, fsdp = [*TRAIN, "--out", "ddp"], [*TRAIN, "--out", "fsdp", *FSDP]
    torchrun(path, ddp, [*ddp, "--resume"], fsdp, [*fsdp, "--resume"])
    return path


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_learn_what_one_does(folder, parallel):
    alone, together = RunFolder.open(folder / "alone"), RunFolder.open(folder / parallel)
    one, two = alone.log.read("step"), together.log.read("step")
    assert [line["step"] for line in one] == [line["step"] for line in two]
    assert [line["losses"]["loss"] for line in two] == pytest.approx(
        [line["losses"]["loss"] for line in one], rel=2e-3
    )
    weights = checkpoints.load(together.checkpoints / "last").weights
    for name, value in checkpoints.load(alone.checkpoints / "last").weights.items():
        assert torch.allclose(weights[name], value, atol=2e-3), name


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_every_sample_is_evaluated_once(folder, parallel):
    (one, _), (two, _) = (
        RunFolder.open(folder / name).read_evaluation("test") for name in ("alone", parallel)
    )
    assert np.array_equal(two.indices, np.arange(360))
    assert np.array_equal(one.targets, two.targets)
    assert two.outputs == pytest.approx(one.outputs, abs=5e-3)
    assert two.metrics == pytest.approx(one.metrics, abs=5e-3)


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_the_checkpoints_are_whole_and_the_report_is_there(folder, parallel):
    run = RunFolder.open(folder / parallel)
    assert checkpoints.load(run.checkpoints / "last").state["position"]["step"] == 30
    assert run.report.exists()
    assert run.log.read("finished")[-1]["reason"] == "epochs"
