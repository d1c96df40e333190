"""A box that a detector finds, as a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pellucid.explain.target import Target
from pellucid.types.errors import InputError

Box = tuple[float, float, float, float]


def detection(box: Box, label: int, *, size: tuple[int, int] | None = None) -> Target:
    """How surely a detector finds class `label` at `box` (x0, y0, x1, y1), in pixels: the greatest IoU ×
    score over what it finds, as in D-RISE (Petsiuk et al. 2021). 0 where nothing of the class overlaps.

    It reads torchvision's output, a list with a dict of boxes, labels and scores for each picture, and
    DETR's, logits (b, queries, classes) and pred_boxes (b, queries, 4) as parts of the picture, whose `size`
    (height, width) has to be said then.
    """
    if not (box[0] < box[2] and box[1] < box[3]):
        raise InputError(f"a box is x0, y0, x1, y1 with x0 < x1 and y0 < y1; got {box}")

    def score(output: Any) -> Tensor:
        return torch.stack([_best(found, scores, box) for found, scores in _found(output, label, size)])

    return Target(f"class {label} at {', '.join(f'{side:g}' for side in box)}", score)


def _best(boxes: Tensor, scores: Tensor, box: Box) -> Tensor:
    if not len(boxes):
        return boxes.sum()  # 0, in the graph where there is one
    wanted = torch.tensor(box, device=boxes.device, dtype=boxes.dtype)
    corner = torch.minimum(boxes[:, 2:], wanted[2:]) - torch.maximum(boxes[:, :2], wanted[:2])
    shared = corner.clamp(min=0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (wanted[2:] - wanted[:2]).prod()
    return ((shared / (areas - shared)) * scores).max()


def _found(output: Any, label: int, size: tuple[int, int] | None) -> list[tuple[Tensor, Tensor]]:
    """Of each picture the boxes (n, 4) in pixels and the scores (n,) of the class."""
    parts = {"boxes", "labels", "scores"}
    if isinstance(output, Sequence) and all(
        isinstance(each, Mapping) and parts <= {*each} for each in output
    ):
        chosen = [(each, each["labels"] == label) for each in output]
        return [(each["boxes"][its], each["scores"][its]) for each, its in chosen]
    logits = _part(output, "logits", "pred_logits")
    boxes = _part(output, "pred_boxes")
    if logits is None or boxes is None:
        raise InputError(
            "a box is a target for detectors, which give boxes, labels and scores for each picture, or "
            f"logits and pred_boxes; the network gives a {type(output).__name__}"
        )
    if size is None:
        raise InputError("the network gives boxes as parts of the picture; say its size=(height, width)")
    if not 0 <= label < logits.shape[2]:
        raise InputError(f"the network tells {logits.shape[2]} classes apart; there is no class {label}")
    height, width = size
    centre, sides = boxes[..., :2], boxes[..., 2:]
    corners = torch.cat([centre - sides / 2, centre + sides / 2], -1)
    corners = corners * torch.tensor([width, height, width, height], device=boxes.device)
    return list(zip(corners, logits.softmax(-1)[..., label], strict=True))


def _part(output: Any, *names: str) -> Tensor | None:
    if not isinstance(output, Mapping):
        return None
    return next((output[name] for name in names if name in output), None)
