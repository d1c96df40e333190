"""One unit's arithmetic: from a process that is warm, any unit of a network; the aim is 50 ms.

Beside it the forward pass alone, and the run that keeps every number, which is needed once for a picture.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator

import torch
import torchvision
from torch import nn

from bench.measure import Options, Turns, Work, timed
from pellucid.inspection.arithmetic.unit import unit, value_at
from pellucid.inspection.arithmetic.watching import Watched, watch
from pellucid.types.address import Address
from pellucid.views.arithmetic import arithmetic_figure

NETWORKS = ("resnet50", "vit_b_16")
UNITS = 200


def works(options: Options) -> Iterator[Work]:
    for name in NETWORKS:
        model = torchvision.models.get_model(name, weights=None).eval()
        picture = torch.randn(1, 3, 224, 224)
        watched = watch(model, [picture])
        asked = some_units(watched, 20 if options.quick else UNITS)
        unit(watched, asked[0])
        seconds: list[float] = []

        def open_all(
            watched: Watched = watched, asked: list[Address] = asked, into: list[float] = seconds
        ) -> None:
            for address in asked:
                start = time.perf_counter()
                unit(watched, address)
                into.append(time.perf_counter() - start)

        def findings(
            turns: Turns, seconds: list[float] = seconds, count: int = len(asked)
        ) -> dict[str, object]:
            ordered = sorted(seconds)
            run = statistics.median(turn.wall for turn in turns["watch"][1:])
            middle = statistics.median(ordered)
            return {
                "one unit, ms, p50": 1000 * middle,
                "one unit, ms, p95": 1000 * ordered[int(0.95 * len(ordered))],
                "one unit, ms, slowest": 1000 * ordered[-1],
                "with the run that keeps the numbers, ms": 1000 * (run + middle),
                "units asked in each turn": count,
            }

        turns = {
            "forward pass": timed(lambda model=model, picture=picture: forward(model, picture)),  # type: ignore[misc]
            "watch": timed(lambda model=model, picture=picture: watch(model, [picture])),  # type: ignore[misc]
            f"{len(asked)} units": timed(open_all),
            "one unit drawn": timed(lambda w=watched, a=asked[0]: arithmetic_figure(unit(w, a)).to_html()),  # type: ignore[misc]
        }
        yield Work(f"a unit of {name} opened", "turns", 1, turns, options.rounds, findings=findings)


def forward(model: nn.Module, picture: torch.Tensor) -> None:
    with torch.no_grad():
        model(picture)


def some_units(watched: Watched, count: int) -> list[Address]:
    """Units at random: of a layer or operation, each as likely, anywhere in it."""
    draw = random.Random(0)
    places = [Address.parse(address) for address in (*watched.calls, *watched.operations)]
    found = []
    for address in draw.choices(places, k=count):
        value = value_at(watched, address)
        order = watched.layout_at(value).order
        found.append(address.at(*(draw.randrange(value.shape[at]) for at in order)))
    return found
