"""What a network says of a picture, and what its layers gave on the way."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Query, Response
from numpy.typing import NDArray

from pellucid.studio.maps import layer_info, output_of, sheet_of, thumbnails
from pellucid.studio.routes.house import Shared
from pellucid.studio.schemas.seeing import ChannelInfo, ClassScore, LayerInfo, Prediction, UnitInfo
from pellucid.studio.units import channel_info, unit_info
from pellucid.types.errors import InputError

router = APIRouter()
PNG = "image/png"
Shown = Literal["activation", "gradient"]


@router.get("/prediction")
def prediction(network: str, picture: str, house: Shared, most: int = 5) -> Prediction:
    began = time.perf_counter()
    opened = house.networks[network].opened
    looking = house.networks.look(network, house.pictures[picture])
    logits = output_of(looking)
    probabilities = torch.softmax(logits, 0)
    values, places = probabilities.topk(max(1, min(most, len(probabilities))))
    classes = [
        ClassScore(index=i, name=opened.class_name(i), probability=p, logit=float(logits[i]))
        for i, p in zip(places.tolist(), values.tolist(), strict=True)
    ]
    return Prediction(classes=classes, milliseconds=1000 * (time.perf_counter() - began))


@router.get("/layer")
def layer(network: str, picture: str, address: str, house: Shared, of: Shown = "activation") -> LayerInfo:
    """`of` the activations, or the gradient of the likeliest output with respect to them."""
    picture_ = house.pictures[picture]
    maps = house.networks.maps(network, picture_, address, of)
    return layer_info(house.networks.look(network, picture_), address, maps)


@router.get("/layer/sheet", response_class=Response)
def sheet(network: str, picture: str, address: str, house: Shared, of: Shown = "activation") -> Response:
    """All channels as tiles on the layer's one scale, as a PNG."""
    return Response(
        sheet_of(house.networks.maps(network, house.pictures[picture], address, of)), media_type=PNG
    )


@router.get("/layer/values", response_class=Response)
def values(
    network: str,
    picture: str,
    address: str,
    house: Shared,
    channel: int | None = None,
    of: Shown = "activation",
) -> Response:
    """The numbers themselves, float32 little-endian; of all channels or of one. The header `x-shape` has the
    shape as JSON.
    """
    maps = house.networks.maps(network, house.pictures[picture], address, of)
    if channel is not None and not 0 <= channel < len(maps):
        raise InputError(f"{address} has the channels 0 to {len(maps) - 1}; got {channel}")
    return numbers(maps if channel is None else maps[channel])


@router.get("/channel")
def channel(network: str, picture: str, address: str, house: Shared) -> ChannelInfo:
    """One channel: where it is strongest, what it sees there, its kernels for the strongest inputs."""
    return channel_info(house.networks.look(network, house.pictures[picture]), address)


@router.get("/unit")
def unit(
    network: str,
    picture: str,
    address: str,
    house: Shared,
    row: Annotated[list[int] | None, Query(max_length=64)] = None,
) -> UnitInfo:
    """One unit opened: window × weights, sum, bias, result, and what it sees of the picture. `row` are those
    of the first operand to show; without, the strongest.
    """
    return unit_info(house.networks.look(network, house.pictures[picture]), address, row or ())


@router.get("/unit/influence", response_class=Response)
def influence(network: str, picture: str, address: str, house: Shared) -> Response:
    """(h, w) float32, summing to 1: how much each pixel counts at the unit's place."""
    found = house.networks.look(network, house.pictures[picture]).influence(address)
    if found is None:
        raise InputError(f"{address} does not depend on the picture")
    return numbers(found)


def numbers(array: NDArray[Any]) -> Response:
    content = np.ascontiguousarray(array, "<f4")
    headers = {"x-shape": json.dumps(content.shape)}
    return Response(content.tobytes(), media_type="application/octet-stream", headers=headers)


@router.get("/thumbnails", response_class=Response)
def thumbs(
    network: str, picture: str, house: Shared, address: Annotated[list[str] | None, Query()] = None
) -> Response:
    """One PNG with a row for each address: its first four channels, 64 pixels each, on the layer's scale."""
    looking = house.networks.look(network, house.pictures[picture])
    return Response(thumbnails(looking, address or []), media_type=PNG)
