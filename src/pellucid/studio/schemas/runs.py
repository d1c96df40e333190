"""Trainings, data and results, as types."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


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
    """A run's test: `confusion[truth][said]` counts; `mistakes` the surest wrong answers first. `classes` and
    what is said of them are empty where the run is no classifier.
    """

    split: str
    step: int
    metrics: dict[str, float | None]
    classes: list[str]
    confusion: list[list[int]]
    mistakes: list[MistakeInfo]


class RegionInfo(BaseModel):
    """A class of pixels: `share` of all; None where it is neither there nor predicted."""

    name: str
    share: float | None
    iou: float | None
    dice: float | None
    accuracy: float | None


class MaskPictureInfo(BaseModel):
    """`index` is the picture's in its split; `iou` its mean IoU, None where nothing is judged."""

    index: int
    iou: float | None


class MaskResultsInfo(BaseModel):
    """The test of a run that gives every pixel a class. `baselines` are the mIoU of the most frequent class
    everywhere, and of one drawn for every pixel; `pictures` have the worst first; `legend` is HTML.
    """

    split: str
    step: int
    metrics: dict[str, float | None]
    baselines: list[float | None]
    classes: list[RegionInfo]
    pictures: list[MaskPictureInfo]
    legend: str


class EmbedRequest(BaseModel):
    method: Literal["pca", "tsne", "umap"] = "pca"


class EmbeddedInfo(BaseModel):
    """A map of `count` pictures; `colours` are those of the classes."""

    count: int
    layer: str
    method: str
    classes: list[str]
    colours: list[str]
    notes: list[str]
