"""Laboratories of generation, spaces of codes and painted pictures, as types."""

from __future__ import annotations

from pydantic import BaseModel


class GenerationChoices(BaseModel):
    """By the library's own names."""

    sets: list[str]
    kinds: list[str]
    covariances: list[str]
    beginnings: list[str]
    most: int


class GanRequest(BaseModel):
    """See `studies.gan_lab.Setup`. `moves` are all that are made from the beginning, as letters with their
    number: b200c1g1.
    """

    data: str = "gaussians8"
    kind: str = "plain"
    seed: int = 0
    lr: float = 1e-3
    critic: float = 4.0
    moves: str = ""


class TroubleInfo(BaseModel):
    name: str
    words: str


class CourseInfo(BaseModel):
    """One number along the moves, thinned where they are many."""

    name: str
    steps: list[int]
    values: list[float]


class GanInfo(BaseModel):
    """See `studies.gan_lab.Scene`. `moves` may be fewer than were asked for: ask again. `parts` are the parts
    of the distribution; points are x, y, x, y, …; `surface` (side, side) is from 0 to 255.
    """

    moves: str
    step: int
    parts: int
    reach: float
    real: list[float]
    made: list[float]
    pulls: list[float]
    side: int
    surface: list[int]
    measures: dict[str, float]
    troubles: list[TroubleInfo]
    courses: list[CourseInfo]
    command: str


class MixtureInfo(BaseModel):
    """EM on points x, y, x, y, … of the plane after iteration `number` of `iterations`: `responsibilities`
    (n, k) row by row, `means` (k, 2), `ellipses` at two standard deviations, each x, y, x, y, …, `weights`.
    `log_likelihood` is a point's after each iteration, in nats.
    """

    points: list[float]
    reach: float
    iterations: int
    number: int
    weights: list[float]
    means: list[tuple[float, float]]
    ellipses: list[list[float]]
    responsibilities: list[float]
    log_likelihood: list[float]
    colours: list[str]
    command: str


class SpaceName(BaseModel):
    """A run that has a space of codes."""

    run: str
    model: str
    data: str


class SpaceInfo(BaseModel):
    """The codes of a run's test pictures on a plane through their space. `words` say which plane it is, and
    `axes` what its two directions are called; `conditions` whether what is decoded is told a class; `ends`
    are two samples to walk between, `first` and `last` the samples there are.
    """

    run: str
    data: str
    count: int
    code: int
    variational: bool
    conditions: bool
    classes: list[str]
    colours: list[str]
    words: str
    axes: list[str]
    varying: list[int]
    size: list[int]
    ends: list[int]
    command: str


class CodedInfo(BaseModel):
    """One sample: its class by number, −1 without, what giving it back costs, its code, its place."""

    index: int
    label: int
    error: float
    code: list[float]
    place: list[float]


class WalkPath(BaseModel):
    """Where a walk goes on the plane: x, y, x, y, …"""

    linear: list[float]
    spherical: list[float]
    note: str


class StyleRequest(BaseModel):
    """See `synthesis.style_settings.StyleSettings`; `content` and `style` are pictures' ids."""

    network: str
    content: str
    style: str
    content_layers: list[str] = []
    style_layers: list[str] = []
    content_weight: float = 1.0
    style_weight: float = 8.0
    variation: float = 30.0
    side: int = 192
    steps: int = 60
    keep_colours: bool = False
    noise: bool = False
    seed: int = 0


class StyleLayers(BaseModel):
    """The layers that tell content and style unless others are named."""

    content: list[str]
    style: list[str]


class StyledInfo(BaseModel):
    """A picture as far as it is painted. `losses` by name along `at`, none weighted."""

    step: int
    steps: int
    finished: bool
    size: list[int]
    at: list[int]
    losses: dict[str, list[float]]
    content_layers: list[str]
    style_layers: list[str]
    precision: str
    notes: list[str]
    command: str
    python: str
