"""`pellucid health`: what is wrong inside a network that was trained, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from pellucid.cli.arguments import parse
from pellucid.cli.tables import contents_table
from pellucid.inspection.health import by_player, diagnose, relative_gradients
from pellucid.runs.folder import RunFolder
from pellucid.runs.log import json_text
from pellucid.runs.recordings import read_recordings
from pellucid.types.errors import InputError
from pellucid.types.recording import LayerStatistics, Recording
from pellucid.views.axes import number, percent
from pellucid.views.contents import Table

ABOUT = """What is wrong inside a network that was trained, or is being trained: gradients that vanish or
explode, dead and saturated units, a fading signal; which layers, how much, and what usually helps. The exit
status is 1 where something is.

Example: pellucid health runs/digits-lenet5
"""


@dataclass(frozen=True)
class Call:
    run: Annotated[Path, tyro.conf.Positional]
    """A run folder."""
    json: bool = False
    """Print as JSON."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="health", about=ABOUT)
    recordings = read_recordings(RunFolder.open(call.run).recordings)
    if not recordings:
        raise InputError(f"{call.run} has no recordings; train with --recorder.probes above 0")
    found = diagnose(recordings)
    if call.json:
        layers = [asdict(layer) for layer in recordings[-1].layers]
        report = {"step": recordings[-1].step, "findings": [asdict(each) for each in found], "layers": layers}
        print(json_text(report, indent=1))
        return 1 if found else 0
    console = Console(soft_wrap=True, highlight=False)
    console.print(contents_table(_table(recordings[-1]), title=f"{call.run}, step {recordings[-1].step:,}"))
    for each in found:
        since = f"since step {each.since:,}" if each.since < each.step else f"at step {each.step:,}"
        console.print(f"[bold red]{each.kind}[/] {since}: ", end="")
        console.print(f"{each}.", markup=False)
    if not found:
        console.print("nothing is wrong that the recordings show")
    return 1 if found else 0


def _table(recording: Recording) -> Table:
    """A row for each layer, numbers as words."""
    rows = tuple(row for layers in by_player(recording.layers) for row in _rows(layers))
    columns = ("layer", "kind", "gradient", "of the last", "activations", "dead", "saturated")
    return Table(columns, rows)


def _rows(layers: Sequence[LayerStatistics]) -> Iterator[tuple[str | None, ...]]:
    """Of one player's layers, whose gradients compare."""
    flow = relative_gradients(layers)
    last = next(reversed(flow.values()), 0.0)
    for layer in layers:
        yield (
            layer.name,
            layer.kind,
            _shown(layer.gradient_norm),
            _shown(flow[layer.name] / last) if layer.name in flow and last else None,
            _shown(layer.activation_std),
            None if layer.dead is None else percent(layer.dead),
            None if layer.saturated is None else percent(layer.saturated),
        )


def _shown(value: float | None) -> str | None:
    return None if value is None else number(value, 3)
