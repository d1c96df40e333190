"""What if: a network run with changes that are never saved into it, on a picture with parts covered."""

from __future__ import annotations

import time
from typing import Annotated

import torch
from fastapi import APIRouter, Query, Response
from torch import Tensor, nn

from pellucid.data.decode import load_picture
from pellucid.explain.baselines import covered
from pellucid.inspection.changing import changing, kernel_at
from pellucid.inspection.layout import layer_layouts, layout_of_shape
from pellucid.recipes.opened import OpenedNetwork
from pellucid.studio.maps import output_of
from pellucid.studio.pictures import Picture
from pellucid.studio.routes.house import Shared
from pellucid.studio.schemas.whatif import ChangedClass, KernelInfo, WhatIfInfo, WhatIfRequest
from pellucid.types.batch import leaves
from pellucid.types.change import parse_change
from pellucid.types.errors import InputError
from pellucid.views.raster import png

router = APIRouter()
MOST = 200  # changes, and boxes
Box = tuple[int, int, int, int]


@router.post("/whatif")
def what_if(request: WhatIfRequest, house: Shared) -> WhatIfInfo:
    began = time.perf_counter()
    if len(request.changes) > MOST:
        raise InputError(f"at most {MOST} changes can be tried at once; got {len(request.changes)}")
    changes = [parse_change(text) for text in request.changes]
    opened, picture = house.networks[request.network].opened, house.pictures[request.picture]
    before = output_of(house.networks.look(request.network, picture))
    inputs = _inputs(opened, picture, request.boxes, request.fill)
    with torch.inference_mode(), changing(opened.model, changes, [inputs]) as network:
        after = _output(opened.model, network(inputs), inputs)
    told = _classes(opened, before, after, max(1, min(request.most, 20)))
    moved = 0.5 * float((before.softmax(0) - after.softmax(0)).abs().sum())
    return WhatIfInfo(classes=told, moved=moved, milliseconds=1000 * (time.perf_counter() - began))


@router.get("/whatif/kernel")
def kernel(network: str, address: str, house: Shared, source: int = 0) -> KernelInfo:
    """The numbers with which a channel sees one of its inputs."""
    found = kernel_at(house.networks[network].opened.model, address, source)
    return KernelInfo(
        parameter=str(found.address), shape=list(found.shape), inputs=found.inputs, values=list(found.values)
    )


@router.get("/whatif/picture", response_class=Response)
def picture(
    network: str,
    picture: str,
    house: Shared,
    box: Annotated[list[str] | None, Query()] = None,
    fill: str = "grey",
) -> Response:
    """What the network is shown, with each `box` "top,left,bottom,right" covered, as a PNG."""
    opened = house.networks[network].opened
    preprocessing = opened.preprocessing
    inputs = _inputs(opened, house.pictures[picture], [_box(text) for text in box or ()], fill)[0]
    mean, std = (torch.tensor(each)[:, None, None] for each in (preprocessing.mean, preprocessing.std))
    pixels = ((inputs * std + mean) / preprocessing.scale).round().clamp(0, 255).byte()
    pixels = pixels if len(pixels) == 3 else pixels[:1].expand(3, -1, -1)
    pixels = pixels.flip(0) if preprocessing.channels == "BGR" else pixels
    return Response(png(pixels.permute(1, 2, 0).contiguous().numpy()), media_type="image/png")


def _inputs(opened: OpenedNetwork, picture: Picture, boxes: list[Box], fill: str) -> Tensor:
    if len(boxes) > MOST:
        raise InputError(f"at most {MOST} boxes can be covered at once; got {len(boxes)}")
    inputs = opened.inputs(load_picture(picture.content, opened.preprocessing)[None])
    return covered(inputs, boxes, fill, opened.preprocessing) if boxes else inputs


def _box(text: str) -> Box:
    words = text.split(",")
    if len(words) != 4 or not all(word.lstrip("-").isdecimal() and len(word) < 7 for word in words):
        raise InputError(f"a box is top,left,bottom,right in whole pixels; got {text[:60]!r}")
    top, left, bottom, right = map(int, words)
    return top, left, bottom, right


def _output(model: nn.Module, output: object, inputs: Tensor) -> Tensor:
    """(classes,), as `maps.output_of` reads it."""
    first = leaves(Tensor, output)[0]
    layout = layer_layouts(model, [inputs]).get(("", 0)) or layout_of_shape(tuple(first.shape))
    channels = layout.arranged(first)[0].float()
    return channels.reshape(len(channels), -1).mean(1)


def _classes(opened: OpenedNetwork, before: Tensor, after: Tensor, most: int) -> list[ChangedClass]:
    """The likeliest `most` of before, then those that are likeliest only now."""
    most = min(most, len(before))
    places = dict.fromkeys([*before.topk(most).indices.tolist(), *after.topk(most).indices.tolist()[:3]])
    p, q = before.softmax(0), after.softmax(0)
    return [
        ChangedClass(
            index=at,
            name=opened.class_name(at),
            before=float(p[at]),
            after=float(q[at]),
            logit_before=float(before[at]),
            logit_after=float(after[at]),
        )
        for at in places
    ]
