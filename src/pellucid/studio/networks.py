"""The networks that are open, and the pictures they were run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pellucid.data.decode import load_picture
from pellucid.inspection.graph import graph_of
from pellucid.inspection.layer_table import LayerTable, table_of
from pellucid.inspection.looking import Looking
from pellucid.inspection.trace import Trace, trace
from pellucid.models import MODELS
from pellucid.recipes import RECIPES
from pellucid.recipes.opened import OpenedNetwork, open_network
from pellucid.studio.pictures import Picture
from pellucid.studio.store import Store
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.graph import Graph

MEMORY = 4 * 2**30  # bytes that networks may take together
LOOKS = 2 * 2**30  # bytes that kept runs on pictures may take together


@dataclass(frozen=True)
class Network:
    """An open network and its anatomy: a run without values."""

    opened: OpenedNetwork
    trace: Trace
    table: LayerTable
    bytes: int

    def graph(self, opened: Sequence[str] = (), depth: int = 1) -> Graph:
        return graph_of(self.trace, depth=depth, opened=opened)


class Networks:
    """Networks by name. Only names that mean code which is installed, runs in the run folder, and what was
    named on the command line are opened: a file of someone's choosing would run as a program.
    """

    def __init__(
        self, runs: Path, trusted: Sequence[str] = (), weights: str = "", classes: Sequence[str] = ()
    ) -> None:
        """`weights`, and the names of its `classes`, are those of the first trusted network."""
        self._runs, self._trusted = runs.resolve(), tuple(trusted)
        self._weights, self._classes = weights, tuple(classes)
        self._open: Store[str, Network] = Store(MEMORY, lambda network: network.bytes)
        self._looks: Store[tuple[str, str], Looking] = Store(LOOKS, lambda each: each.watched.bytes)

    @property
    def runs(self) -> Path:
        return self._runs

    @property
    def trusted(self) -> tuple[str, ...]:
        return self._trusted

    def run_path(self, name: str) -> Path:
        """The run folder called `name`. Raises `InputError` for a path that leads outside."""
        path = (self._runs / name).resolve()
        if not path.is_relative_to(self._runs) or path == self._runs or not (path / "run.json").exists():
            raise InputError(f"no run is called {name[:80]!r} in the run folder of this studio")
        return path

    def run_names(self) -> list[str]:
        """The runs of the run folder, the newest first."""
        found = [path.parent for path in self._runs.glob("*/run.json")]
        found.sort(key=lambda path: (path / "run.json").stat().st_mtime, reverse=True)
        return [path.name for path in found]

    def __getitem__(self, name: str) -> Network:
        return self._open.get(name, lambda: self._opened(name))

    def _opened(self, name: str) -> Network:
        if name.startswith("run:"):
            return _anatomy(open_network(str(self.run_path(name.removeprefix("run:")))))
        if self._trusted and name == self._trusted[0]:
            return _anatomy(open_network(name, weights=self._weights, classes=self._classes))
        if name in self._trusted:
            return _anatomy(open_network(name))
        ours = name in MODELS or name in RECIPES
        if ".py" in name or not (ours or name.startswith(("torchvision/", "timm/"))):
            raise unknown_name("network", name[:80], [*MODELS, *RECIPES])
        return _anatomy(open_network(name))

    def look(self, name: str, picture: Picture) -> Looking:
        """The network run on the picture, once: what it computed is kept a while."""
        return self._looks.get((name, picture.id), lambda: self._looking(name, picture))

    def _looking(self, name: str, picture: Picture) -> Looking:
        opened = self[name].opened
        seen = load_picture(picture.content, opened.preprocessing)
        return Looking(opened.model, opened.inputs(seen[None]))


def _anatomy(opened: OpenedNetwork) -> Network:
    inputs = [torch.empty(1, *opened.shape, device="meta")]
    found = trace(opened.model, inputs)
    size = sum(each.nbytes for each in (*opened.model.parameters(), *opened.model.buffers()))
    return Network(opened, found, table_of(found, inputs), size)
