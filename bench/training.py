"""Training throughput: pictures per processor second, and per second, of one thread.

What is counted. Every contestant (see `bench.contestants`) runs in a process of its own, where it builds all
that it needs; that, with its imports, is not counted. Then it trains once, without end, and is held after
every block of steps; the blocks of the contestants alternate. The first block, with whatever a framework does
at the start of a training, is shown apart; the others are the throughput: fetching, normalising, forward,
backward, the optimiser's step, and what a framework adds to them. Every process keeps the memory it once had,
so that none is slower for the accidents of its heap. Validation is in no one's blocks. Of Pellucid's
recordings those that fall into the blocks are counted; what they cost in all is the subject of
`bench.recorder`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torchvision
from torch import nn

from bench.contestants import Job, by_hand, keras, lightning, pellucid, plain
from bench.measure import Options, Pause, Turns, Work, in_processes, ratios
from pellucid.data.shapes import Shapes

BY_HAND = "by hand, "
DISTINCT = 1024  # pictures rendered; a larger set repeats them


def resnet18() -> nn.Module:
    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    return model


def small_resnet18() -> nn.Module:
    """With the stem that networks for CIFAR have: 3×3, no pooling."""
    model = torchvision.models.resnet18(num_classes=10)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    whole: nn.Module = model
    return whole


def tiny_cnn() -> nn.Module:
    """The network of PyTorch's CIFAR-10 tutorial, 62,006 parameters: a loop's own costs show."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


@dataclass(frozen=True)
class Setting:
    network: Callable[[], nn.Module]
    size: int
    batch: int
    steps: int


SETTINGS = {
    "ResNet-18, 224², batch 32": Setting(resnet18, 224, 32, 1),
    "ResNet-18, 32², batch 32": Setting(small_resnet18, 32, 32, 3),
    "tiny CNN, 32², batch 64": Setting(tiny_cnn, 32, 64, 100),
}


def works(options: Options) -> Iterator[Work]:
    for title, setting in SETTINGS.items():
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            epoch = setting.batch * setting.steps * (options.rounds + 2)  # none ends while it is measured
            write_pictures(folder / "pictures.pt", setting.size, epoch)
            job = Job(setting.network, folder / "pictures.pt", setting.batch, setting.steps, options.threads)
            taking_part, skipped = contestants(job, folder / "run")
            with in_processes(taking_part) as turns:
                threads = f"{options.threads} thread{'s' * (options.threads > 1)}"
                yield Work(
                    f"training: {title}, {threads}",
                    "pictures",
                    setting.batch * setting.steps,
                    turns,
                    options.rounds,
                    skipped,
                    against_the_best,
                )


def write_pictures(path: Path, size: int, count: int) -> None:
    """`count` generated pictures, `DISTINCT` of them different."""
    batch = Shapes(0, 0, min(DISTINCT, count), size).in_memory()
    index = torch.arange(count) % len(batch)
    torch.save({"images": batch.inputs[index], "labels": batch.targets[index]}, path)


def contestants(job: Job, run: Path) -> tuple[dict[str, Callable[[Pause], None]], dict[str, str]]:
    """Those that can take part, and why the others cannot."""
    ours: dict[str, Callable[[Pause], None]] = {
        "plain loop, fp32": partial(plain, job),
        f"{BY_HAND}fp32 + channels-last": partial(by_hand, job, bf16=False),
        f"{BY_HAND}bf16 + channels-last": partial(by_hand, job, bf16=True),
        "Pellucid": partial(pellucid, job, run=None),
        "Pellucid with a run folder": partial(pellucid, job, run=run),
    }
    rivals: Mapping[str, tuple[str, Callable[[Pause], None]]] = {
        "Lightning, fp32": ("lightning", partial(lightning, job, bf16=False)),
        "Lightning, bf16 + channels-last": ("lightning", partial(lightning, job, bf16=True)),
        "Keras 3 on torch": ("keras", partial(keras, job)),
    }
    installed = {name: run for name, (package, run) in rivals.items() if find_spec(package)}
    missing = {
        name: f"{package} is not installed" for name, (package, _) in rivals.items() if name not in installed
    }
    return ours | installed, missing


def against_the_best(turns: Turns) -> dict[str, object]:
    """Pellucid beside the best of the hand-written loops, the plain one among them."""
    loops = [name for name in turns if name.startswith((BY_HAND, "plain"))]
    best = min(loops, key=lambda name: statistics.median(turn.cpu for turn in turns[name][1:]))
    found = ratios(turns, "Pellucid", best)
    return {
        "the best hand-written loop": best,
        "Pellucid, × the best hand-written loop": statistics.median(found),
    }
