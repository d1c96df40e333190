"""What training has to remember, gathered into a checkpoint and put back: weights, optimisers, averages,
patience, position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.nn.utils.parametrize import ParametrizationList
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pellucid.models.weights import load_state
from pellucid.runs.checkpoint import Checkpoint
from pellucid.training.schedule import Patience
from pellucid.types.errors import InputError

_Tensors = tuple[Tensor, ...] | list[Tensor]
_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


@dataclass
class Position:
    """Where training stands: `step` steps are done, the last evaluation was after `evaluated` steps."""

    step: int = 0
    evaluated: int = -1


@dataclass
class State:
    """Everything a checkpoint holds. `sharded` says that parameters are spread over the processes (FSDP)."""

    model: nn.Module
    optimisers: Sequence[Optimizer]
    average: AveragedModel | None
    stopping: Patience
    plateau: Patience
    position: Position
    sharded: bool = False
    seconds: float = 0.0
    """Spent in steps so far, over all resumptions."""

    @property
    def evaluated_model(self) -> nn.Module:
        """The network to evaluate and to keep: the moving average where there is one."""
        return self.model if self.average is None else self.average.module

    def checkpoint(self, extra: Mapping[str, Any]) -> Checkpoint:
        """All of it, as tensors and numbers. With several processes and FSDP, every one of them has to call
        this.
        """
        if self.sharded:
            weights: dict[str, Any] = get_model_state_dict(self.model, options=_WHOLE)
            optimisers = [get_optimizer_state_dict(self.model, o, options=_WHOLE) for o in self.optimisers]
        else:
            weights, optimisers = self.model.state_dict(), [o.state_dict() for o in self.optimisers]
        state = {
            "step": self.position.step,
            "seconds": self.seconds,
            "optimisers": optimisers,
            "average": None if self.average is None else dict(self.average.state_dict()),
            "stopping": asdict(self.stopping),
            "plateau": asdict(self.plateau),
            "position": asdict(self.position),
            **extra,
        }
        return Checkpoint(weights, state)

    def kept(self) -> Checkpoint:
        """The weights to use from now on, without what only training needs."""
        if self.sharded:
            whole: dict[str, Any] = get_model_state_dict(self.model, options=_WHOLE)
            return Checkpoint(whole, {"step": self.position.step})
        return Checkpoint(self.evaluated_model.state_dict(), {"step": self.position.step})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put everything back as it was. Raises `InputError` for a checkpoint of another architecture or
        optimiser.
        """
        state = checkpoint.state
        if len(state["optimisers"]) != len(self.optimisers) or (state["average"] is None) != (
            self.average is None
        ):
            raise InputError(
                "the checkpoint was written with another optimiser or without the moving average (ema)"
            )
        if self.sharded:
            set_model_state_dict(self.model, dict(checkpoint.weights), options=_WHOLE)
            for optimiser, values in zip(self.optimisers, state["optimisers"], strict=True):
                set_optimizer_state_dict(self.model, optimiser, values, options=_WHOLE)
        else:
            load_state(self.model, checkpoint.weights, "the checkpoint")
            for optimiser, values in zip(self.optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(values)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.stopping, self.plateau = Patience(**state["stopping"]), Patience(**state["plateau"])
        self.position, self.seconds = Position(**state["position"]), state["seconds"]


def average_of(model: nn.Module, decay: float) -> AveragedModel | None:
    """An exponential moving average of the weights and buffers, torch's own; None for decay 0.

    At update n its decay is (1 + n) / (10 + n) where that is less, as TensorFlow's
    `ExponentialMovingAverage(num_updates=n)` has it: otherwise a thousand steps with 0.999 would still be a
    third of what came first.
    """
    if not decay:
        return None

    def average(kept: _Tensors, current: _Tensors, updates: Tensor | int) -> None:
        n = int(updates)
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(kept, current, n)  # type: ignore[no-untyped-call]

    return _Average(model, multi_avg_fn=average, use_buffers=True)


class _Average(AveragedModel):
    """Spectral norm divides by a singular value that two unit vectors find. Their averages are none, so they
    follow the averaged weights by an iteration of their own after each update.
    """

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        super().update_parameters(model)
        for module in self.module.modules():
            if isinstance(module, ParametrizationList):
                was = module.training
                module.train()()
                module.train(was)
