"""What something in a network wants to see: pictures optimised until it answers as strongly as it can.

Olah, Mordvintsev & Schubert, "Feature Visualization", Distill 2017: gradient ascent on frequencies of
uncorrelated colours (`canvas`), the picture moved a little at every step (`motion`), and a term that keeps
several pictures different (`diversity`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from math import prod

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import Key, capture, unwrapped
from pellucid.inspection.layout import layer_layouts, layout_of_shape
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.parts import named_parts
from pellucid.inspection.running import run
from pellucid.ops.normalisation import normalised
from pellucid.ops.random import seed_of
from pellucid.synthesis.canvas import Canvas
from pellucid.synthesis.leaking import leaking
from pellucid.synthesis.looking import looked_at
from pellucid.synthesis.motion import Motion, moved
from pellucid.synthesis.objective import Objective, Outputs
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.excitation import Excitation

_SETTLING = 0.25  # of the steps, the last, grow smaller and smaller, so that the picture comes to rest


@dataclass(frozen=True)
class Ascent:
    """How pictures are optimised. `size` (height, width) is the canvas, by default what the network is used
    to, or 224². `lr` is Adam's. `diversity` weighs how unlike one another the pictures are to be: 0 for one
    picture. Every `every` steps there is a picture to see; the last is always one.
    """

    pictures: int = 1
    steps: int = 256
    size: tuple[int, int] | None = None
    lr: float = 0.05
    diversity: float = 0.0
    motion: Motion = field(default_factory=Motion)
    seed: int = 0
    every: int = 16

    def __post_init__(self) -> None:
        if min(self.pictures, self.steps, self.every) < 1:
            raise InputError(
                "pictures, steps and every are at least 1; "
                f"got {self.pictures}, {self.steps} and {self.every}"
            )
        if not self.lr > 0 or self.diversity < 0:
            raise InputError(
                f"lr is above 0 and diversity not below 0; got {self.lr:g} and {self.diversity:g}"
            )
        if self.size is not None and min(self.size) < 2:
            raise InputError(f"a canvas has at least 2 × 2 pixels; got {self.size}")


QUICK = Ascent(steps=24, size=(64, 64), lr=0.1, every=2)
"""To look on while it grows: a small canvas, a few bold steps, a picture at every second one."""


def excite(
    model: nn.Module, objective: Objective, preprocessing: Preprocessing, how: Ascent | None = None
) -> Excitation:
    """The pictures that `ascend` ends with."""
    for found in ascend(model, objective, preprocessing, how):
        if found.finished:
            return found
    raise AssertionError("an ascent ends with a finished picture")


def ascend(
    model: nn.Module, objective: Objective, preprocessing: Preprocessing, how: Ascent | None = None
) -> Iterator[Excitation]:
    """Pictures that excite `objective` more and more, as they grow.

    The network is left as it was, also between the pictures and if the rest is never asked for: weights,
    `.grad`, modes, hooks, random generators. It runs in evaluation mode, and no further than the layers that
    are asked. The same seed gives the same pictures on the same machine. Raises `InputError` for an address
    that the network does not have, and where nothing answers to any of several random starts.
    """
    how = how or Ascent()
    size = how.size or preprocessing.size or (224, 224)
    how = replace(how, size=size)
    stage = _Stage(model, objective, preprocessing, how)
    with torch.inference_mode(False), torch.enable_grad():
        canvas = stage.start()
        optimiser = torch.optim.Adam([canvas.spectrum], lr=how.lr)
    for step in range(1, how.steps + 1):
        with torch.inference_mode(False), torch.enable_grad():
            scores, gradient = stage.climb(canvas)
            canvas.spectrum.grad = gradient
            for group in optimiser.param_groups:
                group["lr"] = how.lr * min(1.0, (how.steps - step + 1) / (_SETTLING * how.steps))
            optimiser.step()
        if step == how.steps:
            yield stage.shown(canvas, stage.scores(canvas), step)
        elif step % how.every == 0:
            yield stage.shown(canvas, scores, step)


class _Stage:
    """The network, looked at while pictures are shown to it."""

    def __init__(
        self, model: nn.Module, objective: Objective, preprocessing: Preprocessing, how: Ascent
    ) -> None:
        self._model, self._objective, self._how, self._preprocessing = model, objective, how, preprocessing
        some = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
        self._device, self._dtype = some.device, some.dtype
        self._generator = torch.Generator().manual_seed(seed_of(how.seed))
        self._layers = objective.layers
        size = how.size or (224, 224)
        channels = len(preprocessing.mean)
        self._sample = torch.zeros(1, channels, *size, dtype=self._dtype, device=self._device)
        self._layouts = layer_layouts(model, [self._sample])
        if how.diversity and how.pictures > 1:
            self._textured = self._texture_layer()
            self._layers = tuple(dict.fromkeys((*objective.layers, self._textured)))

    def start(self) -> Canvas:
        """A canvas on which the objective has a gradient: nothing to climb leads nowhere."""
        size = self._how.size or (224, 224)
        shape = (self._how.pictures, len(self._preprocessing.mean), *size)
        canvas = Canvas(shape, self._generator, self._device)
        _, gradient = self.climb(canvas)
        if not gradient.any():
            raise InputError(
                f"{self._objective.text} does not change with the picture, not even where activations are "
                "let leak: it does not depend on it, or overflows; choose another address"
            )
        return canvas

    def climb(self, canvas: Canvas) -> tuple[tuple[float, ...], Tensor]:
        """The scores of the pictures, moved, and the gradient of their loss by the spectrum. A picture that
        is silent everywhere is climbed as if its rectifiers leaked.
        """
        pictures = moved(canvas.pictures(), self._how.motion, self._generator)
        scores, gradient = self._gradient(canvas, pictures)
        silent = ~gradient.flatten(1).any(1)
        if silent.any():
            with leaking():
                _, leaked = self._gradient(canvas, pictures)
            gradient = torch.where(silent[:, None, None, None, None], leaked, gradient)
        return tuple(scores.tolist()), gradient

    def _gradient(self, canvas: Canvas, pictures: Tensor) -> tuple[Tensor, Tensor]:
        seen = self._look(pictures)
        scores = self._objective.score(seen).float()
        loss = -scores.sum()
        if self._how.diversity and self._how.pictures > 1:
            alike = likeness(seen[self._textured])
            loss = loss + self._how.diversity * scores.detach().abs().mean() * alike
        if not loss.requires_grad:
            raise InputError(f"{self._objective.text} does not depend on the picture; choose another address")
        (gradient,) = torch.autograd.grad(loss, canvas.spectrum, retain_graph=True)
        return scores.detach(), gradient

    def _texture_layer(self) -> Key:
        """Where pictures are to differ: the objective's own layer, or, where that has no places (a class),
        the last one that has.
        """

        def is_map(name: str, output: Tensor) -> bool:
            layout = self._layouts.get((name, 0)) or layout_of_shape(tuple(output.shape))
            return 0 not in layout.order and prod(layout.extent) > 1

        inner, own = unwrapped(self._model), self._objective.layers[0]
        leaves = {name for name, module in named_parts(inner) if not any(module.children())}
        chosen = sorted(leaves | {own[0]})
        with evaluation_mode(inner), torch.no_grad(), capture(self._model, chosen, keep=is_map) as seen:
            run(self._model, self._sample)
        maps = [key for key, found in seen.outputs.items() if found is True]
        if own in maps or not maps:
            return own
        return maps[-1]

    def scores(self, canvas: Canvas) -> tuple[float, ...]:
        """Of the pictures as they are."""
        with torch.no_grad():
            return tuple(self._objective.score(self._look(canvas.pictures())).float().tolist())

    def shown(self, canvas: Canvas, scores: tuple[float, ...], step: int) -> Excitation:
        options = {
            name: value if isinstance(value, (int, float)) else "×".join(map(str, value))
            for name, value in asdict(replace(self._how, motion=Motion())).items()
            if name != "motion"
        } | asdict(self._how.motion)
        return Excitation(
            canvas.pictures().detach().float().cpu(),
            self._objective.text,
            scores,
            step,
            step == self._how.steps,
            options,
            {"torch": str(torch.__version__)},
        )

    def _look(self, pictures: Tensor) -> Outputs:
        """What the layers answer to pictures in [0, 1]; the network runs no further than it must."""
        inputs = normalised(pictures * 255, self._preprocessing).to(self._dtype)
        return looked_at(self._model, self._layers, inputs, self._layouts)


def likeness(maps: Tensor) -> Tensor:
    """How alike the textures of several pictures are: the mean cosine of the Gram matrices (channels ×
    channels, summed over places) of every two, in [−1, 1] (Olah et al. 2017, appendix).
    """
    flat = maps.float().flatten(2) if maps.ndim > 2 else maps.float()[..., None]
    grams = torch.nn.functional.normalize((flat @ flat.mT).flatten(1), dim=1)
    cosines = grams @ grams.mT
    count = len(maps)
    return (cosines.sum() - cosines.diagonal().sum()) / (count * (count - 1))
