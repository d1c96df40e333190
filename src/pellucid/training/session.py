"""One training set up: network, players, data and state on their device, and the moves that the loop makes
with them.
"""

from __future__ import annotations

import copy
import math
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard

from pellucid.data.augment import Augmentation
from pellucid.data.source import Data
from pellucid.inspection.cost import parameter_count
from pellucid.inspection.refusals import REFUSALS, first_line
from pellucid.models.naming import set_dropout
from pellucid.models.transfer import layer_rates
from pellucid.ops.random import seed_of
from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.checkpoint import Checkpoint, Name
from pellucid.runs.folder import RunFolder
from pellucid.tasks.task import Task
from pellucid.training.evaluation import evaluate
from pellucid.training.events import Saved
from pellucid.training.execution import Execution, choose_execution, guard
from pellucid.training.feed import Feed
from pellucid.training.player import Player
from pellucid.training.processes import current_processes
from pellucid.training.schedule import Patience, factor
from pellucid.training.settings import Settings, ignored
from pellucid.training.state import Position, State, average_of
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation


@dataclass(frozen=True)
class Step:
    """What a step did, the same in every process. `asked` and `due`: whether any process wants to stop, or to
    save.
    """

    losses: dict[str, float]
    norms: dict[str, float]
    lr: float
    asked: bool
    due: bool


