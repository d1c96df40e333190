"""The layer table of a network: what it costs, and the multiply-adds that each rival says.

Aims: at most 0.22 processor seconds for ResNet-152, and multiply-adds within 0.1 % of the published ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.measure import Options, Turns, Work, timed
from pellucid.inspection.graph import graph_of
from pellucid.inspection.imitation import on_meta
from pellucid.inspection.layer_table import layer_table
from pellucid.inspection.trace import trace
from pellucid.views.layout import lay_out

PUBLISHED = {"resnet152": 11.514e9, "vit_b_16": 17.564e9}
SHAPE = (1, 3, 224, 224)

Rival = Callable[[nn.Module], float]
"""A network → the multiply-adds it says."""


def works(options: Options) -> Iterator[Work]:
    for name, published in PUBLISHED.items():
        model = torchvision.models.get_model(name, weights=None).eval()
        turns = {rival: timed(partial(count, model)) for rival, count in RIVALS.items()}
        said = {rival: count(model) for rival, count in RIVALS.items() if rival != "hooks on meta"}

        def findings(
            turns: Turns, said: dict[str, float] = said, published: float = published
        ) -> dict[str, object]:
            return {
                f"{rival}, multiply-adds / published": round(count / published, 4)
                for rival, count in said.items()
            }

        yield Work(f"layer table of {name}", "tables", 1, turns, options.rounds, findings=findings)
    yield graph(options)


def graph(options: Options) -> Work:
    """5,000 operations as a graph, and laid out; the aim is a second."""
    layers = [nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU()) for _ in range(2500)]
    run = trace(nn.Sequential(*layers), [torch.empty(1, 2, 4, 4)])
    drawn = graph_of(run)
    sizes = dict.fromkeys((node.address for node in drawn.nodes), (100.0, 36.0))
    turns = {"graph": timed(lambda: graph_of(run)), "layout": timed(lambda: lay_out(drawn, sizes))}
    return Work("graph of 5,000 operations", "graphs", 1, turns, options.rounds)


def pellucid(model: nn.Module) -> float:
    """Shapes, weights, multiply-adds, memory forward and for training, receptive fields."""
    return layer_table(model, [torch.empty(SHAPE, device="meta")]).total.multiply_adds


def torchinfo(model: nn.Module) -> float:
    import torchinfo

    return float(torchinfo.summary(model, SHAPE, verbose=0, device="cpu").total_mult_adds)


def fvcore(model: nn.Module) -> float:
    from fvcore.nn import FlopCountAnalysis

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counted = FlopCountAnalysis(model, torch.zeros(SHAPE)).unsupported_ops_warnings(False)
        return float(counted.uncalled_modules_warnings(False).total())


def flop_counter(model: nn.Module) -> float:
    with FlopCounterMode(display=False) as counter:
        on_meta(model)(torch.empty(SHAPE, device="meta"))
    return float(counter.get_total_flops()) / 2


def hooks(model: nn.Module) -> float:
    """A hook on every layer of a copy without values, which notes the shape: the least that a table takes."""
    imitation = on_meta(model)
    shapes: list[object] = []
    for module in imitation.modules():
        module.register_forward_hook(lambda module, inputs, output: shapes.append(output))
    with torch.no_grad():
        imitation(torch.empty(SHAPE, device="meta"))
    return 0.0


RIVALS: dict[str, Rival] = {
    "hooks on meta": hooks,
    "pellucid": pellucid,
    "torchinfo": torchinfo,
    "fvcore": fvcore,
    "FlopCounterMode on meta": flop_counter,
}
