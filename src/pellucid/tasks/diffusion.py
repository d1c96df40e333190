"""Diffusion: say which noise is in a picture, at any amount of it; then pictures can be made of pure noise.

Ho, Jain & Abbeel, "Denoising diffusion probabilistic models", NeurIPS 2020 (arXiv:2006.11239): L_simple, eq.
14. Samples are made by DDIM (arXiv:2010.02502), in fewer steps than training has. In evaluation a sample's
step, noise and code are functions of its index alone, so that losses compare along training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.modes import evaluation_mode
from pellucid.metrics.diffusion import Denoised, NoiseError
from pellucid.metrics.metric import Metric
from pellucid.models.ddpm import Ddpm
from pellucid.ops.diffusion import ScheduleName, betas, ddim_step, kept, noised
from pellucid.ops.random import keys, normal, uniform
from pellucid.tasks.diffusion_views import sections
from pellucid.tasks.generation import as_pictures
from pellucid.tasks.judges import pixels
from pellucid.tasks.task import Losses, Objective, Pictures, TaskSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.types.records import Record
from pellucid.views.page import Section

_STEP, _NOISE, _CODE, _FRESH = 11, 12, 13, 14  # keys of evaluation's randomness
_SHOWN = 16
_MOMENTS = 9  # pictures of the denoising sequence


@dataclass(frozen=True)
class DiffusionSettings(TaskSettings):
    """How pictures go to noise, and back."""

    steps: int = 1000
    """In how many steps a picture becomes noise."""
    schedule: ScheduleName = "linear"
    """How much noise each step adds: linear (Ho et al.) or cosine (Nichol & Dhariwal), gentler with small
    pictures.
    """
    sampling_steps: int = 50
    """In how many steps noise becomes a picture; at most `steps`."""
    eta: float = 0.0
    """How much noise is drawn on the way back: 0 is DDIM, which draws none, 1 is DDPM."""

    def __post_init__(self) -> None:
        if self.schedule not in get_args(ScheduleName):
            raise InputError(f"schedule must be linear or cosine, got {self.schedule!r}")
        if self.steps < 20:
            raise InputError(f"steps must be at least 20, got {self.steps}")
        if not 1 <= self.sampling_steps <= self.steps:
            raise InputError(f"sampling-steps must be from 1 to {self.steps}, got {self.sampling_steps}")
        if not 0 <= self.eta <= 1:
            raise InputError(f"eta must be in [0, 1], got {self.eta}")

    def outputs(self, info: DataInfo) -> int:
        if len(info.shape) != 3 or info.label_maps:
            raise InputError(f"{info.name} has no pictures of one size, which diffusion makes")
        return info.shape[0]

    def build(self, info: DataInfo) -> Diffusion:
        self.outputs(info)
        return Diffusion(self, info)


@dataclass(frozen=True)
class NoiseFound(Record):
    """`error` is the mean squared error of the noise at `step`, 1 for who says nothing."""

    step: int
    error: float

    def __str__(self) -> str:
        return f"error {self.error:.3g} at step {self.step}"


@dataclass(frozen=True)
class Diffusion:
    """The network takes noisy pictures and their steps, and gives the noise: `models.ddpm.Ddpm`. Pictures are
    to be normalised to [-1, 1] (`model.mean` and `model.std` of 0.5).
    """

    settings: DiffusionSettings
    info: DataInfo

    @property
    def primary(self) -> tuple[str, bool]:
        return ("loss", False)

    @cached_property
    def kept(self) -> Tensor:
        """(T,) float64: ᾱ."""
        return kept(betas(self.settings.schedule, self.settings.steps))

    def objectives(self) -> Sequence[Objective]:
        return (Objective("noise", self.loss),)

    def loss(self, model: nn.Module, batch: Batch) -> Losses:
        steps = torch.randint(self.settings.steps, (len(batch),), device=batch.inputs.device)
        noise = torch.randn_like(batch.inputs)
        return {"loss": F.mse_loss(self._found(_ddpm(model), batch.inputs, noise, steps), noise)}

    def _found(self, model: Ddpm, pictures: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """The noise that the network finds in `pictures` after so many steps."""
        alpha = self.kept.to(pictures.device, torch.float32)[steps]
        found: Tensor = model(noised(pictures, noise, alpha), steps).float()
        return found

    def forward(self, model: nn.Module, batch: Batch) -> Denoised:
        ddpm, indices, pictures = _ddpm(model), batch.indices, batch.inputs.float()
        count = pictures[0].numel()
        noise = normal(keys(_NOISE, indices), count).view_as(pictures)
        steps = (uniform(keys(_STEP, indices), 1)[:, 0] * self.settings.steps).long()
        error = (self._found(ddpm, pictures, noise, steps) - noise).square().flatten(1).mean(1)
        start = normal(keys(_CODE, indices), count).view_as(pictures)

        def sample() -> list[Tensor]:
            with evaluation_mode(ddpm), torch.no_grad():
                return self.sample(lambda x, t: ddpm(x, t).float(), start, indices)

        return Denoised(steps, error, sample)

    def sample(
        self, noise_in: Callable[[Tensor, Tensor], Tensor], start: Tensor, indices: Tensor
    ) -> list[Tensor]:
        """From the noise `start` (b, c, h, w) to pictures: what there is before the first and after every
        step. `noise_in` says the noise in pictures at steps (b,).
        """
        settings, alphas = self.settings, self.kept.tolist()
        stops = torch.linspace(settings.steps - 1, 0, settings.sampling_steps).round().long().tolist()
        x, path = start, [start]
        for place, at in enumerate(stops):
            then = alphas[stops[place + 1]] if place + 1 < len(stops) else 1.0
            noise = noise_in(x, torch.full((len(x),), at, device=x.device))
            fresh = None
            if settings.eta:
                fresh = normal(keys(_FRESH, place, indices), x[0].numel()).view_as(x)
            x, _ = ddim_step(x, noise, alphas[at], then, fresh=fresh, eta=settings.eta)
            path.append(x)
        return path

    def decode(self, output: Denoised, batch: Batch) -> list[NoiseFound]:
        rows = zip(batch.indices.tolist(), output.steps.tolist(), output.errors.tolist(), strict=True)
        return [NoiseFound(*row) for row in rows]

    def probe(self, output: Denoised, batch: Batch) -> Tensor:
        """(b, 2): the step and the error of the noise."""
        return torch.stack([output.steps.float(), output.errors.float()], 1)

    def exhibits(self, output: Denoised, batch: Batch) -> dict[str, Tensor]:
        """A picture made for each sample, and how it came out of the noise, as a strip."""
        path = output.sample()
        moments = torch.linspace(0, len(path) - 1, min(_MOMENTS, len(path))).round().long().tolist()
        shown = [as_pictures(pixels(path[moment], self.info.preprocessing)) for moment in moments]
        return {"generated": shown[-1], "sequence": torch.cat(shown, 2)}

    def metrics(self) -> Sequence[Metric]:
        return (NoiseError(self.settings.steps),)

    def telling(self, evaluation: Evaluation) -> list[int]:
        return [int(index) for index in evaluation.indices[:_SHOWN]]

    def sections(
        self,
        evaluation: Evaluation,
        pictures: Pictures,
        probes: Probes | None,
        recordings: Sequence[Recording],
    ) -> list[Section]:
        return sections(evaluation, recordings)


def _ddpm(model: nn.Module) -> Ddpm:
    if not isinstance(model, Ddpm):
        raise InputError(
            f"diffusion needs a network that is told the step, such as ddpm; got {type(model).__name__}"
        )
    return model


TASKS: dict[str, type[TaskSettings]] = {"diffusion": DiffusionSettings}
