"""What it costs to look inside: ResNet-18 on one picture of 224², all of its layers and chosen ones kept.

Aims, in forward passes: at most 3 with all layers, at most 1.5 with the ends of the four stages. TorchLens
keeps what every operation gave, too.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import partial

import torch
import torchlens
import torchvision
from torch import Tensor, nn

from bench.measure import Options, Turns, Work, timed
from pellucid.inspection.capture import capture
from pellucid.inspection.looking import Looking

STAGES = ("layer1", "layer2", "layer3", "layer4")


def works(options: Options) -> Iterator[Work]:
    model, picture = torchvision.models.resnet18().eval(), torch.randn(1, 3, 224, 224)
    turns = {
        "a forward pass": timed(partial(forward, model, picture)),
        "all layers": timed(partial(all_layers, model, picture)),
        "four layers": timed(partial(four_layers, model, picture)),
        "an operation": timed(partial(an_operation, model, picture)),
        "a kept pass": timed(partial(Looking, model, picture)),
        "TorchLens, everything": timed(partial(everything_by_torchlens, model, picture)),
    }
    yield Work("capture: ResNet-18", "passes", 1, turns, 2 * options.rounds, findings=cost)


def forward(model: nn.Module, picture: Tensor) -> None:
    with torch.no_grad():
        model(picture)


def all_layers(model: nn.Module, picture: Tensor) -> None:
    with torch.no_grad(), capture(model):
        model(picture)


def four_layers(model: nn.Module, picture: Tensor) -> None:
    with torch.no_grad(), capture(model, STAGES):
        model(picture)


def an_operation(model: nn.Module, picture: Tensor) -> None:
    with torch.no_grad(), capture(model, "layer1.0:add"):
        model(picture)


def everything_by_torchlens(model: nn.Module, picture: Tensor) -> None:
    with torch.no_grad():
        torchlens.trace(model, picture)


def cost(turns: Turns) -> dict[str, object]:
    """In forward passes, by the median of processor time."""
    medians = {name: statistics.median(turn.cpu for turn in taken[1:]) for name, taken in turns.items()}
    first, *others = medians
    return {f"{name}, in forward passes": medians[name] / medians[first] for name in others}
