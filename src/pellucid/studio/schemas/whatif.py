"""What the routes of What if ask and answer."""

from __future__ import annotations

from pydantic import BaseModel


class WhatIfRequest(BaseModel):
    """`changes` are texts of `types.change`; `boxes` (top, left, bottom, right), in pixels of the picture as
    the network sees it, are covered with `fill`.
    """

    network: str
    picture: str
    changes: list[str] = []
    boxes: list[tuple[int, int, int, int]] = []
    fill: str = "grey"
    most: int = 6


class ChangedClass(BaseModel):
    """A class's probability and logit, before and after."""

    index: int
    name: str
    before: float
    after: float
    logit_before: float
    logit_after: float


class WhatIfInfo(BaseModel):
    """The likeliest classes of before and of after. `moved` is the total variation distance of the two
    distributions, in [0, 1].
    """

    classes: list[ChangedClass]
    moved: float
    milliseconds: float


class KernelInfo(BaseModel):
    """A kernel that can be edited: `parameter` is what a change is written to, like conv1.weight[3, 0]."""

    parameter: str
    shape: list[int]
    inputs: int
    values: list[float]
