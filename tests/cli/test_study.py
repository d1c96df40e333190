"""`pellucid study`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pellucid.cli import main

SMALL = "study initialisation --depth 5 --width 32 --activation relu --initialisation he-normal zeros".split()


def test_table_and_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SMALL) == 0
    said = capsys.readouterr().out
    assert "he-normal" in said
    assert "nothing moves" in said
    assert "sigmoid" not in said
    assert main([*SMALL, "--json"]) == 0
    assert "he-normal" in json.dumps(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("ending", [".html", ".png", ".json"])
def test_what_was_found_is_written(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"found{ending}"
    assert main([*SMALL, "--out", str(path)]) == 0
    assert path.stat().st_size > 500


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "initialisation"),
        ("initialization", "initialisation"),
        ("initialisation --activation rely", "relu"),
        ("initialisation --depth 0", "depth"),
        ("initialisation --out found.svg", ".html"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
