"""The networks that are open, and what they said of a picture when they last ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import torch
from torch import Tensor

from pellucid.data.decode import load_picture
from pellucid.inspection.capture import capture
from pellucid.inspection.graph import graph_of
from pellucid.inspection.layer_table import LayerTable, table_of
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.trace import Trace, trace
from pellucid.models import MODELS
from pellucid.recipes import RECIPES
from pellucid.recipes.opened import OpenedNetwork, open_network
from pellucid.studio.pictures import Picture
from pellucid.studio.store import Store
from pellucid.types.batch import leaves
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.graph import Graph

MEMORY = 4 * 2**30  # bytes that networks may take together
PASSES = 2 * 2**30  # bytes that kept passes may take together


@dataclass(frozen=True)
class Network:
    """An open network and its anatomy: a run without values."""

    opened: OpenedNetwork
    trace: Trace
    table: LayerTable
    bytes: int
    lock: Lock

    def graph(self, opened: Sequence[str] = (), depth: int = 1) -> Graph:
        return graph_of(self.trace, depth=depth, opened=opened)


@dataclass(frozen=True)
class Pass:
    """One run on one picture: what each module call gave, by its address, and the first output (1, …)."""

    outputs: dict[str, Tensor]
    output: Tensor
    bytes: int


class Networks:
    """Networks by name. Only names that mean code which is installed, runs in the run folder, and what was
    named on the command line are opened: a file of someone's choosing would run as a program.
    """

    def __init__(self, runs: Path, trusted: Sequence[str] = (), weights: str = "") -> None:
        self._runs, self._trusted, self._weights = runs.resolve(), tuple(trusted), weights
        self._open: Store[str, Network] = Store(MEMORY, lambda network: network.bytes)
        self._passes: Store[tuple[str, str], Pass] = Store(PASSES, lambda each: each.bytes)

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
        if name in self._trusted:
            return _anatomy(open_network(name, weights=self._weights))
        ours = name in MODELS or name in RECIPES
        if ".py" in name or not (ours or name.startswith(("torchvision/", "timm/"))):
            raise unknown_name("network", name[:80], [*MODELS, *RECIPES])
        return _anatomy(open_network(name))

    def run_on(self, name: str, picture: Picture) -> Pass:
        """What the network gives for the picture, computed once and kept a while."""
        return self._passes.get((name, picture.id), lambda: _run(self[name], picture))


def _anatomy(opened: OpenedNetwork) -> Network:
    inputs = [torch.empty(1, *opened.shape, device="meta")]
    found = trace(opened.model, inputs)
    size = sum(each.nbytes for each in (*opened.model.parameters(), *opened.model.buffers()))
    return Network(opened, found, table_of(found, inputs), size, Lock())


def _run(network: Network, picture: Picture) -> Pass:
    model = network.opened.model
    inputs = network.opened.inputs(load_picture(picture.content, network.opened.preprocessing)[None])
    everything: Callable[..., bool] = lambda name, module: True  # noqa: E731
    with evaluation_mode(model), torch.inference_mode(), capture(model, everything) as seen:
        output = model(inputs)
    outputs = {
        f"{name}#{call}" if call else name: tensors[0]
        for (name, call), tree in seen.outputs.items()
        if (tensors := leaves(Tensor, tree))
    }
    outputs[":input"] = inputs
    size = sum(each.nbytes for each in outputs.values())
    return Pass(outputs, leaves(Tensor, output)[0].float(), size)
