"""`pellucid train`: a recipe, or any network on any data, into a run folder."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from pellucid.cli.arguments import parse
from pellucid.cli.progress import follow
from pellucid.cli.tables import metrics_table
from pellucid.data.opening import data_at
from pellucid.models.published import is_published
from pellucid.recipes.experiment import run_recipe
from pellucid.recipes.general import find_recipe
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.runs.folder import free_path
from pellucid.training.events import Diverged, Evaluated
from pellucid.training.processes import join_processes
from pellucid.types.errors import InputError

ABOUT = """Train a network into a run folder: a recipe (`pellucid list recipes`), or any network on any data.

Example: pellucid train cifar-resnet20 --data photos/ --epochs 20 --optim.lr 0.1
"""


@dataclass(frozen=True)
class Call:
    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    data: str = ""
    """A path (folder of classes, CSV, .npz, IDX files) or a name of `pellucid list datasets`."""
    out: Path | None = None
    """The run folder; by default runs/NAME, with a number behind it where that exists."""
    resume: bool = False
    """Go on with the run in --out where it stopped, or begin it if it never did."""


def main(arguments: Sequence[str]) -> int:
    call = read_call(arguments)
    with join_processes(call.recipe.training.hardware.device) as processes:
        console = Console(quiet=not processes.first, soft_wrap=True, highlight=False)
        path = processes.from_first(call.out or free_path(Path("runs") / call.recipe.name))
        return train(call.recipe, path, console, resume=call.resume, command=arguments)


def read_call(arguments: Sequence[str]) -> Call:
    """The first word is the recipe or network; its fields are then the options and their defaults."""
    if not arguments or arguments[0].startswith("-"):
        if arguments and arguments[0] in ("-h", "--help"):
            arguments = ["lenet5", "--help"]
        else:
            raise InputError(
                "name a recipe or a network first: pellucid train digits-lenet5 (`pellucid list` shows them)"
            )
    name, *rest = arguments
    call = parse(Call, rest, command=f"train {name}", about=ABOUT, default=Call(find_recipe(name)))
    if call.resume and call.out is None:
        raise InputError("--resume needs --out RUN, the run to go on with")
    recipe = replace(
        call.recipe, data=data_at(call.recipe.data, call.data), model=with_paths(call.recipe.model)
    )
    return replace(call, recipe=recipe)


def with_paths(settings: ModelSettings) -> ModelSettings:
    """`settings` with whole paths, so that the run is understood from any folder."""
    path, _, factory = settings.name.rpartition(":")
    name = f"{Path(path).resolve()}:{factory}" if path.endswith(".py") else settings.name
    return replace(settings, name=name, weights=settings.weights and with_path(settings.weights))


def with_path(weights: str) -> str:
    """A whole path for a file of weights; a published name as it is."""
    return weights if is_published(weights) else str(Path(weights).resolve())


def train(recipe: Recipe, path: Path, console: Console, *, resume: bool, command: Sequence[str]) -> int:
    """Train, printing as it goes; the exit status."""
    with interruptible() as interrupted:
        events = run_recipe(recipe, path, resume=resume, stop=interrupted.is_set, command=command)
        last = follow(events, console, f"[bold]{recipe.name}[/bold] → {path}")
    if isinstance(last, Diverged):
        print(
            f"pellucid: {recipe.name} diverged before step {last.step}: {last.description}", file=sys.stderr
        )
        return 1
    if interrupted.is_set():
        console.print(f"stopped; go on with: pellucid train {command[0]} … --out {path} --resume")
        return 130
    if isinstance(last, Evaluated):
        console.print(
            metrics_table(last.metrics, title=f"{last.split}, with the best weights (step {last.step:,})")
        )
        console.print(f"report: {path / 'report.html'}")
    return 0


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Ctrl-C, or a polite kill, sets the event, so that training can save and stop; a second one interrupts
    at once.
    """
    asked = threading.Event()

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        print("\nstopping after this step; press again to stop at once", file=sys.stderr)

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
