"""Channels weighed by trying: what does the network say of what they show, or without them?"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from pellucid.explain.layers import Layer, LayerNames
from pellucid.explain.looking import Options, Seen, look, scores_of
from pellucid.explain.maps import Combine, combined, resized
from pellucid.explain.target import Target
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.refusals import REFUSALS
from pellucid.inspection.replacing import replacing
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.heatmap import Heatmap

Ablation = Literal["zero", "mean", "resample"]


def score_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    combine: Combine = "scaled",
    batch: int = 32,
) -> Heatmap:
    """Each channel weighs the softmax, over the channels, of the target when the picture is seen through that
    channel's map, enlarged and stretched to [0, 1] (Wang et al. 2020, eq. 5–6). No gradient is taken.

    What is masked is zero to the network: the mean colour of its training pictures, if it subtracts one. A
    channel that is the same everywhere shows nothing and weighs nothing. `batch` masked pictures run at once.
    """
    seen = look(model, inputs, target, layer, gradients=False)
    maps = []
    for looked, whole in zip(seen.layers, seen.activations, strict=True):
        activations = looked.over_picture(whole)
        weights = torch.stack(
            [_through_masks(model, seen, place, activations[place], batch) for place in range(len(inputs))]
        )
        maps.append((weights[:, :, None, None] * activations).sum(1))
    return seen.heatmap(
        combined(maps, combine), "score-cam", options={**seen.combining(combine), "batch": batch}
    )


def _through_masks(model: nn.Module, seen: Seen, place: int, maps: Tensor, batch: int) -> Tensor:
    """(c,) the weights of one picture's channels, maps (c, h, w)."""
    _check_batch(batch)
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    shown = (high > low).flatten().nonzero().flatten()
    weights = torch.zeros(len(maps), device=maps.device)
    if not len(shown):
        return weights
    masks = ((maps - low) / (high - low))[shown]
    picture = seen.inputs[place : place + 1]
    size = (picture.shape[2], picture.shape[3])
    scores = []
    for part in torch.split(masks, batch):
        masked = picture * resized(part[:, None], size).to(picture.dtype)
        scores.append(scores_of(model, masked, seen.settled, torch.full((len(part),), place)))
    weights[shown] = torch.cat(scores).softmax(0)
    return weights


def ablation_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    combine: Combine = "scaled",
    ablation: Ablation = "zero",
    seed: int = 0,
    batch: int = 32,
) -> Heatmap:
    """Each channel weighs what the target loses without it (Desai & Ramaswamy 2020, eq. 3). No gradient.

    `ablation` is what stands in the channel's place: "zero", its "mean" over the map, or "resample", its own
    values at places shuffled by `seed`. The paper divides the loss by the score, which is one factor for all
    of a picture and turns the map around where the score is negative; here it is not divided. Only the
    network behind the layer runs again for each channel, `batch` channels at once, where nothing else goes
    past the layer.
    """
    if ablation not in get_args(Ablation):
        raise unknown_name("ablation", str(ablation), get_args(Ablation))
    _check_batch(batch)
    seen = look(model, inputs, target, layer, gradients=False)
    maps = []
    for at, activations in zip(seen.layers, seen.activations, strict=True):
        losses = []
        for place, own in enumerate(activations):
            generator = torch.Generator().manual_seed(seed)  # each picture as if alone
            stands = _stand_in(own, ablation, generator)
            losses.append(seen.scores[place] - _without_each(model, seen, place, at, stands, batch))
        maps.append((torch.stack(losses)[:, :, None, None] * activations).sum(1))
    options: Options = {**seen.combining(combine), "ablation": ablation, "seed": seed, "batch": batch}
    return seen.heatmap(seen.combined(maps, combine), "ablation-cam", options=options)


def _stand_in(maps: Tensor, ablation: Ablation, generator: torch.Generator) -> Tensor:
    """(c, h, w) for (c, h, w)."""
    if ablation == "zero":
        return torch.zeros_like(maps)
    if ablation == "mean":
        return maps.mean((1, 2), keepdim=True).expand_as(maps)
    flat = maps.flatten(1)
    return flat[:, torch.randperm(flat.shape[1], generator=generator).to(maps.device)].reshape(maps.shape)


def _without_each(
    model: nn.Module, seen: Seen, place: int, layer: Layer, stands: Tensor, batch: int
) -> Tensor:
    """(c,) the target of one picture without each of its channels."""
    once = _nothing_goes_past(model, seen, place, layer)
    scores = []
    for channels in torch.split(torch.arange(len(stands), device=stands.device), batch):

        def ablated(output: Tensor, channels: Tensor = channels) -> Tensor:
            maps = layer.layout.maps(output).expand(len(channels), *stands.shape).clone()
            maps[torch.arange(len(channels), device=maps.device), channels] = stands[channels].to(maps.dtype)
            return layer.layout.values(maps, output)

        picture = seen.inputs[place : place + 1]
        copies = picture if once else picture.expand(len(channels), -1, -1, -1)
        with replacing(model, layer.at, ablated):
            rows = torch.full((len(channels),), place)
            scores.append(scores_of(model, copies.clone(), seen.settled, rows))
    return torch.cat(scores)


def _nothing_goes_past(model: nn.Module, seen: Seen, place: int, layer: Layer) -> bool:
    """Whether the network runs on if the layer alone gives two pictures for one: whatever else went past it,
    other than to be added, would be one picture's.
    """

    def twice(output: Tensor) -> Tensor:
        return output.expand(2, *output.shape[1:]).contiguous()

    picture = seen.inputs[place : place + 1].clone()
    try:
        with (
            replacing(model, layer.at, twice),
            evaluation_mode(model),
            torch.no_grad(),
        ):
            scores = seen.settled(model(picture), torch.full((2,), place))
    except REFUSALS:
        return False
    return bool(torch.allclose(scores, seen.scores[place].expand(2), rtol=1e-3, atol=1e-4))


def _check_batch(batch: int) -> None:
    if batch < 1:
        raise InputError(f"batch is how many pictures run at once, 1 or more; got {batch}")


METHODS = {"score-cam": score_cam, "ablation-cam": ablation_cam}
