"""`pellucid compare`: runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from pellucid.cli.arguments import parse
from pellucid.cli.tables import comparison_table
from pellucid.reports.comparison import build_comparison, read_compared
from pellucid.runs.atomic import write_file
from pellucid.runs.folder import RunFolder
from pellucid.runs.log import json_text
from pellucid.types.errors import InputError

ABOUT = """Put runs side by side: their numbers here, their curves and settings in a page.

Example: pellucid compare runs/digits-lenet5 runs/digits-mlp
"""


@dataclass(frozen=True)
class Call:
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Run folders, two or more."""
    out: Path = Path("comparison.html")
    """The page to write; one that is there is replaced."""
    json: bool = False
    """Print the numbers as JSON and write no page."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="compare", about=ABOUT)
    if len(call.runs) < 2:
        raise InputError(f"compare needs two runs or more, got {len(call.runs)}")
    runs = read_compared([RunFolder.open(path) for path in call.runs])
    if call.json:
        print(json_text({run.name: run.metrics for run in runs}, indent=1))
        return 0
    console = Console(soft_wrap=True)
    console.print(
        comparison_table(
            {run.name: run.metrics for run in runs}, title="best weights, on test, unless said otherwise"
        )
    )
    write_file(call.out, build_comparison(runs).to_html())
    console.print(f"page: {call.out}")
    return 0
