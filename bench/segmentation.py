"""U-Net on ResNet-18 beside segmentation_models_pytorch's: the same layers, 14.3 million parameters.

What is counted. Training: one step of AdamW on cross-entropy, on the same batch again and again. Prediction:
the network in evaluation mode, without gradients. Either network runs plainly, and in bf16 with channels
last, as Pellucid's loop chooses by itself on a processor that has instructions for it; this tells what the
network does from what the way to compute does.

Aim: at least as fast as segmentation_models_pytorch, network against network.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from bench.measure import Options, Turn, Work, keep_freed_memory, timed
from pellucid.models.naming import build_model

SIDE, BATCH, CLASSES = 128, 4, 12


@dataclass(frozen=True)
class Contestant:
    """A network and how it is computed."""

    build: Callable[[], nn.Module]
    bf16: bool

    def ready(self) -> tuple[nn.Module, Tensor]:
        torch.manual_seed(0)
        model, x = self.build(), torch.randn(BATCH, 3, SIDE, SIDE)
        if not self.bf16:
            return model, x
        last = torch.channels_last
        return model.to(memory_format=last), x.contiguous(memory_format=last)

    def computing(self) -> contextlib.AbstractContextManager[object]:
        return torch.autocast("cpu", torch.bfloat16) if self.bf16 else contextlib.nullcontext()


def ours() -> nn.Module:
    return build_model("unet/resnet18", inputs=(3, SIDE, SIDE), outputs=CLASSES)


def theirs() -> nn.Module:
    import segmentation_models_pytorch

    model: nn.Module = segmentation_models_pytorch.Unet("resnet18", encoder_weights=None, classes=CLASSES)
    return model


CONTESTANTS = {
    "segmentation_models_pytorch, fp32": Contestant(theirs, bf16=False),
    "Pellucid's network, fp32": Contestant(ours, bf16=False),
    "segmentation_models_pytorch, bf16 + channels-last": Contestant(theirs, bf16=True),
    "Pellucid's network, bf16 + channels-last": Contestant(ours, bf16=True),
}


def training(contestant: Contestant) -> Turn:
    model, x = contestant.ready()
    model.train()
    target = torch.randint(0, CLASSES, (BATCH, SIDE, SIDE))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> None:
        optimiser.zero_grad()
        with contestant.computing():
            logits = model(x)
        nn.functional.cross_entropy(logits.float(), target).backward()
        optimiser.step()

    return timed(step)


def prediction(contestant: Contestant) -> Turn:
    model, x = contestant.ready()
    model.eval()

    def predict() -> None:
        with torch.inference_mode(), contestant.computing():
            model(x)

    return timed(predict)


def works(options: Options) -> Iterator[Work]:
    keep_freed_memory()
    missing = not find_spec("segmentation_models_pytorch")
    taking_part = {name: each for name, each in CONTESTANTS.items() if not (missing and each.build is theirs)}
    skipped = {
        name: "segmentation_models_pytorch is not installed"
        for name in CONTESTANTS
        if name not in taking_part
    }
    for title, prepare in (("training step", training), ("prediction", prediction)):
        turns = {name: prepare(contestant) for name, contestant in taking_part.items()}
        what = f"{title}: U-Net on ResNet-18, {SIDE}², batch {BATCH}"
        yield Work(what, "pictures", BATCH, turns, options.rounds, skipped)
