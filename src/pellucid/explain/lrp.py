"""Layer-wise relevance propagation: Bach et al. 2015, "On pixel-wise explanations for non-linear classifier
decisions by layer-wise relevance propagation", PLoS ONE 10(7), e0130140.

The score is handed down from the output to the pixels, each layer sharing what it got among its inputs by
what they brought into it; nothing is made on the way, and what is lost is known: biases take it. Works on any
network that runs in Python, residual and with attention, since operations are met as they run (see
`relevance.propagation`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pellucid.explain.baselines import as_seen
from pellucid.explain.looking import Options, Seen, pictures_alone
from pellucid.explain.relevance.propagation import Propagation, RuleOf
from pellucid.explain.relevance.rules import (
    Rule,
    Weighted,
    alpha_beta_rule,
    box_rule,
    epsilon_rule,
    flat_rule,
    gamma_rule,
)
from pellucid.explain.target import Target
from pellucid.inspection.capture import capture
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.running import run
from pellucid.types.batch import leaves
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.heatmap import Heatmap

PRESETS: Mapping[str, str] = {
    "epsilon": "LRP-ε everywhere",
    "z-plus": "what speaks for an output in convolutions, LRP-ε in dense layers",
    "alpha-beta": "α = 2, β = 1 in convolutions, LRP-ε in dense layers",
    "flat": "z-plus, and the first layer shares evenly",
    "composite": "LRP-ε in dense layers, LRP-γ in convolutions, z^B at the pixels (Montavon et al. 2019)",
}


def lrp(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    rules: str = "composite",
    epsilon: float = 0.01,
    gamma: float = 0.25,
    preprocessing: Preprocessing | None = None,
) -> Heatmap:
    """Σ_channels of the relevance at the pixels, by one of `PRESETS`. The last layer always follows LRP-ε.

    `epsilon` is in parts of the root mean square of what a layer gives; where it is tiny, relevances of deep
    networks grow until they cancel each other. With `preprocessing` z^B is of the range from black to white,
    else from each picture's least to its greatest value. `scores` say how much of the target reached the
    pixels, how much biases and ε took, and, as conservation error, which part of the target neither accounts
    for: it is 0 unless an operation had no rule.
    """
    if rules not in PRESETS:
        raise unknown_name("set of rules", rules, PRESETS)
    with pictures_alone(model, inputs, target) as seen, torch.inference_mode(False):
        box = _box(seen.inputs, preprocessing)
    relevance, mode = _propagated(model, seen, _chooser(rules, epsilon, gamma, box))
    reached = relevance.double().sum((1, 2, 3)).cpu()
    whole = seen.scores.double().cpu()
    error = (whole - reached - mode.taken).abs() / whole.abs().clamp(min=1e-12)
    options: Options = {"rules": rules, "epsilon": epsilon, "gamma": gamma}
    scores = {"reached the pixels": reached, "taken on the way": mode.taken, "conservation error": error}
    notes = [f"rules: {PRESETS[rules]}"]
    if mode.unknown:
        notes.append(f"no rule is known for {', '.join(sorted(mode.unknown))}; treated as if linear")
    if float(error.max()) > 0.01:
        notes.append(f"relevance is not conserved: {float(error.max()):.0%} of the target is unaccounted for")
    return seen.heatmap(relevance.sum(1), "lrp", options=options, scores=scores, notes=tuple(notes))


def _propagated(model: nn.Module, seen: Seen, rule_of: RuleOf) -> tuple[Tensor, Propagation]:
    """The relevance of the pixels (b, c, h, w), and the run that it was handed down in."""
    mode = Propagation(len(seen.inputs), rule_of)
    with evaluation_mode(model), torch.inference_mode(False), torch.enable_grad(), capture(model, ()):
        pixels = seen.inputs.detach().clone().requires_grad_()
        entering = pixels.clone()
        with mode:
            output = run(model, entering)
        tensors = [each for each in leaves(Tensor, output) if each.requires_grad]
        if not tensors:
            raise InputError(
                "no relevance comes back from the network's output: it ends in a softmax, or does not depend "
                "on the picture; explain the network without its softmax"
            )
        slopes = torch.autograd.grad(seen.settled(output).sum(), tensors, allow_unused=True)
        # Of a score that is linear in the output, every number of the output has its own part.
        parts = [
            torch.zeros_like(each) if slope is None else slope * each.detach()
            for each, slope in zip(tensors, slopes, strict=True)
        ]
        (relevance,) = torch.autograd.grad(tensors, pixels, parts)
    return relevance, mode


def _chooser(rules: str, epsilon: float, gamma: float, box: tuple[Tensor, Tensor]) -> RuleOf:
    dense = epsilon_rule(epsilon)
    convolution: Rule = {
        "epsilon": dense,
        "z-plus": alpha_beta_rule(1, 0),
        "flat": alpha_beta_rule(1, 0),
        "alpha-beta": alpha_beta_rule(2, 1),
        "composite": gamma_rule(gamma),
    }[rules]
    first = {"composite": box_rule(*box), "flat": flat_rule}.get(rules)

    def rule_of(layer: Weighted, count: int) -> Rule:
        if layer.index == 0 and first is not None and layer.x.shape[1:] == box[0].shape[1:]:
            return first
        return dense if layer.dense or layer.index == count - 1 else convolution

    return rule_of


def _box(pictures: Tensor, preprocessing: Preprocessing | None) -> tuple[Tensor, Tensor]:
    """The least and the greatest value that a pixel can have, by channel."""
    if preprocessing is not None:
        return as_seen(pictures, 0.0, preprocessing), as_seen(pictures, 255.0, preprocessing)
    extremes = (pictures.amin((2, 3), keepdim=True), pictures.amax((2, 3), keepdim=True))
    low, high = (each.expand_as(pictures) for each in extremes)
    return low, high


METHODS = {"lrp": lrp}
