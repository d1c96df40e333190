"""A neuron, or a network of two layers, learns to part points of the plane: everything can be seen.

    z = W₁x + b₁    a = φ(z)    s = w₂·a + b₂    p = σ(s)      (a neuron alone: s = w·x + b)

The loss is the cross-entropy −y log p − (1 − y) log(1 − p), or the squared error (p − y)², its mean over all
points; torch's SGD takes one step a pass over all of them. Where a neuron is sure and wrong, the squared
error's slope vanishes with σ'(s) while the cross-entropy's is p − y (Bishop, "Pattern recognition and machine
learning", 2006, §5.2; Nielsen, "Neural networks and deep learning", 2015, ch. 3). All is in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.inspection.walk import walk
from pellucid.ops.random import seed_of
from pellucid.studies.initialisation import ACTIVATIONS
from pellucid.studies.points import points_of
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.walk import Walk
from pellucid.views.contents import Table
from pellucid.views.neuron import learning

Floats = NDArray[np.float64]
Weights = dict[str, list[float] | list[list[float]]]

REACH = 1.2  # the plane is looked at from −1.2 to 1.2
SIDE = 48  # places a side at which it is asked
MOST_UNITS, MOST_STEPS = 16, 20_000
LOSSES = ("cross-entropy", "squared-error")


@dataclass(frozen=True)
class NeuronStudy(Study):
    data: Literal["linear", "circles", "xor", "spiral"] = "circles"
    """Which points."""
    hidden: int = 4
    """Units of the hidden layer, at most 16; with 0 it is one neuron."""
    activation: str = "tanh"
    """Of the hidden units: tanh, relu, sigmoid, …"""
    loss: Literal["cross-entropy", "squared-error"] = "cross-entropy"
    """What is made small."""
    rate: float = 0.5
    """The learning rate."""
    steps: int = 500
    """Passes over all points."""
    points: int = 160
    """How many."""
    noise: float = 0.0
    """Standard deviation of what is added to them."""
    seed: int = 0
    """The one seed of points and weights."""

    def run(self) -> Findings:
        points, labels = points_of(self.data, self.points, self.noise, self.seed)
        model = network(self)
        losses = learn(model, points, labels, self, self.steps)
        return _told(self, model, points, labels, losses)


def network(study: NeuronStudy) -> nn.Sequential:
    """(n, 2) → (n, 1), as it begins. Raises `InputError` for settings that cannot be."""
    if study.activation not in ACTIVATIONS:
        raise unknown_name("activation", study.activation, ACTIVATIONS)
    if study.loss not in LOSSES:
        raise unknown_name("loss", study.loss, LOSSES)
    if not 0 <= study.hidden <= MOST_UNITS or not 0 < study.rate <= 1000:
        raise InputError(
            f"expected 0 to {MOST_UNITS} hidden units and a learning rate above 0; got {study.hidden} and "
            f"{study.rate}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(study.seed, 1))
        if not study.hidden:
            return nn.Sequential(nn.Linear(2, 1, dtype=torch.float64))
        return nn.Sequential(
            nn.Linear(2, study.hidden, dtype=torch.float64),
            ACTIVATIONS[study.activation](),
            nn.Linear(study.hidden, 1, dtype=torch.float64),
        )


def weights_of(model: nn.Module) -> Weights:
    return {name: value.detach().tolist() for name, value in model.named_parameters()}


def put_weights(model: nn.Module, weights: Weights) -> None:
    """Raises `InputError` for weights that are not this network's."""
    own = dict(model.named_parameters())
    if set(own) != set(weights):
        raise InputError(f"the network has the weights {', '.join(own)}; got {', '.join(weights) or 'none'}")
    for name, parameter in own.items():
        given = torch.as_tensor(weights[name], dtype=torch.float64)
        if given.shape != parameter.shape or not given.isfinite().all():
            raise InputError(f"{name} is {'×'.join(map(str, parameter.shape))} finite numbers")
        parameter.data.copy_(given)