class Session:
    """Everything that one training needs at hand; `notes` are what the user should be told at its start."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        data: Data,
        settings: Settings,
        run: RunFolder | None,
        resume: bool,
    ) -> None:
        if "train" not in data.splits:
            raise InputError(f"{data.info.name} is for tests alone; it has no training pictures")
        self.task, self.data, self.settings, self.run = task, data, settings, run
        self.processes = current_processes()
        self.notes = _left_out(data.info) + _unseen(data.info) + _mirrored(data.info, settings.augment)
        self.notes += [f"{name} is set, but {why}" for name, why in ignored(settings)]
        if not model.training:
            model.train()
        if settings.dropout is not None:
            set_dropout(model, settings.dropout)
        found = self._find_checkpoint() if resume else None
        self.execution = self._place(model, found)
        self.feed = Feed(data, settings, self.execution, self.processes)
        self._try(model)
        if found is None and settings.hardware.precision == "auto" and self.execution.precision == "bf16":
            batch = self.feed.samples("train", self.feed.order.at(0)[1][:32])
            guarded, why = guard(model, task.objectives()[0], batch, self.execution)
            # The first process decides the precision for all; the device and the threads stay each one's own.
            precision, why = self.processes.from_first((guarded.precision, why))
            self.execution = replace(self.execution, precision=precision)
            self.notes += [why] if why else []
        self.steps_per_epoch = self.feed.order.steps_per_epoch
        self.total_steps = settings.epochs * self.steps_per_epoch
        self.parameters = parameter_count(model)
        self.trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        self.state = self._set_up(model)
        if found is not None:
            self.state.restore(found)
        self._batches = self.feed.training(self.state.position.step, self.total_steps)
        self._batch: Batch | None = None
        self._turn: Player | None = None

    def _find_checkpoint(self) -> Checkpoint | None:
        """What to resume from: read by the first process, sent to all."""
        if self.run is None:
            raise InputError("resume needs the run to resume: fit(…, run=RunFolder.open(path), resume=True)")
        mine = checkpoints.load_newest(self.run.checkpoints, "last") if self.processes.first else (None, [])
        found, passed = self.processes.from_first(mine)
        self.notes += [f"passed over a checkpoint: {reason}" for reason in passed]
        if found is None:
            self.notes.append("there is no whole checkpoint yet: training starts from the beginning")
        elif found.state["fingerprint"] != self.data.info.fingerprint:
            raise InputError(
                f"the data changed since this run began (fingerprint {self.data.info.fingerprint[:12]}, then "
                f"{found.state['fingerprint'][:12]}): restore them, or start a new run"
            )
        return found

    def _place(self, model: nn.Module, found: Checkpoint | None) -> Execution:
        """Choose the execution and bring `model` to its device. A resumed run keeps the precision it had."""
        hardware = self.settings.hardware
        steps = self.settings.epochs * self.data.info.counts["train"] // self.settings.batch_size
        if found is not None:
            hardware = replace(
                hardware, precision=found.state["precision"], memory_format=found.state["memory_format"]
            )
        chosen = choose_execution(model, self.data.info.shape, hardware, self.processes, steps=steps)
        model.to(chosen.device)
        if chosen.channels_last:
            model.to(memory_format=torch.channels_last)
        return chosen

    def _try(self, model: nn.Module) -> None:
        """Run a copy of the network on two samples as it will be trained, and tell in one line if it cannot
        be.
        """
        batch = self.feed.samples("train", self.feed.order.at(0)[1][:2])
        try:
            with self.execution.autocast():
                self.task.objectives()[0].loss(copy.deepcopy(model), batch)
        except InputError:
            raise
        except REFUSALS as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise InputError(
                f"the network cannot be trained on {len(batch)} inputs of shape "
                f"{tuple(batch.inputs.shape[1:])}: {first_line(error)} "
                f"({Path(where.filename).name}, line {where.lineno})"
            ) from error

    def _set_up(self, model: nn.Module) -> State:
        """Players, moving average and memory, all at the beginning."""
        sharded = self.processes.world > 1 and self.settings.hardware.parallel == "fsdp"
        if sharded and (self.settings.ema or self.settings.optim.name == "muon"):
            raise InputError("hardware.parallel fsdp does not go with ema or muon; use ddp")
        if self.settings.hardware.sync_batch_norm:
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        first = self.settings.optim.first_layer
        by_name = layer_rates(model, self.data.info.shape, first) if first < 1 else {}
        if sharded:
            fully_shard(model)
        self._still = [module for module in model.modules() if not module.training]
        average = average_of(model, self.settings.ema)
        rates: dict[Tensor, float] = {
            parameter: by_name.get(name, 1.0) for name, parameter in model.named_parameters()
        }
        self._players = [
            Player(model, objective, self.settings, self.execution, self.processes, rates)
            for objective in self.task.objectives()
        ]
        if self.execution.compile:
            model.compile()
        higher = self.task.primary[1]
        optimisers = [optimiser for player in self._players for optimiser in player.optimisers]
        return State(model, optimisers, average, Patience(higher), Patience(higher), Position(), sharded)

    @property
    def batch_size(self) -> int:
        """Samples of a step, over all processes."""
        return min(self.settings.batch_size, self.feed.order.count)

    @property
    def epoch(self) -> float:
        return self.state.position.step / self.steps_per_epoch

    def take_step(self, *, asked: bool, due: bool, only: str = "") -> Step:
        """One step of each player whose turn it is, or of the one called `only`, whose ever it is. Raises
        `NonFiniteError` before the weights of the one whose turn it is are touched.
        """
        began = time.monotonic()
        step, settings = self.state.position.step, self.settings
        self._batch = next(self._batches)
        self._seed()
        lr = settings.optim.lr * factor(settings.schedule, step, self.total_steps, self.steps_per_epoch)
        if settings.schedule.name == "plateau":
            lr *= max(settings.schedule.gamma**self.state.plateau.reductions, settings.schedule.floor)
        self._as_trained()
        taken = {}
        for player in self._players:
            name, every = player.objective.name, player.objective.every
            if name == only if only else step % every == 0:
                self._turn = player
                taken[player.objective.name] = player.step(self._batch, self.batch_size, lr)
        if self.state.average is not None:
            self.state.average.update_parameters(self.state.model)
        self.state.position.step += 1
        self.state.seconds += time.monotonic() - began
        prefix = len(self._players) > 1
        losses = {
            f"{player}.{name}" if prefix else name: loss
            for player, step_taken in taken.items()
            for name, loss in step_taken.losses.items()
        }
        flags = torch.tensor([asked, due], dtype=torch.float32, device=self.execution.device)
        values = self.processes.mean(torch.cat([torch.stack(list(losses.values())).float(), flags])).tolist()
        return Step(
            dict(zip(losses, values, strict=False)),
            {player: step_taken.norm for player, step_taken in taken.items()},
            lr,
            values[-2] > 0,
            values[-1] > 0,
        )

    def _as_trained(self) -> None:
        """Training mode, whatever happened between the steps, but for what was in evaluation mode at the
        beginning.
        """
        self.state.model.train()
        for module in self._still:
            module.training = False

    def _seed(self) -> None:
        """Dropout and whatever else draws from torch's generator: decided by seed, step and process."""
        seed = seed_of(self.settings.seed, self.state.position.step, self.processes.rank)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed also formats a traceback, at every call
        if self.execution.device.type != "cpu":
            torch.get_device_module(self.execution.device).manual_seed(seed)

    def diagnose(self) -> str:
        """Which layer made the last batch's loss or gradient NaN or infinite, and in which process."""
        found = ""
        if self._batch is not None and self._turn is not None:
            self._seed()
            found = self._turn.first_nonfinite(self._batch) or ""
        by_rank = self.processes.gather(found)
        told = [f"process {rank}: {what}" for rank, what in enumerate(by_rank) if what]
        if not told:
            return "the gradient is not finite, but no layer could be made to show it again"
        return by_rank[0] if self.processes.world == 1 else "; ".join(told)

    def evaluates_now(self) -> bool:
        epoch, step = round(self.epoch), self.state.position.step
        return epoch % self.settings.evaluate_every == 0 or step == self.total_steps

    def evaluate(self) -> Evaluation:
        """The network as it would be kept, on the split that is watched during training."""
        return evaluate(
            self.state.evaluated_model,
            self.task,
            self.feed.evaluation(self.feed.watched),
            self.execution,
            split=self.feed.watched,
            step=self.state.position.step,
            processes=self.processes,
        )

    def judge(self, metrics: Mapping[str, float]) -> bool:
        """Take note of an evaluation; whether it is the best so far."""
        value = metrics.get(self.task.primary[0], math.nan)
        self.state.plateau.update(value, self.state.position.step)
        self.state.plateau.reduce(self.settings.schedule.patience)
        return self.state.stopping.update(value, self.state.position.step)

    def ending(self) -> Literal["", "epochs", "early-stopping"]:
        """Why there is nothing more to do; empty while there is."""
        if self.state.position.step >= self.total_steps:
            return "epochs"
        patience = self.settings.early_stopping
        return "early-stopping" if patience and self.state.stopping.bad >= patience else ""

    def save(self, name: Name) -> list[Saved]:
        """Write a checkpoint, where there is a run: by the first process, with every process taking part."""
        if self.run is None:
            return []
        extra = {
            "fingerprint": self.data.info.fingerprint,
            "precision": self.execution.precision,
            "memory_format": "channels-last" if self.execution.channels_last else "contiguous",
        }
        checkpoint = self.state.checkpoint(extra) if name == "last" else self.state.kept()
        if self.processes.first:
            checkpoints.save(self.run.checkpoints, name, checkpoint)
        return [Saved(self.state.position.step, name)]

    def close(self) -> None:
        """Stop the worker processes."""
        self._batches.close()


def _left_out(info: DataInfo) -> list[str]:
    """What training does without, in one note."""
    if not info.left_out:
        return []
    first = "; ".join(f"{left.path}: {left.reason}" for left in info.left_out[:3])
    count = len(info.left_out)
    return [f"{count} file{'s were' if count > 1 else ' was'} left out ({first}{'; …' if count > 3 else ''})"]


def _unseen(info: DataInfo) -> list[str]:
    """Classes that the training data do not show, as a label of one test picture by mistake."""
    names = [name for name, count in zip(info.classes, info.class_counts, strict=True) if not count]
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"no training sample was seen to show {', '.join(names[:3])}{more}, which then cannot be learnt"]


def _mirrored(info: DataInfo, augment: Augmentation) -> list[str]:
    """A warning where flips make other letters or digits of letters or digits."""
    if not augment.flip or not info.classes or any(len(name) > 1 for name in info.classes):
        return []
    return ["augment.flip mirrors pictures; for digits or letters turn that off by --augment.no-flip"]
