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
    """What a layer gave for a picture: `shape` without the batch, channels first; `low` and `high` are the
    ends of the colour scale; `sheet` has `columns` tiles a row.
    """

    address: str
    kind: str
    shape: list[int]
    scale: Literal["signed", "unsigned"]
    low: float
    high: float
    columns: int
    tile: list[int]
    means: list[float]
    highest: list[float]
    dead: int


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
