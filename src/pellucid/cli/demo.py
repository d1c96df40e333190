"""`pellucid demo`: the main job once, on data that comes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pellucid.cli.arguments import parse
from pellucid.cli.train import train
from pellucid.recipes import RECIPES
from pellucid.runs.folder import free_path

ABOUT = """Train a small network on generated shapes, evaluate it and write a report. It takes about a minute.

Example: pellucid demo
"""


@dataclass(frozen=True)
class Call:
    out: Path | None = None
    """The run folder; by default runs/demo, with a number behind it where that exists."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="demo", about=ABOUT)
    path = call.out or free_path(Path("runs") / "demo")
    return train(
        RECIPES["shapes-resnet"](),
        path,
        Console(soft_wrap=True, highlight=False),
        resume=False,
        command=["shapes-resnet"],
    )
