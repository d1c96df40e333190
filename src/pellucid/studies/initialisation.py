"""How far signals come forward, and gradients back, in a deep network that has not been trained.

Every network is the same layers, one after another, with an activation between them and the same weights at
the start; what differs is how these are drawn and which activation it is. Nothing normalises, so that what a
layer does to variances is done again by the next.

The theory is of layers so wide that what they give is Gaussian: He et al. 2015 for rectifiers, and for any
activation φ Poole et al., "Exponential expressivity in deep neural networks through transient chaos", NIPS
2016 (arXiv:1606.05340), and Schoenholz et al., "Deep information propagation", ICLR 2017 (arXiv:1611.01232).
With z standard normal and v the weights' variance, the mean square q of what a layer gives, and p of the
gradient there, follow

    q' = fan_in · v · E[φ(√q z)²]        p = fan_out · v · E[φ'(√q z)²] · p'

where a dash means one layer further on. Glorot & Bengio's 2010 argument is φ(x) = x.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.blocks.initialisation import INITIALISATIONS, fans, initialise
from pellucid.inspection.capture import capture
from pellucid.ops.random import seed_of
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError, unknown_name
from pellucid.views.contents import Table
from pellucid.views.figure import Figure
from pellucid.views.initialisation import Course, variances

Floats = NDArray[np.float64]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "linear": nn.Identity,
}

WIDTH = {"dense": 512, "convolutional": 128}
SAMPLES = {"dense": 32, "convolutional": 8}
SIDE = 4  # of the pictures that convolutions see
MUCH = 100.0  # from the first layer to the last; less is what one seed may do to layers of usual width


@dataclass(frozen=True)
class Passage:
    """Mean squares at each of L dense layers or convolutions, first to last (L,): of what the layer gives,
    which is its variance, since weights of either sign are as likely; and of how a score, a random sum of
    what the last one gives, changes with it.
    """

    activation: str
    initialisation: str
    signals: Floats
    gradients: Floats
    predicted_signals: Floats
    predicted_gradients: Floats

    @property
    def forward(self) -> float:
        """The last layer's signals over the first's; NaN where there are none."""
        return _ratio(self.signals[-1], self.signals[0])

    @property
    def backward(self) -> float:
        """The first layer's gradients over the last's."""
        return _ratio(self.gradients[0], self.gradients[-1])


@dataclass(frozen=True)
class InitialisationStudy(Study):
    network: Literal["dense", "convolutional"] = "dense"
    """convolutional: 3×3 over pictures of 4×4 whose opposite edges meet."""
    depth: int = 30
    """Layers with weights, from 2 on."""
    width: int | None = None
    """Units of a layer, 512 by default, or its channels, 128."""
    activation: tuple[str, ...] = tuple(ACTIVATIONS)
    """Which activations."""
    initialisation: tuple[str, ...] = tuple(INITIALISATIONS)
    """Which ways to begin."""
    seed: int = 0
    """The one seed of all weights and inputs."""

    def run(self) -> Findings:
        self.check()
        return _told(self, list(passages(self)))

    def check(self) -> None:
        """Raise `InputError` for settings that cannot be."""
        for kind, names, known in (
            ("activation", self.activation, ACTIVATIONS),
            ("initialisation", self.initialisation, INITIALISATIONS),
        ):
            for name in names:
                if name not in known:
                    raise unknown_name(kind, name, known)
            if not names:
                raise InputError(f"--{kind} needs at least one name")
        if self.depth < 2 or (self.width is not None and self.width < 1):
            raise InputError(
                f"expected a depth from 2 on and a width from 1 on; got {self.depth} and {self.width}"
            )


def passages(study: InitialisationStudy) -> Iterator[Passage]:
    """Run every initialisation with every activation; those of one initialisation share their weights."""
    layers, shape = _layers(study)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(study.seed))
        inputs = torch.randn(SAMPLES[study.network], *shape, dtype=torch.float64)
        score = torch.randn(SAMPLES[study.network], *shape, dtype=torch.float64)
        for initialisation in study.initialisation:
            torch.manual_seed(seed_of(study.seed, 1))
            initialise(nn.ModuleList(layers), initialisation)
            for activation in study.activation:
                measured = _measured(layers, activation, inputs, score)
                growth = predicted(layers[0].weight.shape, len(layers), activation, initialisation)
                yield Passage(activation, initialisation, *measured, *growth)


def _layers(study: InitialisationStudy) -> tuple[list[nn.Linear | nn.Conv2d], tuple[int, ...]]:
    """The layers, which change no shape, and the shape; in float64, in which even what vanishes is exact."""
    layers: list[nn.Linear | nn.Conv2d]
    width = study.width or WIDTH[study.network]
    if study.network == "dense":
        layers = [nn.Linear(width, width, dtype=torch.float64) for _ in range(study.depth)]
        return layers, (width,)
    layers = [
        nn.Conv2d(width, width, 3, padding=1, padding_mode="circular", dtype=torch.float64)
        for _ in range(study.depth)
    ]
    return layers, (width, SIDE, SIDE)


def _measured(
    layers: Sequence[nn.Module], activation: str, inputs: Tensor, score: Tensor
) -> tuple[Floats, Floats]:
    """The mean squares of signals and gradients at every layer."""
    parts = [layers[0]]
    for layer in layers[1:]:
        parts += [ACTIVATIONS[activation](), layer]
    model = nn.Sequential(*parts)
    weighted = [str(place) for place in range(0, len(parts), 2)]
    with capture(model, weighted, keep=lambda _, output: _mean_square(output), gradients=True) as seen:
        output = model(inputs)
        gradients = seen.gradients_of((output * score).sum())
    return np.array([*seen.outputs.values()]), np.array([_mean_square(each) for each in gradients.values()])


def _mean_square(values: Tensor) -> float:
    return float(values.detach().square().mean())


def predicted(
    shape: Sequence[int], depth: int, activation: str, initialisation: str
) -> tuple[Floats, Floats]:
    """What theory expects of `depth` layers with weights of `shape` (outputs, inputs, *kernel), for inputs of
    variance 1 and a gradient of variance 1 at the end.
    """
    fan_in, fan_out = fans(tuple(shape))
    variance = INITIALISATIONS[initialisation].variance(tuple(shape))
    signals, slopes = [fan_in * variance], []
    for _ in range(depth - 1):
        square, slope = gaussian_means(ACTIVATIONS[activation](), signals[-1])
        signals.append(fan_in * variance * square)
        slopes.append(fan_out * variance * slope)
    gradients: Floats = np.cumprod([1.0, *reversed(slopes)])[::-1].astype(np.float64)
    return np.array(signals), gradients


def gaussian_means(activation: nn.Module, q: float) -> tuple[float, float]:
    """E[φ(√q z)²] and E[φ'(√q z)²] for standard normal z.

    By the midpoint rule: to rounding for functions that are smooth, or straight on either side of 0, which is
    no midpoint; to 1e-5 for the others.
    """
    points, step = 4000, 0.005
    z = (torch.arange(points, dtype=torch.float64) - (points - 1) / 2) * step
    density = torch.exp(-z.square() / 2) * (step / math.sqrt(2 * math.pi))
    x = (math.sqrt(q) * z).requires_grad_()
    with torch.enable_grad():
        values = activation(x)
        (slopes,) = torch.autograd.grad(values.sum(), x)
    return float(density @ values.detach().square()), float(density @ slopes.square())


def verdict(ratio: float) -> str:
    """What has become of a variance from one end of the network to the other."""
    if math.isnan(ratio) or ratio == 0:
        return "nothing moves"
    return "vanishes" if ratio < 1 / MUCH else "explodes" if ratio > MUCH else "is kept"


def _ratio(end: float, start: float) -> float:
    return float(end / start) if start > 0 else math.nan


def _told(study: InitialisationStudy, found: Sequence[Passage]) -> Findings:
    rows = tuple(
        (
            each.activation,
            each.initialisation,
            verdict(each.forward),
            None if math.isnan(each.forward) else each.forward,
            verdict(each.backward),
            each.backward,
        )
        for each in sorted(found, key=lambda each: study.activation.index(each.activation))
    )
    columns = ("activation", "weights", "signals", "ratio", "gradients", "ratio")
    caption = (
        "Ratios of variances: of signals in the last layer to the first, of gradients in the first to the "
        f"last. What changes less than {MUCH:g}-fold is kept."
    )
    layers = "dense layers" if study.network == "dense" else "convolutions of 3×3"
    width = study.width or WIDTH[study.network]
    return Findings(
        "How weights begin",
        f"The variance of signals and of gradients in networks of {study.depth} {layers}, {width} wide, "
        f"before any training, with seed {study.seed}.",
        Table(columns, rows, caption),
        _figure(study, found),
        {**asdict(study), "passages": [_numbers(each) for each in found]},
        heading="By depth",
    )


def _figure(study: InitialisationStudy, found: Sequence[Passage]) -> Figure:
    courses = {}
    for activation in study.activation:
        own = [each for each in found if each.activation == activation]
        courses[activation] = (
            [Course(each.initialisation, each.signals, each.predicted_signals) for each in own],
            [
                Course(each.initialisation, each.gradients[::-1], each.predicted_gradients[::-1])
                for each in own
            ],
        )
    return variances(courses)


def _numbers(passage: Passage) -> dict[str, Any]:
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in asdict(passage).items()
    } | {"forward": passage.forward, "backward": passage.backward}


STUDIES: dict[str, type[Study]] = {"initialisation": InitialisationStudy}
