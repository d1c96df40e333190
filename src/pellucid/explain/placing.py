"""Where on a layer's map the picture lies.

An ordinary network's map is taken to cover the picture, whatever borders its convolutions have. A network
that puts the picture on a larger canvas (`blocks.canvas`) has maps of the canvas.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor, nn

from pellucid.blocks.canvas import Canvas
from pellucid.inspection.keeping import Key
from pellucid.inspection.layout import first_values, layouts
from pellucid.inspection.receptive_field import receptive_fields
from pellucid.inspection.trace import Call, Trace, Value, trace
from pellucid.inspection.wrappers import unwrapped

_NOTHING = 1e-6  # of a cell: what rounding leaves


@dataclass(frozen=True)
class Along:
    """Along one side of a map of `cells`: the picture is `length` cells long and begins `start` cells from
    the map's edge; less than 0, where the map does not reach the picture's.
    """

    cells: int
    start: float
    length: float

    def cut(self, maps: Tensor, dimension: int) -> Tensor:
        """The part over the picture, in cells of its own, as few as are not coarser than the map's. Linear
        between the centres of the map's cells; beyond the map it goes on as at its edge.
        """
        if max(abs(self.start), abs(self.length - self.cells)) < _NOTHING:
            return maps
        count = max(1, ceil(self.length - _NOTHING))
        own = torch.arange(count, dtype=torch.float64, device="cpu")
        at = (self.start + (own + 0.5) * self.length / count - 0.5).clamp(0, self.cells - 1)
        before = at.floor().long()
        after = (before + 1).clamp(max=self.cells - 1)
        shape = [-1 if each == dimension % maps.ndim else 1 for each in range(maps.ndim)]
        share = (at - before).to(maps).reshape(shape)
        first, second = (maps.index_select(dimension, each.to(maps.device)) for each in (before, after))
        return first.lerp(second, share)


@dataclass(frozen=True)
class Frame:
    """The picture on a map."""

    rows: Along
    columns: Along

    @property
    def area(self) -> float:
        """How many of the map's cells are as large as the picture."""
        return self.rows.length * self.columns.length

    def cut(self, maps: Tensor) -> Tensor:
        """Of maps (…, h, w) the part over the picture."""
        return self.columns.cut(self.rows.cut(maps, -2), -1)


def frames_of(model: nn.Module, inputs: Tensor) -> dict[Key, Frame]:
    """`frames` of a network, which is traced only if it has a canvas."""
    inner = unwrapped(model)
    has_canvas = any(isinstance(each, Canvas) for each in inner.modules())
    return frames(trace(inner, [inputs[:1]])) if has_canvas else {}


def frames(watched: Trace) -> dict[Key, Frame]:
    """Of each layer and operation whose map lies over a canvas, where the picture is on it, by the keys of
    `capture`; none in a network without a canvas.
    """
    found: dict[Key, Frame] = {}
    for canvas in watched.calls:
        if isinstance(canvas.module, Canvas) and canvas.parent is not None:
            holder = watched.calls[canvas.parent]
            made = {
                value
                for operation in watched.operations[canvas.stop : holder.stop]
                for value in operation.outputs
            } - {*holder.outputs}
            over = {*made, *canvas.outputs} if canvas.start < canvas.stop else made
            found |= _placed(watched, canvas, over)
    return found


def _placed(watched: Trace, canvas: Call, over: set[Value]) -> dict[Key, Frame]:
    fields = receptive_fields(watched, of=canvas.outputs[0])
    of, found = layouts(watched), dict[Key, Frame]()
    for key, value in first_values(watched).items():
        grid = of[value].grid if value in of else ()
        if value in over and len(grid) == 2:
            stride = fields[value].stride or (0.0, 0.0)
            rows, columns = (
                _along(canvas, side, cells, cell)
                for side, cells, cell in zip((-2, -1), grid, stride, strict=True)
            )
            found[key] = Frame(rows, columns)
    return found


def _along(canvas: Call, side: int, cells: int, stride: float) -> Along:
    """A map's cells are as far apart on the canvas as the fields of its units. What convolutions without
    borders lost, they lost on both sides alike, so the map lies in the middle. Where the fields lie on no
    grid, as behind an unpooling, the map covers the canvas.
    """
    assert isinstance(canvas.module, Canvas)
    picture, whole = canvas.inputs[0].shape[side], canvas.outputs[0].shape[side]
    cell = stride or whole / cells
    before = (whole - cells * cell) / 2
    return Along(cells, (canvas.module.border - before) / cell, picture / cell)
