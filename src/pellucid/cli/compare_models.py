"""`pellucid compare-models`: what differs in the structure of two networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pellucid.cli.arguments import input_shape, parse
from pellucid.cli.network_trace import trace_network
from pellucid.inspection.cost import parameter_count
from pellucid.inspection.counting import multiply_adds_in
from pellucid.inspection.difference import Difference, Step, compare_structure
from pellucid.inspection.trace import Trace
from pellucid.runs.log import json_text

ABOUT = """Put the structures of two networks side by side: layers and operations that one has and the other
has not, and those that differ.

Example: pellucid compare-models resnet50 se-resnet50
"""


@dataclass(frozen=True)
class Call:
    first: Annotated[str, tyro.conf.Positional]
    """A name of `pellucid list models`, torchvision/NAME, timm/NAME, or path/to/file.py:factory."""
    second: Annotated[str, tyro.conf.Positional]
    """The other network."""
    input: str = "3x224x224"
    """The shape of one input: channels x height x width."""
    outputs: int = 1000
    """How many numbers the networks give."""
    all: bool = False
    """Show what is the same, too."""
    json: bool = False
    """Print everything as JSON."""


@dataclass(frozen=True)
class Built:
    name: str
    parameters: int
    multiply_adds: int
    trace: Trace


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="compare-models", about=ABOUT)
    shape = input_shape(call.input)
    first, second = (_built(name, shape, call.outputs) for name in (call.first, call.second))
    differences = compare_structure(first.trace, second.trace)
    if call.json:
        totals = {
            each.name: {"parameters": each.parameters, "multiply_adds": each.multiply_adds}
            for each in (first, second)
        }
        print(json_text({"totals": totals, "steps": [asdict(each) for each in differences]}, indent=1))
        return 0
    console = Console(soft_wrap=True, highlight=False)
    console.print(_totals(first, second, differences))
    shown = [each for each in differences if call.all or each.change != "same"]
    if shown:
        console.print(_table(shown, first.name, second.name))
    return 0


def _built(name: str, shape: tuple[int, ...], outputs: int) -> Built:
    run = trace_network(name, [shape], outputs=outputs)
    return Built(name, parameter_count(run.calls[0].module), multiply_adds_in(run), run)


def _totals(first: Built, second: Built, differences: Sequence[Difference]) -> Table:
    count = Counter(each.change for each in differences)
    table = Table(box=SIMPLE_HEAD)
    table.add_column("")
    for built in (first, second):
        table.add_column(built.name, justify="right")
    shared, only = count["same"] + count["changed"], (count["removed"], count["added"])
    for name, numbers in (
        ("parameters", (first.parameters, second.parameters)),
        ("multiply-adds", (first.multiply_adds, second.multiply_adds)),
        ("layers and operations", (shared + only[0], shared + only[1])),
        ("the same in both", (count["same"], count["same"])),
        ("changed", (count["changed"], count["changed"])),
        ("only here", only),
    ):
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table


_SIGNS = {"same": " ", "changed": "~", "removed": "-", "added": "+"}
_STYLES = {"same": "", "changed": "yellow", "removed": "red", "added": "green"}


def _table(differences: Sequence[Difference], first: str, second: str) -> Table:
    table = Table(box=SIMPLE_HEAD, caption="~ differs   - only in the first   + only in the second")
    table.add_column("")
    table.add_column(first, overflow="fold")
    table.add_column(second, overflow="fold")
    for each in differences:
        texts = [_text(step, other) for step, other in ((each.first, each.second), (each.second, each.first))]
        table.add_row(_SIGNS[each.change], *texts, style=_STYLES[each.change])
    return table


def _text(step: Step | None, other: Step | None) -> str:
    """What a step is; beside one that stands for it, only what differs."""
    if step is None:
        return ""
    words: list[Any] = [f"[bold]{escape(step.address)}[/bold]", step.kind]
    if other is None or step.settings != other.settings:
        words.append(escape(step.settings))
    if other is None or step.sources != other.sources:
        words.append(f"of {', '.join(step.sources)}")
    if other is None or step.shapes != other.shapes:
        words.append("→ " + ", ".join("×".join(map(str, shape[1:])) for shape in step.shapes))
    return "  ".join(word for word in words if word)
