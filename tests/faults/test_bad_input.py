"""Every mistake a user can make is one line that says what to do, and a non-zero exit."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid import cli
from pellucid.runs.folder import RunFolder

QUICK = ["--epochs", "1", "--hardware.threads", "1", "--recorder.probes", "0"]


def told(capsys, *arguments: str) -> str:
    """The one line that the program says of a call that cannot be carried out."""
    status = cli.main(list(arguments))
    out, err = capsys.readouterr()
    assert status == 2, out + err
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("pellucid: ")
    return lines[0]


def pictures(folder, count, seed=0):
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for index in range(count):
        Image.fromarray(random.integers(0, 255, (16, 16, 3), np.uint8)).save(folder / f"{index}.png")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a recipe or a network first"),
        (["digits-lenet"], "did you mean 'digits-lenet5'"),
        (["resnt18"], "did you mean 'resnet18'"),
        (["digits-lenet5", "--data", "digitz"], "did you mean 'digits'"),
        (["digits-lenet5", "--data", "no/such/folder"], "no such file or folder"),
        (["digits-lenet5", "--model.name", "lenet6"], "did you mean 'lenet5'"),
        (["digits-lenet5", "--epochs", "many"], "--epochs: expected a whole number, got 'many'"),
        (["digits-lenet5", "--epochs", "0"], "epochs must be at least 1, got 0"),
        (["digits-lenet5", "--optim.lr", "fast"], "--optim.lr: expected a number, got 'fast'"),
        (["digits-lenet5", "--optim.lr", "-1"], "optim lr must be"),
        (["digits-lenet5", "--optim.name", "sgdd"], "invalid choice 'sgdd'"),
        (["digits-lenet5", "--optim.rate", "1"], "Unrecognized options: --optim.rate"),
        (["digits-lenet5", "--augment.policy", "none", "--dropout", "0.5"], "has no dropout layer"),
        (["digits-lenet5", "--hardware.device", "cuda:7"], "CUDA"),
        (["digits-lenet5", "--hardware.device", "gpu"], "must be auto, cpu, cuda"),
        (["digits-lenet5", "--resume"], "--resume needs --out"),
        (["diabetes-mlp", "--data", "digits"], "use the task classification"),
        (["timm/no_such_net", "--data", "digits"], "no_such_net"),
        (["torchvision/resnet18", "--data", "digits"], "channels"),
        (["nothing.py:make", "--data", "digits"], "nothing.py"),
        (["nothing/there", "--data", "digits"], "no recipe or model"),
        (["digits-mlp", "--optim.name", "nesterov", "--optim.momentum", "0"], "momentum above 0"),
        (["perceptron", "--data", "digits", "--optim.name", "muon"], "this network has none"),
        (["digits-mlp", "--schedule.warmup", "inf"], "warmup must be at least 0, got inf"),
        (["digits-mlp", "--schedule.name", "step", "--schedule.milestones", "inf"], "epochs that rise"),
        (["digits-mlp", "--hardware.device", "meta"], "must be auto, cpu, cuda"),
        (["resnet18", "--data", "digits", "--batch-size", "1"], "cannot be trained on 1 inputs"),
        (["mlp", "--data", "diabetes"], "table-mlp"),
    ],
)
def test_train(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert words in told(capsys, "train", *arguments)
    assert not (tmp_path / "runs").exists(), "nothing is left behind"


def test_commands(capsys):
    assert "did you mean 'train'" in told(capsys, "trian")
    assert "did you mean 'models'" in told(capsys, "list", "model")
    assert "is not a run folder" in told(capsys, "report", "/nonexistent")
    assert "no recipe or model" in told(capsys, "evaluate", "nonexistent")
    assert "give --weights FILE" in told(capsys, "evaluate", "lenet5")
    assert "two runs or more" in told(capsys, "compare", "one")


def test_data_on_disk(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "empty" in told(capsys, "train", "cifar-resnet8", "--data", "empty")
    pictures(tmp_path / "single" / "cats", 8)
    assert "only one class, 'cats'" in told(capsys, "train", "cifar-resnet8", "--data", "single")
    np.savez(
        tmp_path / "labels.npz",
        x_train=np.zeros((4, 8, 8), np.uint8),
        y_train=np.array([0, 1, -3, 1]),
        x_test=np.zeros((2, 8, 8), np.uint8),
        y_test=np.array([0, 1]),
    )
    assert "-3" in told(capsys, "train", "lenet5", "--data", "labels.npz")


def test_three_broken_pictures_among_a_hundred_are_left_out_and_told(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "photos" / "cats", 50)
    pictures(tmp_path / "photos" / "dogs", 50, seed=1)
    for index, content in ((3, b""), (17, b"not a picture"), (30, None)):
        path = tmp_path / "photos" / "cats" / f"{index}.png"
        path.write_bytes(path.read_bytes()[:60] if content is None else content)
    assert cli.main(["train", "cifar-resnet8", "--data", "photos", "--out", "run", *QUICK]) == 0
    out = capsys.readouterr().out
    assert "3 files were left out" in out
    assert "cats/17.png" in out
    description = json.loads((tmp_path / "run" / "run.json").read_text())
    assert sum(description["data"]["counts"].values()) == 97
    assert len(description["data"]["left_out"]) == 3
    assert "left out" in (tmp_path / "run" / "report.html").read_text()


def test_a_run_folder_that_holds_something_else(capsys, tmp_path):
    path = str(tmp_path / "run")
    assert cli.main(["train", "digits-lenet5", "--out", path, *QUICK]) == 0
    capsys.readouterr()
    assert "already holds a run" in told(capsys, "train", "digits-lenet5", "--out", path, *QUICK)
    assert "optim.lr was 0.002, now 0.5" in told(
        capsys, "train", "digits-lenet5", "--out", path, *QUICK, "--resume", "--optim.lr", "0.5"
    )
    assert "another recipe" in told(capsys, "train", "digits-mlp", "--out", path, *QUICK, "--resume")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    assert "is not empty" in told(capsys, "train", "digits-lenet5", "--out", str(tmp_path / "full"), *QUICK)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"


def test_weights_of_another_network(capsys, tmp_path):
    torch.save(torch.nn.Linear(3, 3).state_dict(), tmp_path / "linear.pt")
    error = told(capsys, "evaluate", "lenet5", "--weights", str(tmp_path / "linear.pt"), "--data", "digits")
    assert "missing" in error
    assert "unexpected: weight, bias" in error
    (tmp_path / "torn.pt").write_bytes((tmp_path / "linear.pt").read_bytes()[:200])
    assert "cut short" in told(
        capsys, "evaluate", "lenet5", "--weights", str(tmp_path / "torn.pt"), "--data", "digits"
    )


def test_a_picture_that_cannot_be_read(capsys, tmp_path):
    path = str(tmp_path / "run")
    assert cli.main(["train", "digits-lenet5", "--out", path, *QUICK]) == 0
    capsys.readouterr()
    (tmp_path / "text.png").write_text("a text file called .png")
    pictures(tmp_path / "good", 1)
    (tmp_path / "folder.png").mkdir()
    for name in ("text.png", "nowhere.png: no such file", "folder.png: it is a folder"):
        picture = str(tmp_path / name.partition(":")[0])
        assert cli.main(["predict", path, picture, str(tmp_path / "good" / "0.png")]) == 1
        out, err = capsys.readouterr()
        assert name in err
        assert err.count("\n") == 1
        assert out.startswith(str(tmp_path / "good" / "0.png")), "the others are answered all the same"
    assert "at least one picture" in told(capsys, "predict", path)
    assert "folder.png: it is a folder" in told(capsys, "look", path, "--image", str(tmp_path / "folder.png"))
    assert "is a folder, but no run" in told(capsys, "predict", str(tmp_path / "good"), picture)


def test_divergence_is_told_and_fails(capsys, tmp_path):
    status = cli.main(
        [
            "train",
            "digits-mlp",
            "--out",
            str(tmp_path / "run"),
            *QUICK,
            "--optim.name",
            "sgd",
            "--optim.lr",
            "1e30",
        ]
    )
    err = capsys.readouterr().err
    assert status == 1
    assert "diverged" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return nn.Linear(1024, 10)", "cannot be trained on 2 inputs of shape (1, 32, 32)"),
        (
            "return nn.Sequential(nn.Flatten(), nn.Linear(1024, 20))",
            "expected (samples, 10), a number for each class",
        ),
        ("return nn.Flatten()", "expected (samples, 10)"),
        (
            "return nn.Sequential(nn.Flatten(), nn.Linear(1024, 10).requires_grad_(False))",
            "nothing to train for classifier",
        ),
        ("raise OSError('no more')", "no more"),
        ("return Failing('assert x.ndim == 2, \\'only vectors\\'')", "only vectors"),
        ("return Failing('1 // 0')", "division"),
        ("return Failing('{}[0]')", "0 (<string>, line 1)"),
    ],
)
def test_networks_of_the_users_own_that_do_not_fit(capsys, tmp_path, monkeypatch, body, words):
    monkeypatch.chdir(tmp_path)
    failing = "class Failing(nn.Sequential):\n    def forward(self, x):\n        exec(self.does)\n"
    failing += (
        "    def __init__(self, does):\n        super().__init__(nn.Linear(9, 9))\n        self.does = does\n"
    )
    (tmp_path / "mine.py").write_text(
        f"from torch import nn\n{failing}def make(*, inputs, outputs):\n    {body}\n"
    )
    assert words in told(capsys, "train", "mine.py:make", "--data", "digits", *QUICK)
    assert not (tmp_path / "runs").exists()


def test_a_run_json_that_is_not_one(capsys, tmp_path):
    for content in (b'{"schema": 1}', b"\xff\xfe", b"[]"):
        (tmp_path / "run.json").write_bytes(content)
        assert "run.json" in told(capsys, "report", str(tmp_path))


def test_what_is_set_in_vain_is_told(capsys, tmp_path):
    call = [
        "train",
        "digits-mlp",
        "--optim.name",
        "sgd",
        "--optim.momentum",
        "0.5",
        "--out",
        str(tmp_path / "run"),
    ]
    assert cli.main([*call, *QUICK]) == 0
    assert "optim.momentum is set, but sgd does not use it" in capsys.readouterr().out


def test_a_second_process_touches_nothing(capsys, tmp_path):
    path = tmp_path / "run"
    assert cli.main(["train", "digits-lenet5", "--out", str(path), *QUICK]) == 0
    capsys.readouterr()
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with RunFolder.open(path).locked():
        error = told(capsys, "train", "digits-lenet5", "--out", str(path), *QUICK, "--resume")
    assert "another process is writing" in error
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
