"""Autoencoding: give a picture back through a code, with what is asked of that code.

The network sees the picture, or a spoiled one (noise, masked pixels: Vincent et al., ICML 2008), and is to
give back the clean one. The code may have to be sparse (Ng 2011), steady under small changes of the picture
(Rifai et al., ICML 2011), or drawn from a distribution near the prior (Kingma & Welling, ICLR 2014; with
`beta` above 1 Higgins et al., "β-VAE", ICLR 2017), as the network and the settings say.

Everything that is minimised is summed over a picture and averaged over the batch, so that with bce and a
variational network the loss is the negative evidence lower bound in nats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from pellucid.metrics.coding import CodeScores, Likeness
from pellucid.metrics.metric import Metric
from pellucid.models.autoencoder import Autoencoder, SigmoidAutoencoder
from pellucid.ops import coding
from pellucid.ops.random import keys
from pellucid.tasks.autoencoding_views import autoencoding_sections, telling
from pellucid.tasks.task import Losses, Objective, Pictures, TaskSettings
from pellucid.types.batch import Batch
from pellucid.types.coding import Coded
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.types.records import Reconstructed
from pellucid.views.page import Section

Loss = Literal["bce", "mse"]
Sparsity = Literal["none", "l1", "kl"]
_SPOILING, _POSTERIOR, _PRIOR = range(1, 4)  # the streams of randomness; results depend on these numbers


@dataclass(frozen=True)
class AutoencodingSettings(TaskSettings):
    """What is to come back, from what, and what is asked of the code."""

    asks_for_codes: ClassVar[bool] = True

    code: int = 32
    """How many numbers a picture's code has."""
    loss: Loss = "bce"
    """What a pixel costs that comes back wrong: bce, binary cross-entropy in nats, or mse, its squared error;
    summed over the picture.
    """
    noise: float = 0.0
    """Standard deviation of the Gaussian noise on what the network sees, in units of [0, 1]."""
    masking: float = 0.0
    """Share of the pixels, from 0 to below 1, that the network sees black."""
    beta: float = 1.0
    """Variational networks: weight of the KL divergence; 1 is the evidence lower bound."""
    sparsity: Sparsity = "none"
    """Networks with a code of logistic units: l1 makes activity costly; kl holds each unit's mean activity
    over the batch to `rate`.
    """
    rate: float = 0.05
    """kl: the mean activity that is asked for, in (0, 1)."""
    sparsity_weight: float = 10.0
    """Weight of the sparsity beside the reconstruction."""
    contraction: float = 0.0
    """Weight of the squared norm of the code's Jacobian; for autoencoder-sigmoid."""

    def __post_init__(self) -> None:
        if self.code < 1:
            raise InputError(f"code must be 1 number or more, got {self.code}")
        for name, known in (("loss", get_args(Loss)), ("sparsity", get_args(Sparsity))):
            if getattr(self, name) not in known:
                raise InputError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name in ("noise", "beta", "sparsity_weight", "contraction"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be 0 or a positive number, got {getattr(self, name)}")
        if not 0 <= self.masking < 1:
            raise InputError(f"masking must be from 0 to below 1, got {self.masking}")
        if not 0 < self.rate < 1:
            raise InputError(f"rate must lie between 0 and 1, got {self.rate}")

    @property
    def spoils(self) -> bool:
        return self.noise > 0 or self.masking > 0

    def outputs(self, info: DataInfo) -> int:
        if len(info.shape) != 3:
            raise InputError(f"{info.name} is a table; autoencoding needs pictures")
        if info.label_maps:
            raise InputError(
                f"the pictures of {info.name} have sizes of their own; autoencoding needs one size"
            )
        return self.code

    def build(self, info: DataInfo) -> Autoencoding:
        self.outputs(info)
        if info.preprocessing.channels == "BGR":
            raise InputError("autoencoding gives pictures back as RGB; leave model.channels at RGB")
        single = bool(info.classes) and not info.multilabel
        return Autoencoding(self, info.preprocessing, info.classes if single else ())


@dataclass(frozen=True)
class Autoencoding:
    """For `Autoencoder`s. `classes` are the data's, which conditional networks are told, () where a picture
    has not exactly one.
    """

    settings: AutoencodingSettings
    preprocessing: Preprocessing
    classes: tuple[str, ...] = ()

    @property
    def primary(self) -> tuple[str, bool]:
        return ("objective", False)

    def objectives(self) -> Sequence[Objective]:
        return (Objective("autoencoder", self.loss),)

    def loss(self, model: nn.Module, batch: Batch) -> Losses:
        """In training noise is new in every step: its keys come from torch's generator, which the loop
        seeds.
        """
        model = _autoencoder(model)
        own = keys(int(torch.randint(1 << 62, ())), batch.indices.cpu())
        told, wanted = self._told(model, batch), self.pixels(batch.inputs)
        code, log_variances = model.posterior(self._shown(self._spoiled(wanted, own)), told)
        drawn = _drawn(code, log_variances, own)
        named = {"reconstruction": self._errors(model.decode(drawn, told), wanted).mean()}
        if log_variances is not None:
            kl = coding.kl_from_standard_normal(code.float(), log_variances.float())
            named["KL"] = self.settings.beta * kl.sum(1).mean()
        return named | self._asked_of(model, code.float())

    def _asked_of(self, model: Autoencoder, code: Tensor) -> dict[str, Tensor]:
        """The terms for a code that shall be sparse or steady."""
        settings, named = self.settings, dict[str, Tensor]()
        if settings.sparsity == "none" and not settings.contraction:
            return named
        if not isinstance(model, SigmoidAutoencoder):
            raise InputError(
                "sparsity and contraction are asked of a code of logistic units; take autoencoder-sigmoid"
            )
        if settings.sparsity == "l1":
            named["sparsity"] = settings.sparsity_weight * code.abs().sum(1).mean()
        elif settings.sparsity == "kl":
            named["sparsity"] = (
                settings.sparsity_weight * coding.kl_of_rates(code.mean(0), settings.rate).sum()
            )
        if settings.contraction:
            named["contraction"] = (
                settings.contraction * coding.sigmoid_contraction(code, model.weight).mean()
            )
        return named

    def forward(self, model: nn.Module, batch: Batch) -> Coded:
        """In evaluation each sample has its own noise, the same every time."""
        model = _autoencoder(model)
        told, wanted = self._told(model, batch), self.pixels(batch.inputs)
        indices = batch.indices.cpu()
        seen = self._spoiled(wanted, keys(_SPOILING, indices))
        code, log_variances = model.posterior(self._shown(seen), told)
        at_mean = model.decode(code, told)
        errors_at_mean = errors = self._errors(at_mean, wanted)
        if log_variances is not None:
            drawn = _drawn(code, log_variances, keys(_POSTERIOR, indices))
            errors = self._errors(model.decode(drawn, told), wanted)

        def sampled() -> Tensor:
            prior = coding.normal(keys(_PRIOR, indices).to(wanted.device), code.shape[1])
            return self.given(model.decode(prior, told))

        variances = None if log_variances is None else log_variances.float()
        return Coded(
            wanted, seen, self.given(at_mean), code.float(), errors, errors_at_mean, variances, sampled
        )

    def given(self, raw: Tensor) -> Tensor:
        """What the network gives, (b, c, h, w), as pictures in [0, 1]."""
        raw = raw.float()
        return raw.sigmoid() if self.settings.loss == "bce" else raw.clamp(0, 1)

    def pixels(self, inputs: Tensor) -> Tensor:
        """Normalised inputs (b, c, h, w) as [0, 1]."""
        mean, std = self._statistics(inputs)
        return ((inputs.float() * std + mean) / (255 * self.preprocessing.scale)).clamp(0, 1)

    def _shown(self, pictures: Tensor) -> Tensor:
        """Pictures in units of [0, 1] as the network sees them: `pixels` undone."""
        mean, std = self._statistics(pictures)
        return (pictures * (255 * self.preprocessing.scale) - mean) / std

    def _statistics(self, like: Tensor) -> list[Tensor]:
        record = self.preprocessing
        return [like.new_tensor(numbers).view(-1, 1, 1) for numbers in (record.mean, record.std)]

    def _spoiled(self, pictures: Tensor, own: Tensor) -> Tensor:
        if self.settings.noise:
            pictures = coding.with_gaussian_noise(pictures, own, self.settings.noise)
        return coding.masked(pictures, own, self.settings.masking) if self.settings.masking else pictures

    def _errors(self, raw: Tensor, wanted: Tensor) -> Tensor:
        criterion = coding.binary_cross_entropy_nats if self.settings.loss == "bce" else coding.squared_error
        return criterion(raw.float(), wanted)

    def _told(self, model: Autoencoder, batch: Batch) -> Tensor | None:
        if not model.conditions:
            return None
        if not self.classes:
            raise InputError(
                "a conditional network is told each picture's class; these data have no single one"
            )
        targets: Tensor = batch.targets
        return targets

    def decode(self, output: Coded, batch: Batch) -> list[Reconstructed]:
        pictures = (255 * output.made).round().byte().permute(0, 2, 3, 1).expand(-1, -1, -1, 3).cpu().numpy()
        columns = (batch.indices.tolist(), output.errors_at_mean.tolist(), output.code.tolist(), pictures)
        return [
            Reconstructed(index, error, tuple(code), picture)
            for index, error, code, picture in zip(*columns, strict=True)
        ]

    def probe(self, output: Coded, batch: Batch) -> Tensor:
        """(b, 1 + k), or (b, 1 + 2 k) of a variational network: error, code, log variances."""
        columns = [output.errors_at_mean[:, None], output.code]
        return torch.cat(columns if output.log_variances is None else [*columns, output.log_variances], 1)

    def exhibits(self, output: Coded, batch: Batch) -> dict[str, Tensor]:
        """Pictures (b, c · h, w), channels below one another: wanted, seen, made, and drawn from the
        prior.
        """
        shown = {"wanted": output.wanted, "made": output.made}
        if self.settings.spoils:
            shown["seen"] = output.seen.clamp(0, 1)
        if output.log_variances is not None:
            shown["sampled"] = output.sampled()
        return {name: (255 * each).round().byte().flatten(1, 2) for name, each in shown.items()}

    def metrics(self) -> Sequence[Metric]:
        return (Likeness(self.settings.spoils), CodeScores(self.settings.beta))

    def telling(self, evaluation: Evaluation) -> list[int]:
        return telling(evaluation)

    def sections(
        self,
        evaluation: Evaluation,
        pictures: Pictures,
        probes: Probes | None,
        recordings: Sequence[Recording],
    ) -> list[Section]:
        rate = self.settings.rate if self.settings.sparsity == "kl" else None
        return autoencoding_sections(
            evaluation, pictures, recordings, self.classes, code=self.settings.code, rate=rate
        )


def _autoencoder(model: nn.Module) -> Autoencoder:
    if not isinstance(model, Autoencoder):
        raise InputError(
            f"autoencoding needs a network that encodes and decodes, a models.autoencoder.Autoencoder; got a "
            f"{type(model).__name__}"
        )
    return model


def _drawn(means: Tensor, log_variances: Tensor | None, own: Tensor) -> Tensor:
    """μ + σ ε, with ε a function of each sample's key: the reparametrised draw from the posterior."""
    if log_variances is None:
        return means
    noise = coding.normal(keys(own, _POSTERIOR).to(means.device), means.shape[1])
    return means + (log_variances / 2).exp() * noise


TASKS: dict[str, type[TaskSettings]] = {"autoencoding": AutoencodingSettings}
