"""`pellucid inspect`: the layers of a network, what they take, give and cost, and its graph."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pellucid.cli.arguments import input_shape, parse
from pellucid.cli.network_trace import trace_network
from pellucid.inspection.graph import graph_of
from pellucid.inspection.layer_table import Field, LayerTable, Row, Shape, in_short, table_of
from pellucid.inspection.timing import time_calls
from pellucid.inspection.trace import Trace, trace
from pellucid.models.naming import build_model, source_of
from pellucid.recipes.experiment import open_run
from pellucid.recipes.opened import is_run
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
    time: bool = False
    """Measure how long each layer takes, too, on the processor."""
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
    if call.json and call.csv:
        raise InputError("--json and --csv are two forms of one table; give one of them")
    if call.graph is not None and call.graph.suffix not in (".html", ".png", ".json"):
        raise InputError(f"--graph writes a .html, .png or .json file; got {call.graph}")
    name, shapes, outputs = _asked(call)
    inputs = [torch.empty(1, *shape, device="meta") for shape in shapes]
    if call.time:
        model = build_model(name, inputs=shapes[0], outputs=outputs)
        found, seconds = trace(model, inputs), time_calls(model, inputs)
    else:
        found, seconds = trace_network(name, shapes, outputs=outputs), None
    table = table_of(found, inputs, seconds=seconds)
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


def _asked(call: Call) -> tuple[str, list[Shape], int]:
    """The network's name, the shapes of its inputs and the number of its outputs."""
    shapes = [input_shape(text) for text in call.input]
    if not is_run(call.what):
        return call.what, shapes or [(3, 224, 224)], call.outputs
    opened = open_run(Path(call.what))
    name = source_of(opened.recipe.model.name, opened.folder.path)
    return name, shapes or [opened.info.shape], opened.recipe.task.outputs(opened.info)


def _print_csv(rows: Sequence[Row]) -> None:
    names = [each.name for each in fields(Row) if each.name != "field"]
    writer = csv.writer(sys.stdout)
    writer.writerow([*names, "field", "stride", "offset", "status"])
    for row in rows:
        values = [getattr(row, name) for name in names]
        field = row.field or Field((), None, None, "")
        told = (*(in_short(sides or ()) for sides in (field.size, field.stride, field.offset)), field.status)
        writer.writerow([_shapes(each) if isinstance(each, tuple) else each for each in values] + [*told])


_WIDE = 240


def _print_table(table: LayerTable, rows: Sequence[Row], title: str) -> None:
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console = Console(soft_wrap=True, highlight=False, width=_WIDE)  # a file has room
    columns = [(name, cell) for name, cell in _COLUMNS.items() if name != "time" or table.total.seconds]
    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("layer", *(name for name, _ in columns)):
        shown.add_column(name, justify="left" if name in ("layer", "kind") else "right", no_wrap=True)
    for row, name in zip(rows, _names(rows), strict=True):
        shown.add_row(name, *(cell(row) for _, cell in columns))
    console.print(shown)
    total = table.total
    frozen = total.parameters - table.trainable
    console.print(
        f"parameters {total.parameters:,}{f', {frozen:,} of them frozen' if frozen else ''} · "
        f"buffers {table.buffers:,} · multiply-adds {total.multiply_adds:,} "
        f"(biases add {total.bias_additions:,} where they are counted)"
    )
    training = (
        "" if total.training_bytes is None else f" · kept for training {_memory(total.training_bytes) or 0}"
    )
    console.print(
        f"memory for one input: all outputs {_memory(total.forward_bytes) or 0}, "
        f"at once at most {_memory(table.peak_bytes) or 0}{training}"
    )
    for operation, addresses in table.uncounted.items():
        console.print(
            f"not counted, since its multiply-adds are unknown: {operation}, {len(addresses)}×, "
            f"first in {addresses[0] or 'the network itself'}"
        )
    for note in table.notes:
        console.print(f"note: {note}")


def _names(rows: Sequence[Row]) -> Iterator[str]:
    """Of each row what its address adds to that of the row around it."""
    around: list[str] = []
    for row in rows:
        inside, _, operation = row.address.partition(":")
        del around[row.depth :]
        outer = around[-1].partition("#")[0] if around else ""
        own = operation or inside.removeprefix(f"{outer}." if outer else "") or "(network)"
        around.append(inside)
        yield f"{'  ' * row.depth}{own}"


def _offset(row: Row) -> str:
    """Where the centre of the first unit's field lies, of units in a grid."""
    return in_short(row.field.offset or ()) if row.field and str(row.field).find("/") > 0 else ""


_COLUMNS: dict[str, Callable[[Row], str]] = {
    "kind": lambda row: row.kind,
    "input": lambda row: _briefly(row.inputs),
    "output": lambda row: _briefly(row.outputs),
    "parameters": lambda row: "again" if row.again and row.parameters else _count(row.parameters),
    "multiply-adds": lambda row: _count(row.multiply_adds),
    "memory": lambda row: _memory(row.forward_bytes),
    "training": lambda row: _memory(row.training_bytes or 0),
    "field / stride": lambda row: str(row.field or ""),
    "offset": _offset,
    "time": lambda row: "" if row.seconds is None else f"{1000 * row.seconds:.3g} ms",
}


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _shapes(shapes: tuple[Shape, ...]) -> str:
    return ", ".join("×".join(map(str, shape)) or "scalar" for shape in shapes)


_MOST = 3


def _briefly(shapes: tuple[Shape, ...]) -> str:
    """Without the batch of one, where a shape begins with it; the first of many, so that the columns behind
    have room.
    """
    first = _shapes(tuple(shape[1:] if shape[:1] == (1,) else shape for shape in shapes[:_MOST]))
    return f"{first}, … {len(shapes)} in all" if len(shapes) > _MOST else first


def _memory(size: float) -> str:
    if not size:
        return ""
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