def loss_of(scores: Tensor, labels: Tensor, kind: str) -> Tensor:
    """The mean over all points; `scores` are before the sigmoid."""
    if kind == "squared-error":
        return F.mse_loss(torch.sigmoid(scores), labels)
    return F.binary_cross_entropy_with_logits(scores, labels)


def learn(model: nn.Module, points: Tensor, labels: Tensor, study: NeuronStudy, steps: int) -> list[float]:
    """Take `steps` steps; the loss before each of them, and after the last: `steps` + 1 numbers."""
    if not 0 <= steps <= MOST_STEPS:
        raise InputError(f"expected 0 to {MOST_STEPS:,} steps; got {steps}")
    optimiser = torch.optim.SGD(model.parameters(), lr=study.rate)
    losses = []
    with torch.enable_grad():
        for step in range(steps + 1):
            loss = loss_of(model(points)[:, 0], labels, study.loss)
            losses.append(float(loss.detach()))
            if step < steps:
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
    return losses


@torch.no_grad()
def landscape(model: nn.Sequential) -> tuple[Floats, Floats]:
    """What the network makes of the plane, row by row from the top: its probabilities (SIDE, SIDE), and what
    each hidden unit gives (units, SIDE, SIDE).
    """
    along = torch.linspace(-REACH, REACH, SIDE, dtype=torch.float64)
    y, x = torch.meshgrid(along.flip(0), along, indexing="ij")
    plane = torch.stack([x, y], -1).reshape(-1, 2)
    units = model[:-1](plane) if len(model) > 1 else plane[:, :0]
    probabilities = torch.sigmoid(model(plane))[:, 0]
    return probabilities.reshape(SIDE, SIDE).numpy(), units.T.reshape(-1, SIDE, SIDE).numpy()


def walk_through(model: nn.Sequential, study: NeuronStudy, point: Sequence[float], label: float) -> Walk:
    """One point forward and back, an operation at a time."""
    weights = {name: value.detach() for name, value in model.named_parameters()}
    given: dict[str, object] = {"x": list(point), "y": [float(label)]}
    names = ("W1", "b1", "w2", "b2") if study.hidden else ("w", "b")
    given |= dict(zip(names, weights.values(), strict=True))
    activation = ACTIVATIONS[study.activation]()

    def loss(*values: Tensor) -> Tensor:
        x, y, *own = values
        hidden = activation(F.linear(x, own[0], own[1])) if study.hidden else x
        p = torch.sigmoid(F.linear(hidden, own[-2], own[-1]))
        if study.loss == "squared-error":
            return ((p - y) ** 2).sum()
        return F.binary_cross_entropy(p, y, reduction="sum")

    return walk(loss, given, constants=("x", "y"))


@torch.no_grad()
def accuracy(model: nn.Module, points: Tensor, labels: Tensor) -> float:
    return float(((model(points)[:, 0] > 0) == (labels > 0.5)).double().mean())


def _told(
    study: NeuronStudy, model: nn.Sequential, points: Tensor, labels: Tensor, losses: Sequence[float]
) -> Findings:
    probabilities, _ = landscape(model)
    right = accuracy(model, points, labels)
    what = f"{study.hidden} hidden units ({study.activation})" if study.hidden else "One neuron"
    rows = tuple(
        (f"{name}[{', '.join(map(str, at))}]", float(value[at]))
        for name, value in ((name, value.detach().numpy()) for name, value in model.named_parameters())
        for at in np.ndindex(value.shape)
    )
    return Findings(
        "A neuron learns" if not study.hidden else "A small network learns",
        f"{what} on {study.points} points ({study.data}): after {study.steps} steps of {study.rate:g} the "
        f"{study.loss} is {losses[-1]:.4g}, and {100 * right:.1f} % are right.",
        Table(("weight", "value"), rows),
        learning(probabilities, points.numpy(), labels.numpy(), losses, REACH),
        {**asdict(study), "losses": list(losses), "accuracy": right, "weights": weights_of(model)},
        heading="What it learnt",
    )


STUDIES: dict[str, type[Study]] = {"neuron": NeuronStudy}
