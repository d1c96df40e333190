"""The space of codes of an autoencoder's run, and planes through it, for a page that decodes as one moves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.inspection.latent import Plane, linear_walk, spherical_walk
from pellucid.recipes.coder import open_coder
from pellucid.runs.folder import RunFolder
from pellucid.studies.latent import Space, two_kinds
from pellucid.studio.networks import Networks
from pellucid.studio.schemas.generation import CodedInfo, SpaceInfo, SpaceName, WalkPath
from pellucid.types.errors import InputError
from pellucid.views.colours import class_colours, hex_colour
from pellucid.views.raster import png

MOST = 5000  # pictures whose codes are looked at
FARTHEST = 1e3  # from the middle, that something is decoded at
GRID, STEPS = 24, 25  # pictures of a grid's side, and of a walk, at most


@dataclass(frozen=True, eq=False)
class Opened:
    """A run's space with its planes, which are kept."""

    run: str
    space: Space
    _planes: dict[str, Plane] = field(default_factory=dict)

    def plane(self, axes: str) -> Plane:
        """ "" and "pca": the principal one, of two numbers the code itself; "3,7": those numbers. Raises
        `InputError` for others.
        """
        axes = axes or ("0,1" if self.space.codes.shape[1] == 2 else "pca")
        found = self._planes.get(axes)
        if found is None:
            found = self._planes[axes] = self._plane(axes)
        return found

    def _plane(self, axes: str) -> Plane:
        if axes == "pca":
            return Plane.principal(self.space.codes)
        if not re.fullmatch(r"[0-9]{1,6},[0-9]{1,6}", axes):
            raise InputError(f"a plane is pca, or two numbers of the code as in 3,7; got {axes[:40]!r}")
        across, along = map(int, axes.split(","))
        return Plane.of_numbers(self.space.codes, (across, along), prior=self.space.coder.variational)


def open_space(networks: Networks, run: str) -> Opened:
    """Raises `InputError` for a run that is not there, or no autoencoder's."""
    coder, data = open_coder(str(networks.run_path(run)))
    return Opened(run, Space.of(coder, data, most=MOST))


def space_names(networks: Networks) -> Iterator[SpaceName]:
    """The runs of autoencoders, the newest first."""
    for name in networks.run_names():
        about = RunFolder.open(networks.run_path(name)).describe()
        if about["recipe"]["task"].get("kind") == "autoencoding":
            yield SpaceName(run=name, model=about["recipe"]["model"]["name"], data=about["data"]["name"])


def space_info(opened: Opened, axes: str) -> SpaceInfo:
    space, plane = opened.space, opened.plane(axes)
    codes, coder = space.codes, space.coder
    names = space.classes
    ends = space.found.indices[list(two_kinds(space))].tolist()
    height, width = coder.info.shape[-2:]
    return SpaceInfo(
        run=opened.run,
        data=space.name,
        count=len(codes),
        code=codes.shape[1],
        variational=coder.variational,
        conditions=bool(coder.model.conditions),
        classes=list(names),
        colours=[hex_colour(each) for each in class_colours(1 + max(1, len(names)))[1:]],
        words=plane.words,
        axes=list(plane.names),
        varying=codes.var(0).argsort(descending=True).tolist(),
        size=[height, width],
        ends=ends,
        command=f"pellucid latent {opened.run} --walk {ends[0]} {ends[1]}",
    )


def points_of(opened: Opened, axes: str) -> NDArray[np.float32]:
    """(n, 4): x, y, class (−1 without one), number of the sample in its split."""
    found = opened.space.found
    places = opened.plane(axes).places(found.codes)
    rest = torch.stack([found.labels, found.indices], 1).float()
    return torch.cat([places, rest], 1).numpy()


def coded_info(opened: Opened, axes: str, sample: int) -> CodedInfo:
    row, found = opened.space.row(sample), opened.space.found
    return CodedInfo(
        index=sample,
        label=int(found.labels[row]),
        error=float(found.errors[row]),
        code=[round(value, 5) for value in found.codes[row].tolist()],
        place=opened.plane(axes).places(found.codes[row : row + 1])[0].tolist(),
    )


def decoded_at(opened: Opened, axes: str, places: Tensor, label: int | None) -> NDArray[np.uint8]:
    """(n, h, w, 3) of places (n, 2) on a plane. Raises `InputError` for what is not a place."""
    if not (places.isfinite().all() and float(places.abs().max()) <= FARTHEST):
        raise InputError(f"a place is within ±{FARTHEST:g} of the plane's middle")
    return _decoded(opened, opened.plane(axes).codes(places), label)


def _decoded(opened: Opened, codes: Tensor, label: int | None) -> NDArray[np.uint8]:
    classes = opened.space.classes
    if opened.space.coder.model.conditions and not (label is not None and 0 <= label < len(classes)):
        raise InputError(
            f"this network is told the class of what it decodes, from 0 to {len(classes) - 1}; got {label}"
        )
    return opened.space.coder.decode(codes, label)


def grid_of(opened: Opened, axes: str, box: tuple[float, float, float, float], side: int) -> Tensor:
    """(side², 2): the middles of the fields into which `box` (left, right, low, high) is divided, in rows
    from the top.
    """
    left, right, low, high = box
    if not (left < right and low < high and 2 <= side <= GRID):
        raise InputError(
            f"a grid has 2 to {GRID} pictures a side in a box of left, right, low, high; got {side} and {box}"
        )
    shares = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(high + (low - high) * shares, left + (right - left) * shares, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


def walk_codes(opened: Opened, ends: tuple[int, int], way: str, steps: int) -> Tensor:
    """(steps, k) from the one sample's code to the other's. Raises `InputError` as the walks do."""
    if not 2 <= steps <= STEPS:
        raise InputError(f"a walk has 2 to {STEPS} steps here; got {steps}")
    start, end = (opened.space.codes[opened.space.row(each)] for each in ends)
    return (spherical_walk if way == "spherical" else linear_walk)(start, end, steps)


def walk_path(opened: Opened, axes: str, ends: tuple[int, int], steps: int) -> WalkPath:
    """Both walks as they fall on the plane; a `note` says why there is no spherical one."""
    plane, note, found = opened.plane(axes), "", dict[str, list[float]]()
    for way in ("linear", "spherical"):
        try:
            found[way] = plane.places(walk_codes(opened, ends, way, steps)).flatten().tolist()
        except InputError as error:
            if way == "linear":
                raise
            found[way], note = [], str(error)
    return WalkPath(linear=found["linear"], spherical=found["spherical"], note=note)


def walk_strip(
    opened: Opened, ends: tuple[int, int], way: str, steps: int, label: int | None
) -> NDArray[np.uint8]:
    """(steps, h, w, 3)."""
    if label is None and opened.space.coder.model.conditions:
        label = int(opened.space.found.labels[opened.space.row(ends[0])])
    return _decoded(opened, walk_codes(opened, ends, way, steps), label)


def there_and_back(opened: Opened, sample: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The picture of a sample, and what its code gives back, (h, w, 3) each."""
    row, space = opened.space.row(sample), opened.space
    label = int(space.found.labels[row])
    made = _decoded(opened, space.codes[row : row + 1], label if label >= 0 else None)[0]
    return space.pictures(torch.tensor([row]))[0], made


def sheet(pictures: NDArray[np.uint8], columns: int) -> bytes:
    """Pictures (n, h, w, 3) beside one another, `columns` a row, as one PNG without gaps."""
    count, height, width, _ = pictures.shape
    rows = count // columns
    tiles = pictures[: rows * columns].reshape(rows, columns, height, width, 3)
    return png(tiles.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3))
