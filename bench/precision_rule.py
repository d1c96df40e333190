"""What the rule that chooses the precision stands on: fp32 and bf16, each contiguous and channels-last.

For a grid of networks, sizes of picture and batches, training steps in the four modes take turns. Beside the
table: what the rule can know of the network without a stopwatch, what it chooses, and how fast that is
compared with the best mode.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.measure import Options, Turns, Work, keep_freed_memory, ratios, timed
from pellucid.inspection.cost import multiply_adds, parameter_count
from pellucid.models.naming import build_model
from pellucid.training.execution import choose_execution
from pellucid.training.processes import Processes
from pellucid.training.settings import HardwareSettings

GRID = {
    "lenet5": ((1, 28, 28),),
    "cifar-resnet8": ((3, 32, 32), (3, 64, 64)),
    "cifar-resnet20": ((3, 32, 32),),
    "resnet18": ((3, 32, 32), (3, 64, 64), (3, 128, 128), (3, 224, 224)),
    "mlp": ((1, 28, 28),),
    "torchvision/vgg11": ((3, 64, 64),),
    "torchvision/squeezenet1_1": ((3, 128, 128),),
    "torchvision/densenet121": ((3, 64, 64),),
    "torchvision/mobilenet_v2": ((3, 64, 64),),
    "torchvision/shufflenet_v2_x0_5": ((3, 64, 64),),
    "torchvision/convnext_tiny": ((3, 64, 64),),
}
BATCHES = (32, 128)
MODES = {
    "fp32": (False, False),
    "fp32 channels-last": (False, True),
    "bf16": (True, False),
    "bf16 channels-last": (True, True),
}
A_TURN = 4e9  # multiply-adds of a forward pass, at least one step


def works(options: Options) -> Iterator[Work]:
    keep_freed_memory()
    for name, shapes in GRID.items():
        for shape in shapes:
            for batch in BATCHES[: 1 if options.quick else None]:
                yield work(name, shape, batch, options)


def work(name: str, shape: tuple[int, ...], batch: int, options: Options) -> Work:
    model = build_model(name, inputs=shape, outputs=10)
    cost = multiply_adds(model, shape) or 0
    steps = max(1, round(A_TURN / (cost * batch)))
    turns = {mode: timed(steps_of(name, shape, batch, steps, *how)) for mode, how in MODES.items()}
    return Work(
        f"precision: {name} {shape[-1]}², batch {batch}",
        "pictures",
        batch * steps,
        turns,
        min(options.rounds, 5),
        findings=partial(findings, name, shape),
    )


def steps_of(
    name: str, shape: tuple[int, ...], batch: int, steps: int, bf16: bool, channels_last: bool
) -> Callable[[], None]:
    """`steps` steps on one batch of noise."""
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = build_model(name, inputs=shape, outputs=10).to(memory_format=layout)
    optimiser = torch.optim.SGD(model.parameters(), 0.01, 0.9, fused=True)
    inputs, targets = torch.randn(batch, *shape), torch.randint(10, (batch,))

    def run() -> None:
        for _ in range(steps):
            _step(model, optimiser, inputs.contiguous(memory_format=layout), targets, bf16)

    return run


def _step(
    model: nn.Module, optimiser: torch.optim.Optimizer, inputs: Tensor, targets: Tensor, bf16: bool
) -> None:
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss = F.cross_entropy(model(inputs).float(), targets)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def findings(name: str, shape: tuple[int, ...], turns: Turns) -> dict[str, object]:
    """What the rule may look at, what it says, and what that is worth."""
    model = build_model(name, inputs=shape, outputs=10)
    execution = choose_execution(model, shape, HardwareSettings(device="cpu"), Processes(), steps=0)
    chosen = execution.precision + " channels-last" * execution.channels_last
    best = max(turns, key=lambda mode: statistics.median(ratios(turns, mode, "fp32")))
    cost, parameters = multiply_adds(model, shape) or 0, parameter_count(model)
    return {
        "multiply-adds, M": round(cost / 1e6, 2),
        "parameters": parameters,
        "multiply-adds a parameter": cost / parameters,
        "best": best,
        "the rule takes": chosen,
        "× the best": statistics.median(ratios(turns, chosen, best)),
    }
