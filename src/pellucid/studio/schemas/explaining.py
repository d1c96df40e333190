"""Explanations and what excites, as types."""

from __future__ import annotations

from pydantic import BaseModel


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


class ExcitingRequest(BaseModel):
    """`data` is a set by name; "" means a run's own test pictures, or the shapes."""

    network: str
    address: str
    data: str = ""


class GrownInfo(BaseModel):
    """A picture made to excite `address`: as far as it has come."""

    address: str
    step: int
    steps: int
    score: float
    finished: bool


class ExampleInfo(BaseModel):
    """`window` is (top, left, bottom, right): what of the picture excites most."""

    index: int
    value: float
    name: str
    window: list[int]


class ExamplesInfo(BaseModel):
    """`size` is the pictures' (height, width); `seen` of them were looked at."""

    data: str
    seen: int
    size: list[int]
    examples: list[ExampleInfo]
