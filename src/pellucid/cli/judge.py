"""`pellucid judge`: what a trained generator is worth, by a classifier that is named."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from pellucid.cli.arguments import parse
from pellucid.cli.tables import metrics_table
from pellucid.recipes.judging import judge_run
from pellucid.recipes.opened import open_network
from pellucid.runs.log import json_text
from pellucid.types.errors import InputError

ABOUT = """Judge the pictures a run makes: FID, KID, precision, recall, density, coverage in a classifier's
features, and what it says of them.

Example: pellucid judge runs/mnist-dcgan --by runs/mnist-lenet5
"""


@dataclass(frozen=True)
class Call:
    run: Annotated[Path, tyro.conf.Positional]
    """The run folder of a GAN or a diffusion network."""
    by: str
    """A run folder of a classifier of such pictures, or a recipe or network with --weights."""
    weights: str = ""
    """For a recipe or network: its weights, as for `pellucid evaluate`."""
    samples: int = 2000
    """How many samples of each kind, at most."""
    split: str = "test"
    """Which split of the run's data the real ones come from."""
    json: bool = False
    """Print the numbers as JSON."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="judge", about=ABOUT)
    if call.samples < 10:
        raise InputError(f"--samples must be at least 10, got {call.samples}")
    found = judge_run(
        call.run, open_network(call.by, weights=call.weights), samples=call.samples, split=call.split
    )
    if call.json:
        print(json_text(asdict(found)))
        return 0
    for warning in found.warnings:
        print(f"note: {warning}", file=sys.stderr)
    title = f"{call.run}: {found.made:,} samples beside {found.real:,} real ones, by {found.judge}"
    console = Console(soft_wrap=True)
    console.print(metrics_table(found.scores, title=title))
    shares = (f"{name} {100 * share:.1f} %" for name, share in zip(found.classes, found.seen, strict=True))
    console.print("seen as: " + ", ".join(shares), highlight=False)
    return 0
