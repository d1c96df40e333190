"""The commands, called as a user calls them."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from pellucid import cli
from pellucid.cli.list import KINDS
from pellucid.runs.folder import RunFolder

QUICK = ["--epochs", "2", "--hardware.threads", "1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp("runs") / "digits")
    assert cli.main(["train", "digits-lenet5", "--out", path, *QUICK, "--tensorboard"]) == 0
    return path


def output(capsys, *arguments: str) -> str:
    assert cli.main(list(arguments)) == 0
    return capsys.readouterr().out


def test_help_names_every_command(capsys):
    text = output(capsys, "--help")
    assert all(f"pellucid {command}" in text for command in cli.COMMANDS)


@pytest.mark.parametrize("command", [c for c in cli.COMMANDS if c != "data"])
def test_each_command_has_help_with_an_example(capsys, command):
    with pytest.raises(SystemExit) as exit:
        cli.main([command, "--help"])
    assert exit.value.code == 0
    assert f"Example: pellucid {command}" in " ".join(capsys.readouterr().out.split())


def test_list_names_every_key(capsys):
    text = output(capsys, "list")
    assert all(name in text for kind in KINDS.values() for name in kind)
    found = json.loads(output(capsys, "list", "recipes", "--json"))
    assert set(found["recipes"]) == set(KINDS["recipes"])


def test_train_writes_a_complete_run(run):
    names = {entry.name for entry in Path(run).iterdir()}
    assert {"run.json", "metrics.jsonl", "checkpoints", "recordings", "evaluation", "report.html"} <= names


def test_evaluate_a_run_gives_the_same_numbers_again(capsys, run):
    kept = RunFolder.open(Path(run)).read_evaluation("test")[0].metrics
    said = json.loads(output(capsys, "evaluate", run, "--json"))
    assert said["samples"] == 360
    assert {name: said[name] for name in kept} == pytest.approx(dict(kept), abs=1e-6)


def test_predict_reads_pictures_of_any_size_and_mode(capsys, run, tmp_path):
    from sklearn.datasets import load_digits

    digits = load_digits()
    paths = []
    for index in range(6):
        picture = Image.fromarray((digits.images[index] * 255 / 16).astype("uint8")).resize((50 + index, 50))
        paths.append(str(tmp_path / f"{digits.target[index]}.png"))
        picture.convert("RGB" if index % 2 else "L").save(paths[-1])
    lines = [json.loads(line) for line in output(capsys, "predict", run, *paths, "--json").splitlines()]
    right = [line["labels"][0] == line["image"][-5] for line in lines]
    assert sum(right) >= 4
    assert all(sum(line["probabilities"]) <= 1 + 1e-6 for line in lines)
    told = output(capsys, "predict", run, *paths).splitlines()
    assert [line.split(": ")[0] for line in told] == paths
    assert all(line.endswith(" %") for line in told)


def test_compare_puts_runs_side_by_side(capsys, run, tmp_path):
    other = str(tmp_path / "mlp")
    assert cli.main(["train", "digits-mlp", "--out", other, *QUICK]) == 0
    capsys.readouterr()
    page = tmp_path / "comparison.html"
    text = output(capsys, "compare", run, other, "--out", str(page))
    assert "top-1" in text
    content = page.read_text()
    assert "model.name" in content
    assert "lenet5" in content
    numbers = json.loads(output(capsys, "compare", run, other, "--json"))
    assert set(numbers) == {"digits", "mlp"}


def test_report_is_written_anew_from_the_folder_alone(capsys, run, tmp_path):
    copied = tmp_path / "copy"
    shutil.copytree(run, copied)
    before = (copied / "report.html").read_text()
    (copied / "report.html").unlink()
    output(capsys, "report", str(copied))
    assert (copied / "report.html").read_text() == before


def test_tensorboard_reads_what_was_written(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(Path(run) / "tensorboard"))
    events.Reload()
    assert {"train/loss", "test/top-1", "lr"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("test/top-1")] == [22, 44]


def test_a_network_of_the_users_own(capsys, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def make(*, inputs, outputs):\n"
        "    c, h, w = inputs\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, outputs))\n"
    )
    path = str(tmp_path / "run")
    assert cli.main(["train", f"{tmp_path}/mine.py:make", "--data", "digits", "--out", path, *QUICK]) == 0
    (tmp_path / "mine.py").unlink()
    shutil.move(path, tmp_path / "moved")  # the run holds a copy of the network's file
    assert (
        json.loads(output(capsys, "evaluate", str(tmp_path / "moved"), "--json").splitlines()[-1])["top-1"]
        > 0.5
    )


def test_five_folds_of_a_table(capsys, tmp_path):
    for fold in range(2):
        path = str(tmp_path / f"fold{fold}")
        assert cli.main(["train", "diabetes-mlp", "--data.fold", str(fold), "--out", path, *QUICK]) == 0
    capsys.readouterr()
    runs = [str(tmp_path / f"fold{fold}") for fold in range(2)]
    numbers = json.loads(output(capsys, "compare", *runs, "--json"))
    assert numbers["fold0"]["MSE"] != numbers["fold1"]["MSE"]


def test_predict_tries_changes_without_saving_them(capsys, run, tmp_path):
    path = tmp_path / "one.png"
    Image.linear_gradient("L").save(path)
    said = [
        json.loads(output(capsys, "predict", run, str(path), "--json", *options))
        for options in ([], ["--change", "c1[0] * 0", "--change", "c1[1] * 3"], [])
    ]
    assert said[0] == said[2] != said[1]
    assert cli.main(["predict", str(run), str(path), "--change", "c9[0] * 0"]) == 2
    assert "no layer is called 'c9'" in capsys.readouterr().err
