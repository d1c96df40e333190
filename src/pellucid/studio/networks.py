"""The networks that are open, and the pictures they were run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from pellucid.data.decode import load_picture
from pellucid.inspection.graph import graph_of
from pellucid.inspection.layer_table import LayerTable, Row, table_of
from pellucid.inspection.layout import layouts
from pellucid.inspection.looking import Looking
from pellucid.inspection.receptive_field import ReceptiveField, receptive_fields
from pellucid.inspection.trace import Trace, Value, trace
from pellucid.models import MODELS
from pellucid.recipes import RECIPES
from pellucid.recipes.opened import OpenedNetwork, open_network
from pellucid.studio.maps import Maps, gradients_of, maps_of
from pellucid.studio.pictures import Picture
from pellucid.studio.store import Store
from pellucid.types.address import Address
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.graph import Graph

MEMORY = 4 * 2**30  # bytes that networks may take together
LOOKS = 2 * 2**30  # bytes that kept runs on pictures may take together
GRADIENTS = 256 * 2**20  # bytes that kept gradients may take together


@dataclass(frozen=True)
class Network:
    """An open network and its anatomy: a run without values."""

    opened: OpenedNetwork
    trace: Trace
    table: LayerTable
    bytes: int

    @cached_property
    def _rows(self) -> Mapping[str, Row]:
        return {row.address: row for row in self.table.rows}

    @cached_property
    def _values(self) -> Mapping[str, Value]:
        """What is given at each address, of several tensors the first."""
        found = {call.address: call.outputs[0] for call in self.trace.calls if call.outputs}
        operations = zip(self.trace.addresses, self.trace.operations, strict=True)
        return found | {address: each.outputs[0] for address, each in operations if each.outputs}

    @cached_property
    def _fields(self) -> Mapping[Value, ReceptiveField]:
        return receptive_fields(self.trace)

    @cached_property
    def tokens(self) -> frozenset[str]:
        """The addresses where tokens lie on a grid, and so are maps as well."""
        if all(len(value.shape) != 3 for value in self._values.values()):
            return frozenset()
        laid_out = layouts(self.trace)
        found = {address: laid_out.get(value) for address, value in self._values.items()}
        return frozenset(address for address, each in found.items() if each and len(each.grid) == 2)

    def row(self, address: str) -> Row:
        """Of the layer table. Raises `InputError` for what has no row."""
        if address not in self._rows:
            raise unknown_name("layer or operation", address[:120], [*self._rows])
        return self._rows[address]

    def window(self, address: str) -> list[int]:
        """What the middle unit sees of the picture: (top, left, bottom, right); empty where units have no
        place in it, or see nothing.
        """
        value = self._values.get(address)
        field = None if value is None else self._fields.get(value)
        if value is None or field is None or len(field.dims) != 2 or field.status == "nothing":
            return []
        return list(field.window(*(value.shape[dim] // 2 for dim in field.dims), clipped=True))

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
        self._gradients: Store[tuple[str, str, str], Maps] = Store(GRADIENTS, lambda each: each.nbytes)
        self._looks: Store[tuple[str, str], Looking] = Store(LOOKS, lambda each: each.watched.bytes)

    @property
    def runs(self) -> Path:
        return self._runs

    @property
    def trusted(self) -> tuple[str, ...]:
        return self._trusted

    def weights_of(self, name: str) -> str:
        """The weights that were named for a network on the command line; "" for none."""
        return self._weights if self._trusted and name == self._trusted[0] else ""

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

    def maps(self, name: str, picture: Picture, address: str, of: str) -> Maps:
        """What a layer gave, or with `of` "gradient" how the likeliest output changes with it."""
        looking = self.look(name, picture)
        if of != "gradient":
            return maps_of(looking, address)
        whole = str(Address.parse(address).whole)
        return self._gradients.get((name, picture.id, whole), lambda: gradients_of(looking, whole))

    def _looking(self, name: str, picture: Picture) -> Looking:
        opened = self[name].opened
        seen = load_picture(picture.content, opened.preprocessing)
        return Looking(opened.model, opened.inputs(seen[None]))


def _anatomy(opened: OpenedNetwork) -> Network:
    inputs = [torch.empty(1, *opened.shape, device="meta")]
    found = trace(opened.model, inputs)
    size = sum(each.nbytes for each in (*opened.model.parameters(), *opened.model.buffers()))
    return Network(opened, found, table_of(found, inputs), size)
