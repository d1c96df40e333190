"""Where and how a network is run: device, precision, memory format, threads. Chosen by rule, said in one
line, overridable.

The rule asks the hardware and the network only, never a stopwatch, so the same run on the same machine is the
same run.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid.inspection.cost import multiply_adds, parameter_count
from pellucid.ops.precision import multiplies_bf16_fast
from pellucid.tasks.task import Objective
from pellucid.training.processes import Processes
from pellucid.training.settings import HardwareSettings
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError

# Measured by bench/precision_rule.py. Where a weight is used only a few times for each picture, fetching and
# casting it costs more than the faster multiplication gains; so does casting in tiny networks and in
# depthwise convolutions.
_REUSE_FOR_BF16, _WORK_FOR_BF16 = 10, 10_000_000
_REUSE_FOR_CHANNELS_LAST = 5
_LOSS_TOLERANCE, _NORM_TOLERANCE = 0.05, 2.0


@dataclass(frozen=True)
class Execution:
    device: torch.device
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = False
    threads: int = 1
    compile: bool = False

    def describe(self) -> str:
        """One line: what was chosen."""
        parts = [str(self.device), self.precision, "channels-last" if self.channels_last else "contiguous"]
        if self.device.type == "cpu":
            parts.append(f"{self.threads} thread{'s' if self.threads > 1 else ''}")
        return " · ".join(parts + ["compiled"] * self.compile)

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """The context in which the forward pass runs."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Set this process's threads, and deterministic kernels on GPUs, for the duration."""
        threads, deterministic = torch.get_num_threads(), torch.backends.cudnn.deterministic
        torch.set_num_threads(self.threads)
        torch.backends.cudnn.deterministic = True  # exact resume costs a few per cent there
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.backends.cudnn.deterministic = deterministic


def choose_execution(
    model: nn.Module, shape: tuple[int, ...], settings: HardwareSettings, processes: Processes, *, steps: int
) -> Execution:
    """Resolve every "auto" of `settings` for a network that takes inputs of `shape`, trained for `steps`
    steps.
    """
    device = choose_device(settings.device, processes)
    work = multiply_adds(model, shape) or 0
    reuse = work / max(1, parameter_count(model))
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    depthwise = any(layer.groups == layer.in_channels > 1 for layer in convolutions)
    precision = settings.precision
    if precision == "auto":
        worth = reuse >= _REUSE_FOR_BF16 and work >= _WORK_FOR_BF16 and not depthwise
        precision = "bf16" if worth and multiplies_bf16_fast(device) else "fp32"
    channels_last = settings.memory_format == "channels-last"
    sharded = settings.parallel == "fsdp" and processes.world > 1  # FSDP takes contiguous parameters only
    if channels_last and sharded:
        raise InputError(
            "hardware.memory-format channels-last does not go with hardware.parallel fsdp; leave one"
        )
    if settings.memory_format == "auto" and not sharded:
        channels_last = bool(convolutions) and (reuse >= _REUSE_FOR_CHANNELS_LAST or depthwise)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = settings.threads or max(1, available // processes.local_world)
    compiled = settings.compile == "on" or (
        settings.compile == "auto" and device.type == "cuda" and steps >= 2000
    )
    return Execution(device, precision, channels_last, threads, compiled)


def choose_device(name: str, processes: Processes) -> torch.device:
    """The device called `name`; "auto" is an accelerator where there is one. Raises `InputError`."""
    if name == "auto":
        kind = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        name = "cpu" if kind is None else kind.type
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"hardware.device must be auto, cpu, cuda, cuda:N or mps, got {name!r}") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"hardware.device must be auto, cpu, cuda, cuda:N or mps, got {name!r}")
    if device.type == "cuda":
        count = torch.cuda.device_count()
        index = processes.local_rank if device.index is None else device.index
        if index >= count:
            raise InputError(
                f"hardware.device is {name!r}, but this machine shows torch {count} CUDA devices"
            )
        device = torch.device("cuda", index)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("hardware.device is 'mps', but torch finds no Apple GPU here")
    return device


def guard(
    model: nn.Module, objective: Objective, batch: Batch, execution: Execution
) -> tuple[Execution, str]:
    """Fall back to fp32 where one step in bf16 disagrees with the same step in fp32; returns the execution to
    use and why.

    Compared are the loss (5 % apart at most) and the length of the gradient (a factor of 2), on a copy of the
    network, which comes in the modes it will be trained in. Not its direction: in a fresh ResNet-50, rounding
    the weights to bf16 turns the exact gradient as far (cosine 0.35) as computing in bf16 does.
    """
    exact = replace(execution, precision="fp32")
    loss, gradient = _one_step(model, objective, batch, execution)
    exact_loss, exact_gradient = _one_step(model, objective, batch, exact)
    off = abs(loss - exact_loss) / max(abs(exact_loss), 1e-6)
    length, exact_length = float(gradient.norm()), float(exact_gradient.norm())
    alike = exact_length <= length * _NORM_TOLERANCE and length <= exact_length * _NORM_TOLERANCE
    if off <= _LOSS_TOLERANCE and alike:
        return execution, ""
    return exact, (
        f"bf16 disagrees with fp32 on the first batch (loss {loss:.4g} against {exact_loss:.4g}, "
        f"gradient norm {length:.4g} against {exact_length:.4g}): training goes on in fp32"
    )


def _one_step(
    model: nn.Module, objective: Objective, batch: Batch, execution: Execution
) -> tuple[float, Tensor]:
    copied = copy.deepcopy(model)
    torch.manual_seed(0)
    with execution.autocast():
        total = torch.stack([*objective.loss(copied, batch).values()]).sum()
    parameters = [p for m in objective.players(copied) for p in m.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    return float(total.detach()), torch.cat([g.flatten().double() for g in gradients if g is not None])
