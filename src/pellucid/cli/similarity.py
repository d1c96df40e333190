"""`pellucid similarity`: how alike layers represent pictures, in one network or in two."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from rich.console import Console

from pellucid.cli.arguments import parse
from pellucid.cli.figures import check_out, write_figure
from pellucid.cli.run_or_network import class_names, tell
from pellucid.cli.tables import contents_table
from pellucid.data.loading import Pipeline, evaluation_batches
from pellucid.data.source import Data
from pellucid.data.subset import spread
from pellucid.inspection.features import feature_layers
from pellucid.inspection.similarity import Side, Similarity, compare_layers
from pellucid.models.weights import load_state
from pellucid.recipes.opened import OpenedNetwork, is_run, open_network, open_seen
from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.folder import RunFolder
from pellucid.runs.log import json_text
from pellucid.types.errors import InputError
from pellucid.views.contents import Table
from pellucid.views.similarity import similarity_matrix

ABOUT = """How alike layers represent pictures (linear CKA: 1 is the same but for turning, mirroring and
scaling): those of one network with one another, or with another network's.

Example: pellucid similarity runs/digits-lenet5

Example: pellucid similarity runs/digits-lenet5 runs/digits-mlp --data digits

Example: pellucid similarity runs/shapes-resnet runs/shapes-resnet --other-checkpoint last
"""
_BATCH = 64


@dataclass(frozen=True)
class Call:
    what: Annotated[str, tyro.conf.Positional]
    """A run folder, or the name of a recipe or network."""
    other: Annotated[str, tyro.conf.Positional] = ""
    """Another one to compare it with; by default itself."""
    weights: str = ""
    """For a recipe or network: a file of weights, or published ones by name, torchvision/NAME[.WEIGHTS] or
    timm/NAME[.TAG].
    """
    other_weights: str = ""
    """The same for the other one."""
    classes: Path | None = None
    """A file with the names of the classes of weights that do not say them, one a line."""
    checkpoint: Literal["best", "last"] = "best"
    """Which weights of a run."""
    other_checkpoint: Literal["best", "last"] = "best"
    """Which weights of the other run."""
    data: str = ""
    """A path or a name of `pellucid list datasets`; by default the first run's own."""
    split: str = "test"
    """Which split of the data."""
    most: int = 1000
    """At most so many samples, spread evenly over the split."""
    layers: tuple[str, ...] = ()
    """Which layers, by their names in `pellucid inspect`; by default as deep inside as leaves some 30."""
    other_layers: tuple[str, ...] = ()
    """Which layers of the other one."""
    out: Path = Path("similarity.png")
    """What to write: a picture (.png), a page (.html) or the figure's data (.json); one that is there is
    replaced.
    """
    json: bool = False
    """Print all numbers as JSON."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="similarity", about=ABOUT)
    check_out(call.out)
    one = _open(call.what, call.weights, call.classes, call.checkpoint)
    mine = open_seen(one, call.data)
    first = _side(one, mine, call, call.layers)
    second = None
    if call.other:
        two = _open(call.other, call.other_weights, call.classes, call.other_checkpoint)
        theirs = open_seen(two if call.data else replace(two, data=one.data), call.data)
        second = _side(two, theirs, call, call.other_layers)
    found = compare_layers(first, second)
    if call.json:
        print(json_text({**vars(found), "values": found.values.tolist()}, indent=1))
    else:
        Console(soft_wrap=True, highlight=False).print(
            contents_table(_most_alike(found, bool(call.other)), title="the most alike of each layer")
        )
    caption = (
        f"Linear CKA, {found.method}, on {found.samples:,} pictures of {mine.info.name}, {call.split}. "
        "1: the same but for turning, mirroring and scaling; maps are averaged over their places."
    )
    titles = f"{call.what} ({call.checkpoint})", f"{call.other or call.what} ({call.other_checkpoint})"
    rows, columns = titles if call.other else ("layer", "layer")
    figure = similarity_matrix(
        found.values, found.rows, found.columns, row_title=rows, column_title=columns, caption=caption
    )
    write_figure(figure, call.out)
    print(f"matrix: {call.out}", file=sys.stderr)
    return 0


def _open(
    what: str, weights: str, classes: Path | None, checkpoint: Literal["best", "last"]
) -> OpenedNetwork:
    if not is_run(what):
        return tell(open_network(what, weights=weights, classes=class_names(classes)))
    if weights:
        raise InputError(f"{what} is a run and has its own weights; leave --weights and --other-weights out")
    network = open_network(what)
    if checkpoint == "last":
        found, _ = checkpoints.load_newest(RunFolder.open(Path(what)).checkpoints, "last")
        if found is None:
            raise InputError(f"{what} has no whole checkpoint called last")
        load_state(network.model, found.weights, what)
    return network


def _side(network: OpenedNetwork, data: Data, call: Call, layers: Sequence[str]) -> Side:
    source, pipeline = spread(data, call.split, call.most), Pipeline(network.preprocessing)
    first = next(evaluation_batches(source, 2, pipeline, "cpu", workers=0))
    chosen = tuple(layers) or feature_layers(network.model, first.inputs)
    return Side(network.model, chosen, evaluation_batches(source, _BATCH, pipeline, "cpu", workers=0))


def _most_alike(found: Similarity, two: bool) -> Table:
    """For each layer the one that is most like it: another one where a network is compared with itself."""
    rows = []
    for at, name in enumerate(found.rows):
        values = found.values[at].copy()
        if not two:
            values[at] = -np.inf
        if np.isfinite(values).any():
            best = int(np.nanargmax(values))
            rows.append((name, found.columns[best], f"{values[best]:.3f}"))
        else:
            rows.append((name, "–", "says the same of every picture"))
    return Table(("layer", "most like", "CKA"), tuple(rows))
