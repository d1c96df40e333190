"""Steps between the logged ones, for who is looking on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.runs.folder import RunFolder
from pellucid.training import keeper as keeping
from pellucid.training.events import Finished, Stepped
from pellucid.training.keeper import Keeper


def stepped(step: int) -> Stepped:
    return Stepped(step, step / 1000, {"loss": 1.0 / step}, {}, 0.1, 100.0)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", {})


def test_what_is_seldom_logged_is_told_between(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(keeping.time, "monotonic", lambda: 0.02 * next(clock))  # a step takes 20 ms
    keeper = Keeper(run, steps_per_epoch=1000, tensorboard=False)
    for step in range(1, 101):
        keeper.keep(stepped(step))
    logged, live = ([line["step"] for line in log.read("step")] for log in (run.log, run.live))
    assert logged == [*range(1, 11), 20, 40, 60, 80, 100]
    assert 20 <= len(live) <= 50  # at most 20 a second, of 2 seconds and what reading the clock takes
    assert not {*live} & {*logged}
    keeper.keep(Finished(100, "epochs", None, None, 2.0))
    assert not run.live.path.exists()
    assert [line["step"] for line in run.log.read("step")] == logged


def test_live_steps_begin_anew_when_they_are_many(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_BETWEEN", 0.0)
    monkeypatch.setattr(keeping, "_LIVE_BYTES", 2000)
    keeper = Keeper(run, steps_per_epoch=10**6, tensorboard=False)
    for step in range(1, 200):
        keeper.keep(stepped(step))
    assert run.live.path.stat().st_size < 3000
    assert run.live.read("step")[-1]["step"] == 199
