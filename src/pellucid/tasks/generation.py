"""Generation by two players: a generator makes samples of noise, a critic tells them from real ones.

Goodfellow et al., "Generative adversarial nets", NIPS 2014. Each player is an objective with an optimiser of
its own; they step on one batch after the other, the generator on every `critic_steps`-th only. What they
minimise is in `ops.adversarial`. What holds the critic's slope down: nothing, its weights clipped after each
step (Arjovsky et al., arXiv:1701.07875, algorithm 1), a penalty on the slope between real and generated
samples (Gulrajani et al., arXiv:1704.00028), or spectral norm, which is the network's ("dcgan-spectral").

In training the critic sees real and generated samples in batches apart, as in DCGAN's code. In one batch its
batch norm would tell each sample what the others are: on digits, after 1,876 steps of 64, FID was 500 so, and
74 with batches apart (the same network and rates as in `mnist-dcgan`).

Codes are drawn from torch's generator, which the loop seeds with (seed, step, process): the critic's first,
then the generator's. In evaluation a sample's code is a function of its index alone, so that the same ones
are seen along training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from pellucid.inspection.modes import evaluation_mode
from pellucid.metrics.generated import Duel, Generated, Judge, SampleQuality
from pellucid.metrics.metric import Metric
from pellucid.metrics.support import nearest
from pellucid.models.gan import Gan
from pellucid.ops.adversarial import critic_losses, generator_loss, gradient_penalty
from pellucid.ops.random import keys, normal
from pellucid.tasks.generation_views import picture_sections, point_sections
from pellucid.tasks.generation_watch import generator_troubles
from pellucid.tasks.judges import coordinates, of_run, pixels, plain_pixels
from pellucid.tasks.task import Losses, Objective, Pictures, TaskSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.types.optim import OptimSettings
from pellucid.types.recording import Probes, Recording
from pellucid.types.records import Record
from pellucid.views.generation import WINDOW
from pellucid.views.page import Section

Loss = Literal["non-saturating", "minimax", "least-squares", "hinge", "wasserstein"]
Constraint = Literal["none", "clip", "penalty"]
_RUNAWAY = 1e4  # a loss beyond which the critic, or who follows it, counts as running away
_CODES = 7  # the key of evaluation's codes
_SHOWN = 24
_SURFACE = 65  # points a side at which the critic's surface is measured


@dataclass(frozen=True)
class GenerationSettings(TaskSettings):
    """What the two players minimise."""

    loss: Loss = "non-saturating"
    """What both minimise; wasserstein needs a constraint, or spectral norm in the critic."""
    constraint: Constraint = "none"
    """clip: the critic's weights stay within ± `clip`; penalty: `penalty` times (slope − 1)² is added to its
    loss, the slope taken between real and generated samples.
    """
    clip: float = 0.01
    """How far the critic's weights may be from zero, with the constraint clip."""
    penalty: float = 10.0
    """The weight of the constraint penalty."""
    critic_steps: int = 1
    """Steps of the critic, each on a batch of its own, for each of the generator's."""
    critic_lr: float | None = None
    """The critic's learning rate at its highest; None: as the generator's, optim.lr."""
    conditional: bool = False
    """Whether both are told the class."""
    judge: str = ""
    """The run folder of a classifier whose features judge the samples; otherwise pictures are judged by their
    pixels, points by their coordinates.
    """

    def __post_init__(self) -> None:
        for name, kinds in (("loss", Loss), ("constraint", Constraint)):
            if getattr(self, name) not in get_args(kinds):
                known = ", ".join(get_args(kinds))
                raise InputError(f"{name} must be one of {known}, got {getattr(self, name)!r}")
        for name in ("clip", "penalty"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be a positive number, got {getattr(self, name)}")
        if self.critic_steps < 1:
            raise InputError(f"critic-steps must be at least 1, got {self.critic_steps}")
        if self.critic_lr is not None and not 0 < self.critic_lr < math.inf:
            raise InputError(f"critic-lr must be a positive number, got {self.critic_lr}")

    def outputs(self, info: DataInfo) -> int:
        """As many as there are classes that both are told; 1 where that is none."""
        if info.label_maps or len(info.shape) not in (1, 3) or (len(info.shape) == 1 and info.shape != (2,)):
            raise InputError(
                f"{info.name} is neither pictures of one size nor points of the plane, which generation makes"
            )
        if not self.conditional:
            return 1
        if len(info.classes) < 2 or info.multilabel:
            raise InputError(
                f"conditional generation needs two classes or more, one a sample; {info.name} has "
                f"{len(info.classes)}{', several a sample' if info.multilabel else ''}"
            )
        return len(info.classes)

    def build(self, info: DataInfo) -> Generation:
        self.outputs(info)
        return Generation(self, info)


@dataclass(frozen=True)
class Scored(Record):
    """How real the critic takes the sample to be, as a score that only compares."""

    score: float

    def __str__(self) -> str:
        return f"score {self.score:.3g}"


@dataclass(frozen=True)
class Generation:
    """The network is a `models.gan.Gan`."""

    settings: GenerationSettings
    info: DataInfo

    @cached_property
    def judge(self) -> Judge:
        if self.points:
            return coordinates()
        if self.settings.judge:
            return of_run(Path(self.settings.judge), self.info.preprocessing)
        return plain_pixels(self.info.preprocessing)

    @property
    def points(self) -> bool:
        return len(self.info.shape) == 1

    @property
    def primary(self) -> tuple[str, bool]:
        """FID sees two moments only, which points on a ring share with a point cloud; so of points,
        coverage.
        """
        name = self.judge.name
        return (f"coverage ({name})", True) if self.points else (f"FID ({name})", False)

    def objectives(self) -> Sequence[Objective]:
        clips = self.settings.constraint == "clip"
        return (
            Objective(
                "critic",
                self.critic_loss,
                players=lambda model: [_players(model).critic],
                optim=self._critic_optim,
                project=self.clip if clips else None,
                limit=_RUNAWAY,
            ),
            Objective(
                "generator",
                self.generator_loss,
                players=lambda model: [_players(model).generator],
                every=self.settings.critic_steps,
                limit=_RUNAWAY,
                watch=generator_troubles,
            ),
        )

    def _critic_optim(self, run: OptimSettings) -> OptimSettings:
        lr = self.settings.critic_lr
        return run if lr is None else replace(run, lr=lr)

    def critic_loss(self, model: nn.Module, batch: Batch) -> Losses:
        gan, labels = _players(model), self._labels(batch)
        real = batch.inputs
        with torch.no_grad():
            fake = self._made(gan, batch, labels)
        scores = gan.score(real.float(), labels), gan.score(fake, labels)
        parts = critic_losses(self.settings.loss, *scores)
        named = dict(zip(("real", "fake"), parts, strict=True))
        if self.settings.constraint == "penalty":
            where = torch.rand(len(real), device=real.device)
            penalty = gradient_penalty(lambda x: gan.score(x, labels), real, fake, where)
            named["penalty"] = self.settings.penalty * penalty
        return named

    def generator_loss(self, model: nn.Module, batch: Batch) -> Losses:
        gan, labels = _players(model), self._labels(batch)
        score = gan.score(self._made(gan, batch, labels), labels)
        return {"loss": generator_loss(self.settings.loss, score)}

    @torch.no_grad()
    def clip(self, model: nn.Module) -> None:
        """Bring the critic's weights back to where they may be."""
        for parameter in _players(model).critic.parameters():
            parameter.clamp_(-self.settings.clip, self.settings.clip)

    def _made(self, gan: Gan, batch: Batch, labels: Tensor | None) -> Tensor:
        codes = torch.randn(len(batch), gan.latent, device=batch.inputs.device)
        return gan.generate(codes, labels).float()

    def _labels(self, batch: Batch) -> Tensor | None:
        return batch.targets if self.settings.conditional else None

    def forward(self, model: nn.Module, batch: Batch) -> Generated:
        """What both players make of the batch; codes are functions of the indices, and both kinds are told
        the real samples' classes, or where those are not known, classes by the index.
        """
        gan, indices = _players(model), batch.indices
        codes = normal(keys(_CODES, indices), gan.latent).to(batch.inputs.device)
        labels = None
        if gan.classes:
            labels = batch.targets if _are_classes(batch) else indices % gan.classes
        samples = gan.generate(codes, labels).float()
        told = None if labels is None else torch.cat([labels, labels])
        scores = gan.score(torch.cat([batch.inputs.float(), samples]), told)  # of both in one call

        def score(others: Tensor, classes: Tensor | None) -> Tensor:
            with evaluation_mode(gan):
                return gan.score(others, classes)

        real, fake = scores.chunk(2)
        return Generated(batch.inputs, samples, labels, real, fake, score)

    def decode(self, output: Generated, batch: Batch) -> list[Scored]:
        return [Scored(*pair) for pair in zip(batch.indices.tolist(), output.real.tolist(), strict=True)]

    def probe(self, output: Generated, batch: Batch) -> Tensor:
        """(b, 4): the scores of the real and the generated sample, the slope between them, and which of the
        batch's real samples the generated one is nearest to. Of points also where both are, (b, 8).
        """
        closest = nearest(self.judge.features(output.samples), self.judge.features(batch.inputs))
        columns = [output.real, output.fake, output.slopes, closest.to(output.real)]
        rows = torch.stack([column.float() for column in columns], 1)
        return torch.cat([rows, batch.inputs.float(), output.samples], 1) if self.points else rows

    def exhibits(self, output: Generated, batch: Batch) -> dict[str, Tensor]:
        """The generated pictures, or one map of the critic's score over the plane, from its least to its
        greatest.
        """
        if self.points:
            with torch.no_grad():
                surface = output.score(_plane(batch.inputs.device), None).view(1, _SURFACE, _SURFACE)
            low, high = surface.min(), surface.max()
            shades = 255 * (surface - low) / (high - low).clamp_min(1e-12)
            return {"surface": shades.round().to(torch.uint8)}
        return {"generated": as_pictures(pixels(output.samples, self.info.preprocessing))}

    def metrics(self) -> Sequence[Metric]:
        classes = 0 if self.info.multilabel else len(self.info.classes)
        return (SampleQuality(self.judge, classes), Duel())

    def telling(self, evaluation: Evaluation) -> list[int]:
        return [int(index) for index in evaluation.indices[: 1 if self.points else _SHOWN]]

    def sections(
        self,
        evaluation: Evaluation,
        pictures: Pictures,
        probes: Probes | None,
        recordings: Sequence[Recording],
    ) -> list[Section]:
        show = point_sections if self.points else picture_sections
        return show(evaluation, recordings)


def as_pictures(samples: Tensor) -> Tensor:
    """(b, 1 or 3, h, w) in [0, 1] as (b, h, w) or (b, h, w, 3) uint8."""
    stored = (255 * samples).round().to(torch.uint8)
    return stored[:, 0] if stored.shape[1] == 1 else stored.permute(0, 2, 3, 1)


def _players(model: nn.Module) -> Gan:
    if not isinstance(model, Gan):
        raise InputError(
            f"generation needs a network of two players, such as gan, dcgan or gan-points; "
            f"got {type(model).__name__}"
        )
    return model


def _are_classes(batch: Batch) -> bool:
    targets = batch.targets
    return isinstance(targets, Tensor) and targets.dtype == torch.int64 and targets.ndim == 1


def _plane(device: torch.device) -> Tensor:
    """(n, 2): the points of the window in rows, from its top left corner."""
    along = torch.linspace(-WINDOW, WINDOW, _SURFACE, device=device)
    y, x = torch.meshgrid(along.flip(0), along, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


TASKS: dict[str, type[TaskSettings]] = {"generation": GenerationSettings}
