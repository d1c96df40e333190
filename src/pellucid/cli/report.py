"""`pellucid report`: write a run's page anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pellucid.cli.arguments import parse
from pellucid.recipes.experiment import open_run
from pellucid.reports.report import write_report

ABOUT = """Write a run's report.html anew from what the run folder holds; nothing is run.

Example: pellucid report runs/digits-lenet5
"""


@dataclass(frozen=True)
class Call:
    run: Annotated[Path, tyro.conf.Positional]
    """A run folder."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="report", about=ABOUT)
    opened = open_run(call.run)
    write_report(opened.folder, opened.recipe.task.build(opened.info))
    print(f"report: {opened.folder.report}")
    return 0
