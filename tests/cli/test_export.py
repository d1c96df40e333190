"""`pellucid export`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.cli import main


@pytest.mark.parametrize(("format", "ending"), [("onnx", ".onnx"), ("torch-export", ".pt2")])
def test_a_network_is_written_and_compared(
    format: str,
    ending: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(f"export lenet5 --input 1x28x28 --outputs 10 --format {format}".split()) == 0
    said = capsys.readouterr()
    assert [path.name for path in tmp_path.iterdir()] == [f"lenet5{ending}"]
    assert "outputs compared" in said.out
    assert "as it begins" in said.err  # nobody asked for untrained weights


def test_what_cannot_be_exported_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "class Branches(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x.mean((2, 3)) if float(x.sum()) > 0 else x.amax((2, 3))\n"
        "def make(*, inputs, outputs):\n"
        "    return Branches()\n"
    )
    assert main("export net.py:make --input 3x8x8 --outputs 3".split()) == 1
    error = capsys.readouterr().err
    assert "if float(x.sum()) > 0" in error  # the line that is in the way
    assert "torch.where" in error
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["net.py"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("lenet6", "lenet5"),
        ("lenet5 --format onxx", "onnx"),
        ("lenet5 --input 1by28", "3x224x224"),
        ("lenet5 --format safetensors", "--weights"),
        ("lenet5 --weights nowhere.pt", "nowhere.pt"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
