"""One objective in training: its parameters, its optimisers, and what one step of it does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from pellucid.inspection.nonfinite import first_nonfinite
from pellucid.tasks.task import Losses, Objective
from pellucid.training.execution import Execution
from pellucid.training.optim import build_optimisers, set_rate
from pellucid.training.processes import Processes
from pellucid.training.settings import Settings
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


class NonFiniteError(ArithmeticError):
    """A gradient is NaN or infinite; the step was not taken."""


class _Loss(nn.Module):
    """A network and what it is trained for as one module, so that DDP wraps the whole forward pass of any
    objective.
    """

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Batch) -> Losses:
        return self.objective.loss(self.model, batch)


@dataclass(frozen=True)
class Taken:
    """What one step did: `losses`, whose mean over the processes is that over the batch, and `norm`, the
    gradient's before clipping.
    """

    losses: dict[str, Tensor]
    norm: float


class Player:
    """Steps one objective's parameters. With several players, only the one whose turn it is collects
    gradients.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        settings: Settings,
        execution: Execution,
        processes: Processes,
        rates: Mapping[Tensor, float] | None = None,
    ) -> None:
        modules = list(objective.players(model))
        self.objective, self.processes, self.execution = objective, processes, execution
        self._model, self._settings = model, settings
        self.parameters = list(dict.fromkeys(p for m in modules for p in m.parameters() if p.requires_grad))
        mine = set(self.parameters)
        self._others = [p for p in model.parameters() if p.requires_grad and p not in mine]
        if not self.parameters:
            raise InputError(f"nothing to train for {objective.name}: no parameter of the network is free")
        own = objective.optim(settings.optim)
        self.optimisers = build_optimisers(modules, own, rates)
        self._rate = own.lr / settings.optim.lr
        self._buffers = list(model.buffers())
        self._kept = [buffer.clone() for buffer in self._buffers]
        self._loss: nn.Module = _Loss(model, objective)
        if processes.world > 1 and settings.hardware.parallel == "ddp":
            with self._turn():
                self._loss = DistributedDataParallel(self._loss)

    def step(self, batch: Batch, count: int, lr: float) -> Taken:
        """One step on this process's share `batch` of a batch of `count` samples, where `lr` is the run's
        learning rate.

        Raises `NonFiniteError` before touching the weights.
        """
        with torch.no_grad():
            if self._buffers:
                torch._foreach_copy_(self._kept, self._buffers)
        with self._turn():
            losses = self._backward(batch, len(batch) * self.processes.world / count)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = _whole(get_total_norm(gradients))
        loss = self.processes.mean(torch.stack([*losses.values()]).sum().float())
        beyond = loss.abs() > self.objective.limit
        value = float(torch.where(beyond, torch.inf, norm + 0 * loss))  # one look at the device for all
        if not value < float("inf"):
            self._forget_forward()
            raise NonFiniteError
        if self._settings.clip_norm:
            clip_grads_with_norm_(self.parameters, self._settings.clip_norm, norm)
        for optimiser in self.optimisers:
            set_rate(optimiser, lr * self._rate)
            optimiser.step()
        if self.objective.project is not None:
            self.objective.project(self._model)
        return Taken(losses, value)

    @torch.no_grad()
    def _forget_forward(self) -> None:
        """Put back what the forward pass changed: batch norm's running statistics."""
        for kept, buffer in zip(self._kept, self._buffers, strict=True):
            buffer.copy_(kept)

    def first_nonfinite(self, batch: Batch) -> str | None:
        """Which layer makes the loss or the gradient of `batch` NaN or infinite, found by running it once
        more, or that the loss is beyond its limit.
        """
        losses: Losses = {}

        def run() -> Tensor:
            nonlocal losses
            with self.execution.autocast():
                losses = self.objective.loss(self._model, batch)
                return torch.stack([*losses.values()]).sum()

        with self._turn():
            found = first_nonfinite(self._model, run)
        total, limit = sum(float(loss.detach()) for loss in losses.values()), self.objective.limit
        if found is None and abs(total) > limit:
            return f"the {self.objective.name} runs away: its loss is {total:.3g}, beyond ±{limit:g}"
        return found

    def _backward(self, batch: Batch, weight: float) -> dict[str, Tensor]:
        """Gradients of the summed losses, in `accumulate` parts, and the losses."""
        for parameter in self.parameters:
            parameter.grad = None
        parts = batch.chunk(self._settings.accumulate)
        losses: dict[str, Tensor] = {}
        for number, part in enumerate(parts):
            share = len(part) / len(batch)
            with self._synchronised(last=number == len(parts) - 1):
                with self.execution.autocast():
                    found = self._loss(part)
                (sum(found.values()) * (share * weight)).backward()
            for name, loss in found.items():
                losses[name] = losses.get(name, 0) + loss.detach() * (share * weight)
        return losses

    def _synchronised(self, *, last: bool) -> contextlib.AbstractContextManager[object]:
        """DDP averages gradients over the processes in the last part only."""
        if last or not isinstance(self._loss, DistributedDataParallel):
            return contextlib.nullcontext()
        return self._loss.no_sync()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Only this player's parameters collect gradients."""
        for parameter in self._others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self._others:
                parameter.requires_grad_(True)


def _whole(value: Tensor) -> Tensor:
    """A sharded tensor's full value."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value
