"""Ctrl-C: a clean stop that can be gone on from."""

import os
import signal
import subprocess
import sys

import torch

from pellucid import cli
from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.folder import RunFolder

TRAIN = ["digits-lenet5", "--epochs", "6", "--hardware.threads", "1", "--recorder.probes", "0"]


def test_ctrl_c_saves_and_the_rest_follows_exactly(tmp_path):
    command = [sys.executable, "-m", "pellucid", "train", *TRAIN, "--out", "run"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "epoch   1.0" in line:
            process.send_signal(signal.SIGINT)
            break
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "--resume" in told
    run = RunFolder.open(tmp_path / "run")
    step = checkpoints.load(run.checkpoints / "last").state["step"]
    assert 0 < step < 6 * 22
    assert run.log.read("finished")[-1]["reason"] == "stopped"

    assert cli.main(["train", *TRAIN, "--out", str(tmp_path / "run"), "--resume"]) == 0
    assert cli.main(["train", *TRAIN, "--out", str(tmp_path / "whole")]) == 0
    one, two = (checkpoints.load(tmp_path / n / "checkpoints" / "last").weights for n in ("run", "whole"))
    assert all(torch.equal(one[key], two[key]) for key in one)
