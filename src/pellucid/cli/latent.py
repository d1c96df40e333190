"""`pellucid latent`: a walk through an autoencoder's space of codes, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pellucid.cli.arguments import parse
from pellucid.data.opening import data_at
from pellucid.data.settings import DataSettings
from pellucid.recipes.coder import open_coder, open_like
from pellucid.recipes.general import find_recipe
from pellucid.runs.atomic import write_file
from pellucid.studies.latent import Space, Tour, anomalies, tour
from pellucid.types.errors import InputError
from pellucid.views.page import Page

ABOUT = """Walk through an autoencoder's space of codes: a map of a data set, walks between two pictures, a
plane of decoded codes, the vector from one class to another, samples, and pictures that do not belong.

Example: pellucid latent runs/mnist-vae --walk 3 7 --classes 4 9 --anomalies photos/
"""


@dataclass(frozen=True)
class Call:
    what: Annotated[str, tyro.conf.Positional]
    """A run folder, or the name of a recipe."""
    weights: str = ""
    """For a recipe: a file of weights."""
    data: str = ""
    """A path or a name of `pellucid list datasets`; by default the run's own."""
    split: str = "test"
    """Which split of the data."""
    most: int = 2000
    """At most so many samples, spread evenly over the split."""
    walk: tuple[int, int] | None = None
    """Two samples, by their number in the split, to walk between; by default two of different classes."""
    numbers: tuple[int, int] | None = None
    """Two numbers of the code, counted from 0, that span the plane; by default those that vary most."""
    classes: tuple[str, str] | None = None
    """From which class to which the attribute vector goes; by default the first two."""
    anomalies: str = ""
    """Other data, a path or a name, whose pictures do not belong: how well does the error tell?"""
    method: Literal["pca", "tsne", "umap"] = "pca"
    """How a code becomes two numbers for the map."""
    seed: int = 0
    """Decides which samples are drawn from the prior, and what t-SNE and UMAP draw."""
    out: Path = Path("latent.html")
    """The page to write; one that is there is replaced."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="latent", about=ABOUT)
    if call.out.suffix != ".html":
        raise InputError(f"--out writes a page, .html; got {call.out}")
    coder, data = open_coder(call.what, weights=call.weights, data=_data(call))
    space = Space.of(coder, data, split=call.split, most=call.most)
    wished = Tour(call.walk, call.numbers, call.classes, call.method, call.seed)
    sections = tour(space, wished)
    if call.anomalies:
        others = open_like(coder, data_at(DataSettings(), call.anomalies))
        found = anomalies(space, Space.of(coder, others, split="test", most=call.most))
        sections.append(found.section())
        print(f"anomalies: {others.info.name}, area under the ROC {found.roc.area:.4f}")
    subtitle = f"A code of {coder.model.code} numbers, on {data.info.name}, {call.split}"
    write_file(call.out, Page(f"The latent space of {call.what}", subtitle, tuple(sections)).to_html())
    print(f"latent space: {call.out}")
    return 0


def _data(call: Call) -> DataSettings | None:
    """What was asked for, None for the network's own."""
    if not call.data:
        return None
    if (Path(call.what) / "run.json").exists():
        return data_at(DataSettings(), call.data)
    return data_at(find_recipe(call.what).data, call.data)
