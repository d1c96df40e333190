"""What the studio tells of a run that gives every pixel a class."""

from __future__ import annotations

from pydantic import BaseModel


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
