"""What the studio answers, as types: the front end's are generated from these."""

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
    multiply_adds: int
    forward_bytes: int
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
    positions of a channel as an address counts them (tokens of a transformer: one). `low` and `high` are the
    ends of the colour scale; the sheet has `columns` tiles a row.
    """

    address: str
    kind: str
    words: str
    shape: list[int]
    extent: list[int]
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
    each came from, "" for padding; `sum` what the row adds. `weights` are empty where nothing multiplies.
    """

    label: str
    values: list[float]
    weights: list[float]
    products: list[float]
    sources: list[str]
    sum: float


class OperandInfo(BaseModel):
    """`rows` are the strongest, `count` how many there are, `rest` what those not shown add together, `sums`
    what each of all rows adds, in order.
    """

    name: str
    axes: list[str]
    shape: list[int]
    learnt: str
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
    the part of the picture under it.
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


class FormFieldInfo(BaseModel):
    """One setting of a recipe; see `recipes.form.FormField`."""

    name: str
    kind: Literal["flag", "whole", "number", "text", "choice", "list"]
    value: str
    choices: list[str]
    optional: bool
    help: str


class RecipeInfo(BaseModel):
    name: str
    about: str
    fields: list[FormFieldInfo]


class StartRequest(BaseModel):
    """`values` are the settings that differ from the recipe's, as typed."""

    recipe: str
    values: dict[str, str] = {}


class RunInfo(BaseModel):
    """`words` are the last that a failed training said."""

    name: str
    state: Literal["running", "paused", "stopped", "finished", "failed"]
    model: str
    data: str
    started: str
    words: str
    steps: list[int]


class CurveInfo(BaseModel):
    """One line over steps; `part` says of what: train, or the split it was measured on."""

    name: str
    part: str
    steps: list[int]
    epochs: list[float]
    values: list[float | None]


class RunCurves(BaseModel):
    curves: list[CurveInfo]
    primary: str


class FigureInfo(BaseModel):
    """A figure drawn by the library, as HTML that needs the style sheet `figures.css` alone."""

    title: str
    html: str


class SetInfo(BaseModel):
    """A data set. `counts` are samples by split, `classes` those of the training split by name."""

    name: str
    shape: list[int]
    classes: list[str]
    class_counts: list[int]
    counts: dict[str, int]
    left_out: list[str]
    sorted_splits: list[str]
    pictures: bool


class SamplesInfo(BaseModel):
    """A page of samples: `indices` in the split, `labels` their classes by number, −1 where unknown."""

    indices: list[int]
    labels: list[int]
    total: int


class AugmentationInfo(BaseModel):
    fields: list[FormFieldInfo]


class CheckRequest(BaseModel):
    name: str


class FindingInfo(BaseModel):
    """One kind of thing that `data check` looks for: `count` of them, with examples."""

    kind: Literal["unreadable", "faults", "leaks", "near_leaks", "conflicts", "duplicates", "near"]
    count: int
    examples: list[str]


class CheckInfo(BaseModel):
    broken: bool
    samples: dict[str, int]
    findings: list[FindingInfo]


class MistakeInfo(BaseModel):
    """`index` is the sample's in its split; `confidence` in what was said."""

    index: int
    truth: int
    said: int
    confidence: float


class ResultsInfo(BaseModel):
    """A run's test: `confusion[truth][said]` counts; `mistakes` the surest wrong answers first."""

    split: str
    step: int
    metrics: dict[str, float | None]
    classes: list[str]
    confusion: list[list[int]]
    mistakes: list[MistakeInfo]


class MethodInfo(BaseModel):
    name: str
    about: str


class ExplainRequest(BaseModel):
    """See `studio.explaining.Question`."""

    network: str
    picture: str
    methods: list[str]
    target: str = ""
    layer: str = ""
    check: bool = False


class MapInfo(BaseModel):
    """One method's map, or the `reason` why there is none. `bound` is the magnitude at which its colours end;
    `empty` says that it found no evidence at all.
    """

    method: str
    python: str
    command: str
    reason: str = ""
    target: str = ""
    layers: list[str] = []
    grid: list[int] = []
    low: float = 0.0
    high: float = 0.0
    bound: float = 0.0
    empty: bool = False
    options: dict[str, str] = {}
    scores: dict[str, float] = {}
    notes: list[str] = []


class ExplainedInfo(BaseModel):
    job: str
    maps: list[MapInfo]
    total: int
