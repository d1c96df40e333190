"""A GAN on points of the plane, one player's step at a time, and what both are doing.

The training is the loop's own (`training.session`): moves of both players are the steps of `fit` with the
same settings and a constant learning rate, to the same bits. A lab is a function of its setup and its moves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.opening import open_data
from pellucid.data.planar import PLANAR
from pellucid.data.settings import DataSettings
from pellucid.inspection.modes import evaluation_mode
from pellucid.metrics.generated import Generated
from pellucid.models.naming import build_model
from pellucid.ops.adversarial import generator_loss
from pellucid.ops.random import seed_of
from pellucid.studies.gan import KINDS
from pellucid.training.player import NonFiniteError
from pellucid.training.recorder import Recorder
from pellucid.training.session import Session
from pellucid.training.settings import (
    HardwareSettings,
    OptimSettings,
    RecorderSettings,
    ScheduleSettings,
    Settings,
)
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError, unknown_name

Move = Literal["b", "c", "g"]
"""Both players, the critic alone, the generator alone."""
MOST = 20_000  # moves of one lab
SHOWN, PULLED, PROBES = 600, 120, 64  # points of each kind that are looked at, whose pull is shown, probed
_BATCH = 256
_PLAYERS: Mapping[str, str] = {"b": "", "c": "critic", "g": "generator"}


@dataclass(frozen=True)
class Setup:
    """`data` is a set of `data.planar`, `kind` one of `studies.gan`; `lr` the generator's learning rate, and
    `critic` how many times that is the critic's.
    """

    data: str = "gaussians8"
    kind: str = "plain"
    seed: int = 0
    lr: float = 1e-3
    critic: float = 4.0

    def __post_init__(self) -> None:
        if self.data not in PLANAR:
            raise unknown_name("planar distribution", self.data, PLANAR)
        if self.kind not in KINDS:
            raise unknown_name("kind of GAN", self.kind, KINDS)
        if not (0 < self.lr <= 1 and 0.01 <= self.critic <= 100):
            raise InputError(
                "expected a learning rate above 0, up to 1, and a critic 0.01 to 100 times as fast; got "
                f"{self.lr:g} and {self.critic:g}"
            )


@dataclass(frozen=True)
class Taken:
    """After `step` moves: the `losses` of who moved, by name, and their gradients' L2 `norms`."""

    step: int
    losses: Mapping[str, float]
    norms: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Scene:
    """What is to be seen after `step` moves.

    `real` and `made` are points (n, 2), the latter of the same codes always. `pulls` (m, 2) say for the first
    of them which way, and how strongly, the generator's loss pulls each: minus its gradient, times how many
    there are. `surface` is the critic's score over the window from −3 to 3, rows from the top, 0 at its least
    and 255 at its greatest. `measures` are the task's metrics by name; `troubles` words by name.
    """

    step: int
    real: NDArray[np.float32]
    made: NDArray[np.float32]
    pulls: NDArray[np.float32]
    surface: NDArray[np.uint8]
    measures: Mapping[str, float]
    troubles: Mapping[str, str]


class Lab:
    """Both players of a GAN at rest between two moves; `moves` are those made so far, `taken` what each
    did.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup, self.moves = setup, ""
        self.taken: list[Taken] = []
        self._trouble: dict[str, str] = {}
        data = open_data(DataSettings(name=setup.data))
        kind = KINDS[setup.kind]
        self.task = replace(kind.task, critic_lr=setup.critic * setup.lr).build(data.info)
        settings = settings_of(setup)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(setup.seed))
            self.model = build_model(kind.model, inputs=data.info.shape, outputs=1)
            self._session = Session(self.model, self.task, data, settings, None, False)
        self._recorder = Recorder(self._session, settings.recorder)
        self._batch = self._session.feed.samples("test", torch.arange(SHOWN))

    def move(self, moves: str) -> None:
        """Make further moves, a letter each. None is made any more once the training has diverged. Raises
        `InputError` for other letters, and beyond `MOST` moves.
        """
        for letter in set(moves):
            if letter not in get_args(Move):
                raise InputError(f"moves are b (both), c (critic) and g (generator); got {letter!r}")
        if len(self.moves) + len(moves) > MOST:
            raise InputError(
                f"a laboratory makes {MOST:,} moves at most; train a recipe (gaussians-gan) for more"
            )
        with self._alone():
            for letter in moves:
                self.moves += letter
                if not self._trouble:
                    self._take(_PLAYERS[letter])

    def _take(self, player: str) -> None:
        try:
            taken = self._session.take_step(asked=False, due=False, only=player)
        except NonFiniteError:
            self._trouble = {"runaway": self._session.diagnose()}
        else:
            self.taken.append(Taken(len(self.moves), taken.losses, taken.norms))

    def scene(self) -> Scene:
        """What both players do as they are now."""
        with self._alone():
            with evaluation_mode(self.model), torch.no_grad():
                output = self.task.forward(self.model, self._batch)
                surface = self.task.exhibits(output, self._batch)["surface"][0]
            return Scene(
                len(self.moves),
                self._batch.inputs.float().numpy(),
                output.samples.numpy(),
                self._pulls(output).numpy(),
                surface.numpy(),
                self._measures(output, self._batch),
                self._troubles(),
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """With torch's generator as it was afterwards, and one thread: these layers are too small for two."""
        with torch.random.fork_rng(devices=[]), self._session.execution.applied():
            yield

    def _pulls(self, output: Generated) -> Tensor:
        at = output.samples[:PULLED].detach().clone().requires_grad_()
        with evaluation_mode(self.model), torch.enable_grad():
            loss = generator_loss(self.task.settings.loss, output.score(at, None))
            (gradient,) = torch.autograd.grad(loss * len(at), at)
        return -gradient

    def _measures(self, output: Generated, batch: Batch) -> dict[str, float]:
        found: dict[str, float] = {}
        for metric in self.task.metrics():
            metric.update(output, batch)
            found |= metric.compute()
        return {name.partition(" (")[0]: value for name, value in found.items() if math.isfinite(value)}

    def _troubles(self) -> dict[str, str]:
        """What the training names as wrong with what the recorder sees now."""
        if self._trouble or not self.taken:
            return self._trouble
        recording = self._recorder.record()
        found: dict[str, Any] = {}
        for objective in self.task.objectives():
            found |= objective.watch(recording)
        return found


def settings_of(setup: Setup) -> Settings:
    """How a lab trains: as `study gan` does, with a learning rate that stays."""
    return Settings(
        epochs=MOST * _BATCH // 8000 + 1,
        batch_size=_BATCH,
        seed=setup.seed,
        optim=OptimSettings("adam", lr=setup.lr, beta1=0.5, beta2=0.9),
        schedule=ScheduleSettings("constant"),
        hardware=HardwareSettings(device="cpu", precision="fp32", threads=1, compile="off"),
        recorder=RecorderSettings(probes=PROBES),
    )
