"""One look at a network for one target: what its layers gave, and how the target changes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pellucid import __version__
from pellucid.explain.layers import Layer, LayerNames, first_of, layers_of
from pellucid.explain.maps import Combine, combined
from pellucid.explain.running import fitting, settle
from pellucid.explain.target import Settled, Target, likeliest, said_of_output
from pellucid.inspection.capture import capture
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.running import run
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

Options = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, eq=False)
class Seen:
    """`inputs` (b, c, h, w) as the network took them. `settled` is what is explained of each picture, and
    `scores` (b,) float32 is its value. `layers` were looked at: `activations` are what they gave, and
    `gradients` ∂score/∂activation, each (b, channels, h, w) float32 with row 0 on top, on the device. Both
    are () where they were not asked for.
    """

    inputs: Tensor
    output: Any
    settled: Settled
    scores: Tensor
    layers: tuple[Layer, ...] = ()
    activations: tuple[Tensor, ...] = ()
    gradients: tuple[Tensor, ...] = ()
    notes: tuple[str, ...] = ()

    def combining(self, combine: str) -> Options:
        """The option "combine" of a method, where there is more than one layer to combine."""
        return {"combine": combine} if len(self.layers) > 1 else {}

    def combined(self, maps: Sequence[Tensor], how: Combine = "scaled") -> Tensor:
        """One map (b, h_i, w_i) on the grid of each layer → one (b, h, w) that covers the picture
        (`maps.combined`).
        """
        over = [layer.over_picture(each) for layer, each in zip(self.layers, maps, strict=True)]
        return combined(over, how)

    def heatmap(
        self,
        values: Tensor,
        method: str,
        *,
        options: Options | None = None,
        scores: Mapping[str, Tensor] | None = None,
        notes: tuple[str, ...] = (),
    ) -> Heatmap:
        """The record of a method's result: `values` (b, h, w), whose grid covers the picture, and what is
        known of them from this look.
        """
        return heatmap(
            self.inputs,
            self.settled,
            values,
            method,
            layers=tuple(layer.address for layer in self.layers),
            options=options,
            scores={"target": self.scores, **(scores or {})},
            notes=(*self.notes, *notes),
        )


def look(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    layer: LayerNames = None,
    *,
    gradients: bool = True,
) -> Seen:
    """Run `model` once on `inputs` (b, c, h, w) and keep what `layer` gives: one address or several, by
    default the last map before the head (`layers_of`). With `gradients`, one backward pass that stops at the
    earliest of these layers.

    Whatever the network's mode and surroundings (training, frozen, no_grad), it runs in evaluation mode, and
    is left as it was.
    """
    inputs, target = fitting(model, inputs), target or likeliest()
    layers = layers_of(model, inputs, target, layer)
    with evaluation_mode(model):
        with capture(model, [each.at for each in layers], gradients=gradients) as seen:
            with torch.set_grad_enabled(gradients):
                output = run(model, inputs)
            settled = target.settled(output)
            scores = settled(output)
            total = _sum(scores) if gradients else scores
        found = seen.gradients_of(total) if gradients else {}
    made = [first_of(seen.outputs[each.key]) for each in layers]
    taken = [first_of(found.get(each.key)) for each in layers]
    return Seen(
        inputs,
        output,
        settled,
        scores.detach(),
        layers,
        tuple(each.layout.maps(values).float() for each, values in zip(layers, made, strict=True)),
        tuple(
            each.layout.maps(torch.zeros_like(values) if gradient is None else gradient).float()
            for each, values, gradient in zip(layers, made, taken, strict=True)
        )
        if gradients
        else (),
        said_of_output(output),
    )


def look_at_input(model: nn.Module, inputs: Tensor, target: Target | None = None) -> Seen:
    """`look` at the input itself: `gradients` is one tensor (b, c, h, w), ∂score/∂input, and there are no
    layers.
    """
    inputs, target = fitting(model, inputs), target or likeliest()
    with evaluation_mode(model), torch.inference_mode(False), torch.enable_grad():
        output, leaf = _tracked(model, inputs)
        settled = target.settled(output)
        scores = settled(output)
        gradient = torch.autograd.grad(_sum(scores), leaf, allow_unused=True)[0]
    gradient = torch.zeros_like(inputs) if gradient is None else gradient
    notes = said_of_output(output)
    return Seen(inputs, output, settled, scores.detach(), gradients=(gradient.float(),), notes=notes)


def input_gradients(
    model: nn.Module, inputs: Tensor, settled: Settled, rows: Tensor
) -> tuple[Tensor, Tensor]:
    """∂score/∂input (n, c, h, w) and the scores (n,), float32, of altered pictures: row i of `inputs`, as
    `fitting` gives them, is a version of picture `rows[i]` of the batch that `settled` was settled for.
    """
    with evaluation_mode(model), torch.inference_mode(False), torch.enable_grad():
        output, leaf = _tracked(model, inputs)
        scores = settled(output, rows)
        gradient = torch.autograd.grad(_sum(scores), leaf, allow_unused=True)[0]
    gradient = torch.zeros_like(inputs) if gradient is None else gradient
    return gradient.float(), scores.detach()


def scores_of(model: nn.Module, inputs: Tensor, settled: Settled, rows: Tensor) -> Tensor:
    """The scores (n,) float32 of altered pictures, as in `input_gradients`, without gradients."""
    with evaluation_mode(model), torch.no_grad():
        return settled(run(model, inputs), rows)


@contextmanager
def pictures_alone(model: nn.Module, inputs: Tensor, target: Target | None) -> Iterator[Seen]:
    """For methods that only try altered pictures: the inputs fitted, the target settled, nothing kept."""
    inputs = fitting(model, inputs)
    settled, output = settle(model, inputs, target)
    with torch.no_grad():
        yield Seen(inputs, output, settled, settled(output), notes=said_of_output(output))


def heatmap(
    inputs: Tensor,
    settled: Settled,
    values: Tensor,
    method: str,
    *,
    layers: tuple[str, ...] = (),
    options: Options | None = None,
    scores: Mapping[str, Tensor] | None = None,
    notes: tuple[str, ...] = (),
) -> Heatmap:
    """A complete record: `scores` one number for each picture."""
    height, width = inputs.shape[2:]
    return Heatmap(
        values=values.detach().float(),
        method=method,
        targets=settled.texts,
        size=(height, width),
        layers=layers,
        options=dict(options or {}),
        scores={name: tuple(numbers.detach().tolist()) for name, numbers in (scores or {}).items()},
        notes=notes,
        versions={"pellucid": __version__, "torch": str(torch.__version__)},
    )


def _tracked(model: nn.Module, inputs: Tensor) -> tuple[Any, Tensor]:
    """The output, and the leaf that its gradient can be taken with respect to."""
    leaf = inputs.detach().clone().requires_grad_()
    with capture(model, ()):  # looks through compilation, which would hide in-place layers from autograd
        return run(model, leaf.clone()), leaf


def _sum(scores: Tensor) -> Tensor:
    if not scores.requires_grad:
        raise InputError(
            "the target does not depend on the network in a way that has gradients; methods that try altered "
            "pictures (score-cam, occlusion, …) need none"
        )
    return scores.sum()
