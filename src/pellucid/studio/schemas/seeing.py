"""Networks, layers and units, as types: the front end's are generated from these."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class PictureInfo(BaseModel):
    id: str
    name: str
    width: int
    height: int


class Session(BaseModel):
    """What there is when the studio opens. `network` and `picture` are what to begin with."""

    version: str
    networks: list[str]
    runs: list[str]
    models: list[str]
    recipes: list[str]
    pictures: list[PictureInfo]


class NetworkInfo(BaseModel):
    """`shape` is one input's (channels, height, width); `classes` of its outputs, empty where unnamed."""

    name: str
    kind: str
    shape: list[int]
    classes: list[str]
    notes: list[str]
    parameters: int
    multiply_adds: int
    layers: int


class NodeInfo(BaseModel):
    """`box` is x0, y0, x1, y1 in the graph's own pixels; `group` the opened module around it; `opens` whether
    it is a module with parts to be seen.
    """

    address: str
    label: str
    kind: str
    role: Literal["input", "output", "operation", "module"]
    group: str
    shape: list[int]
    box: list[float]
    colour: str
    opens: bool
    maps: bool


class GroupInfo(BaseModel):
    address: str
    kind: str
    box: list[float]


class GraphInfo(BaseModel):
    """`paths[i]` is a broken line of x, y, x, y, … from `sources[i]` to `targets[i]` (places in `nodes`)."""

    width: float
    height: float
    nodes: list[NodeInfo]
    groups: list[GroupInfo]
    paths: list[list[float]]
    sources: list[int]
    targets: list[int]


class RowInfo(BaseModel):
    """One row of the layer table. `field` is the receptive field in words, as `pellucid inspect` says it."""

    address: str
    kind: str
    depth: int
    inputs: list[list[int]]
    outputs: list[list[int]]
    parameters: int
    again: bool
    multiply_adds: int
    forward_bytes: int
    training_bytes: int
    field: str
    field_size: list[float]
    field_stride: list[float]
    field_offset: list[float]


class TableInfo(BaseModel):
    rows: list[RowInfo]
    parameters: int
    multiply_adds: int
    forward_bytes: int
    peak_bytes: int
    training_bytes: int | None
    uncounted: dict[str, int]
    notes: list[str]


class ClassScore(BaseModel):
    index: int
    name: str
    probability: float
    logit: float


class Prediction(BaseModel):
    """The likeliest classes of one picture."""

    classes: list[ClassScore]
    milliseconds: float


class LayerInfo(BaseModel):
    """What a layer gave for a picture: `shape` is (channels, height, width) as it is shown, `extent` the
    positions of a channel as an address counts them (tokens of a transformer: one), after the number of the
    channel if there are any (`channelled`). `low` and `high` are the ends of the colour scale; the sheet has
    `columns` tiles a row.
    """

    address: str
    kind: str
    words: str
    shape: list[int]
    extent: list[int]
    channelled: bool
    scale: Literal["signed", "unsigned"]
    low: float
    high: float
    columns: int
    tile: list[int]
    means: list[float]
    highest: list[float]
    dead: int


class BoxInfo(BaseModel):
    """(top, left, bottom, right) in pixels of the picture as the network sees it: `window` may reach past
    it, `seen` is what there is of it.
    """

    window: list[int]
    seen: list[int]
    status: str


class KernelRow(BaseModel):
    """One input channel's part: numbers row by row, `shape` of them; `source` is the address of the unit
    each came from, "" for padding; `sum` what the row adds. `weights` are empty where nothing multiplies;
    `leads` are numbers that lead to them ("q · k" of attention). `spots` are channel, row and column of each
    number on the maps that the operand reads, −1 for one on no map. `row` is −1 where it is all there is.
    """

    label: str
    row: int
    values: list[float]
    weights: list[float]
    products: list[float]
    leads: dict[str, list[float]]
    sources: list[str]
    spots: list[list[int]]
    sum: float


class OperandInfo(BaseModel):
    """`rows` are the strongest, `count` how many there are, `rest` what those not shown add together, `sums`
    what each of all rows adds, in order. `reads` is the address whose maps have the rows' `spots`, "" for
    none.
    """

    name: str
    axes: list[str]
    shape: list[int]
    learnt: str
    reads: str
    rows: list[KernelRow]
    count: int
    rest: float
    sums: list[float]


class StepInfo(BaseModel):
    name: str
    value: float
    how: str


class UnitInfo(BaseModel):
    """A unit's arithmetic; see `types.arithmetic.Arithmetic`. `place` is (row, column) on the map, `patch`
    the part of the picture under it, `source` the address of the unit that adds or takes most, "" for none.
    """

    address: str
    layer: str
    operation: str
    kind: str
    formula: str
    value: float
    result: float | None
    agrees: bool
    weights: int
    multiplications: int
    shape: list[int]
    place: list[int]
    patch: list[int]
    source: str
    field: BoxInfo | None
    steps: list[StepInfo]
    operands: list[OperandInfo]
    chosen: list[int]
    notes: list[str]


class ChannelInfo(BaseModel):
    """`strongest` is the address of its greatest unit; `kernels` are those of the strongest inputs,
    `kernel` their (height, width).
    """

    address: str
    channel: int
    shape: list[int]
    low: float
    high: float
    mean: float
    strongest: str
    place: list[int]
    field: BoxInfo | None
    kernels: list[list[float]]
    kernel: list[int]
    inputs: int


class JobInfo(BaseModel):
    id: str
    kind: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: float
    message: str


class AboutInfo(BaseModel):
    """What a node of the graph takes, gives and costs; `window` is what its middle unit sees of the picture
    (top, left, bottom, right), empty where it sees none of it, or all.
    """

    row: RowInfo
    window: list[int]
