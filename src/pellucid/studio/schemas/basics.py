"""What the routes of the Basics ask and answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class ChoicesInfo(BaseModel):
    """What there is to choose from, by the library's own names."""

    points: list[str]
    activations: list[str]
    losses: list[str]
    initialisations: list[str]
    surfaces: list[str]
    optimisers: list[str]
    kernels: dict[str, list[list[float]]]
    sized: list[str]
    poolings: list[str]


class NeuronRequest(BaseModel):
    """See `studies.neuron.NeuronStudy`. `extra` are points of one's own (x, y, label); `weights` those to go
    on from, None for the beginning; `steps` how many to take from there; `point` is walked through.
    """

    data: str = "circles"
    hidden: int = 4
    activation: str = "tanh"
    loss: str = "cross-entropy"
    rate: float = 0.5
    noise: float = 0.0
    seed: int = 0
    extra: list[tuple[float, float, float]] = []
    weights: dict[str, list[float] | list[list[float]]] | None = None
    steps: int = 0
    point: tuple[float, float, float] | None = None


class WalkNodeInfo(BaseModel):
    """See `types.walk.WalkNode`; numbers row by row."""

    name: str
    role: str
    operation: str
    shape: list[int]
    value: list[float]
    gradient: list[float] | None


class WalkEdgeInfo(BaseModel):
    """See `types.walk.WalkEdge`; numbers row by row."""

    source: str
    target: str
    form: str
    derivative: list[float] | None
    gradient: list[float] | None


class WalkStepInfo(BaseModel):
    direction: Literal["forward", "backward"]
    name: str
    reached: list[str]


class WalkInfo(BaseModel):
    result: str
    nodes: list[WalkNodeInfo]
    edges: list[WalkEdgeInfo]
    steps: list[WalkStepInfo]


class NeuronInfo(BaseModel):
    """`losses` has one number more than steps were taken. `probabilities` are (side, side) row by row from
    the top, over the plane from −reach to reach; `units` the same of each hidden unit, (small, small).
    """

    weights: dict[str, list[float] | list[list[float]]]
    losses: list[float]
    accuracy: float
    points: list[tuple[float, float, float]]
    reach: float
    side: int
    probabilities: list[float]
    small: int
    units: list[list[float]]
    walk: WalkInfo | None


class CurvesInfo(BaseModel):
    x: list[float]
    values: dict[str, list[float]]
    slopes: dict[str, list[float]]


class PassageInfo(BaseModel):
    """See `studies.initialisation.Passage`; None is what overflowed. `verdicts` are of signals, gradients."""

    activation: str
    initialisation: str
    signals: list[float | None]
    gradients: list[float | None]
    predicted_signals: list[float | None]
    predicted_gradients: list[float | None]
    verdicts: list[str]


class SurfaceInfo(BaseModel):
    """`values` (side, side) row by row from the top of `box` (x0, x1, y0, y1); `rates` suit."""

    formula: str
    box: list[float]
    start: list[float]
    least: list[list[float]]
    lowest: float
    side: int
    values: list[float]
    rates: dict[str, float]


class RaceInfo(BaseModel):
    optimiser: str
    rate: float
    x: list[float]
    y: list[float]
    values: list[float]


class ConvolutionRequest(BaseModel):
    """`kernel` (k, k); `side` is the longer one of the picture that it slides over, in pixels. `place` is the
    output (row, column) whose window is told.
    """

    picture: str
    kernel: list[list[float]]
    side: int = 96
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    transposed: bool = False
    channels: tuple[int, int] = (3, 64)
    place: tuple[int, int] | None = None


class NumbersInfo(BaseModel):
    """Numbers (height, width), row by row."""

    height: int
    width: int
    values: list[float]


class ConvolutionInfo(BaseModel):
    """`bill` says sizes and costs as formulae with their numbers; `window` the input pixels (row, column)
    that the place sees, −1 beyond the border, with `products` by kernel weight.
    """

    before: NumbersInfo
    after: NumbersInfo
    bill: dict[str, str]
    window: list[tuple[int, int]]
    seen: list[float]
    products: list[float]


class PoolingInfo(BaseModel):
    """The rectified edges of a picture where it is, and moved; and what the pooling makes of both."""

    maps: list[NumbersInfo]
    pooled: list[NumbersInfo]
    change: float
    pooled_change: float


class ShiftsInfo(BaseModel):
    """The share that each pooling passes on, by pixels moved."""

    shifts: list[int]
    shares: dict[str, list[float]]
