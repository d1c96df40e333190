"""`pellucid compare-models`."""

from __future__ import annotations

import json

import pytest

from pellucid.cli import main


def test_says_what_one_has_and_the_other_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare-models", "resnet18", "se-resnet18", "--input", "3x64x64"]) == 0
    said = capsys.readouterr().out
    assert "11,689,512" in said
    assert "11,778,592" in said
    assert "layer4.1.se.fc2" in said
    assert "layer4.1.conv1" not in said


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("compare-models lenet5 lenet5 --input 1x28x28 --outputs 10 --json".split()) == 0
    told = json.loads(capsys.readouterr().out)
    assert {step["change"] for step in told["steps"]} == {"same"}
    assert told["totals"]["lenet5"]["parameters"] == 61_706


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("resnet18 resnet19", "resnet18"),
        ("resnet18 resnet34 --input 3x224", "channels"),
        ("resnet18 resnet34 --input 3,224,224", "3x224x224"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare-models", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
