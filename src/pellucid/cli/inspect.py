"""`pellucid inspect`: the layers of a network, what they take, give and cost, and its graph."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import nn

from pellucid.cli.arguments import parse
from pellucid.inspection.graph import graph_of
from pellucid.inspection.layer_table import LayerTable, Row, Shape, layer_table
from pellucid.inspection.trace import Trace, trace
from pellucid.models.naming import build_model, source_of
from pellucid.recipes.experiment import open_run
from pellucid.runs.atomic import write_file
from pellucid.runs.log import json_text
from pellucid.types.errors import InputError
from pellucid.views.graph import graph_figure

ABOUT = """Show a network's layers: shapes, weights, multiply-adds and memory, without computing anything.

Example: pellucid inspect resnet50 --depth 2

Example: pellucid inspect timm/convnext_tiny --input 3x288x288 --graph convnext.html
"""


@dataclass(frozen=True)
class Call:
    what: Annotated[str, tyro.conf.Positional]
    """A name of `pellucid list models`, torchvision/NAME, timm/NAME, path/to/file.py:factory, or a run."""
    input: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """The shape of one input, 3x224x224 by default; once for each input that the network takes."""
    outputs: int = 1000
    """How many numbers the network gives; of a run, as many as it was trained for."""
    depth: int | None = None
    """Show modules down to this level only; deeper ones are counted in those around them."""
    graph: Path | None = None
    """Draw the graph, folded at --depth, into this file: .html, .png or .json."""
    json: bool = False
    """Print the table as JSON."""
    csv: bool = False
    """Print the table as comma-separated values."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="inspect", about=ABOUT)
    if call.depth is not None and call.depth < 0:
        raise InputError(f"--depth must be 0 or more, got {call.depth}")
    if call.graph is not None and call.graph.suffix not in (".html", ".png", ".json"):
        raise InputError(f"--graph writes a .html, .png or .json file; got {call.graph}")
    model, shapes = _network(call)
    found = trace(model, [torch.empty(1, *shape, device="meta") for shape in shapes])
    table = layer_table(model, found)
    rows = [row for row in table.rows if call.depth is None or row.depth <= call.depth]
    if call.json:
        print(json_text({**table.to_dict(), "rows": [asdict(row) for row in rows]}, indent=1))
    elif call.csv:
        _print_csv(rows)
    else:
        _print_table(table, rows, f"{call.what}, one input of {_shapes(tuple(shapes))}")
    if call.graph is not None:
        _write_graph(found, call.graph, call.depth)
    return 0


def _network(call: Call) -> tuple[nn.Module, list[Shape]]:
    """The network without values where it can be built so, and the shapes of its inputs."""
    shapes = [_shape(text) for text in call.input]
    if (Path(call.what) / "run.json").exists():
        opened = open_run(Path(call.what))
        name = source_of(opened.recipe.model.name, opened.folder.path)
        shapes = shapes or [opened.info.shape]
        outputs = opened.recipe.task.outputs(opened.info)
    else:
        name, outputs = call.what, call.outputs
        shapes = shapes or [(3, 224, 224)]
    try:
        with torch.device("meta"):
            model = build_model(name, inputs=shapes[0], outputs=outputs)
    except (NotImplementedError, RuntimeError):  # it looks at values while it is built
        model = build_model(name, inputs=shapes[0], outputs=outputs)
    return model, shapes


def _shape(text: str) -> Shape:
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", text.lower()):
        raise InputError(f"--input is sizes joined by x, 3x224x224 say; got {text!r}")
    return tuple(int(part) for part in text.lower().split("x"))


def _print_csv(rows: Sequence[Row]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(
        ("address", "kind", "depth", "inputs", "outputs", "parameters", "again", "multiply-adds", "bytes")
    )
    for row in rows:
        writer.writerow(
            (
                row.address,
                row.kind,
                row.depth,
                _shapes(row.inputs),
                _shapes(row.outputs),
                row.parameters,
                int(row.again),
                row.multiply_adds,
                row.bytes,
            )
        )


_WIDE = 240


def _print_table(table: LayerTable, rows: Sequence[Row], title: str) -> None:
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console = Console(soft_wrap=True, highlight=False, width=_WIDE)  # a file has room
    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    shown.add_column("layer", no_wrap=True)
    shown.add_column("kind", no_wrap=True)
    for name in ("input", "output", "parameters", "multiply-adds", "memory"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        shown.add_row(
            f"{'  ' * row.depth}{row.address.rpartition('.')[2] or '(network)'}",
            row.kind,
            _shapes(tuple(shape[1:] for shape in row.inputs)),
            _shapes(tuple(shape[1:] for shape in row.outputs)),
            "again" if row.again and row.parameters else f"{row.parameters:,}" if row.parameters else "",
            f"{row.multiply_adds:,}" if row.multiply_adds else "",
            _memory(row.bytes) if row.bytes else "",
        )
    console.print(shown)
    frozen = table.parameters - table.trainable
    console.print(
        f"parameters {table.parameters:,}{f', {frozen:,} of them frozen' if frozen else ''} · "
        f"buffers {table.buffers:,} · multiply-adds {table.multiply_adds:,} · "
        f"all outputs together {_memory(table.forward_bytes)}"
    )
    if table.uncounted:
        names = ", ".join(f"{name} ({count}×)" for name, count in table.uncounted.items())
        console.print(f"not counted, since their multiply-adds are unknown: {names}")
    if table.note:
        console.print(f"run {table.note}")


def _shapes(shapes: tuple[Shape, ...]) -> str:
    return ", ".join("×".join(map(str, shape)) or "scalar" for shape in shapes)


def _memory(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"


def _write_graph(found: Trace, path: Path, depth: int | None) -> None:
    graph = graph_of(found, depth=depth)
    match path.suffix:
        case ".json":
            write_file(path, json_text(graph.to_dict(), indent=1))
        case ".html":
            write_file(path, graph_figure(graph).to_html())
        case ".png":
            write_file(path, graph_figure(graph)._repr_png_())
    print(f"graph: {path}", file=sys.stderr)
