"""What a transformer attends to: one attention, all of them in sequence, or as far as the target follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from pellucid.explain.looking import Options, Seen
from pellucid.explain.placing import Frame, frames_of
from pellucid.explain.running import fitting
from pellucid.explain.target import Target, likeliest, said_of_output
from pellucid.inspection.attention import Attention, attentions
from pellucid.inspection.capture import capture, unwrapped
from pellucid.inspection.layout import Layout, layer_layouts
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.running import run
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.heatmap import Heatmap

Heads = Literal["mean", "max", "min"]


def attention_map(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: str | None = None,
    head: int | None = None,
) -> Heatmap:
    """How much of each patch the class token takes in at one attention (Dosovitskiy et al. 2021): by default
    the last, on average over its heads, or of one `head`.

    `layer` is the module that attends, or one around it. Without a class token it is what all tokens take in
    on average. It is not about the target: what is attended to may speak for it or against it.
    """
    looked = _look(model, inputs, target, gradients=False)
    chosen = looked.squares[-1] if layer is None else _at(looked.found, layer)
    if chosen.weights.shape[3] != looked.tokens:
        raise InputError(
            f"{layer} attends to {chosen.weights.shape[3]} tokens, which are no map of the picture"
        )
    weights, heads = chosen.weights.float(), chosen.weights.shape[1]
    if head is not None and not 0 <= head < heads:
        raise InputError(f"{chosen.layer} has {heads} heads, 0 to {heads - 1}; got head {head}")
    mean = weights.mean(1) if head is None else weights[:, head]
    options: Options = {} if head is None else {"head": head}
    return looked.heatmap(looked.of_patches(mean), "attention", (chosen,), options, _ANY_TARGET)


def attention_rollout(
    model: nn.Module, inputs: Tensor, target: Target | None = None, *, heads: Heads = "mean"
) -> Heatmap:
    """Attention followed through all layers down to the patches, the residual path counting half (Abnar &
    Zuidema 2020, eq. 1): the product of (A + 1) / 2. `heads` says how a layer's heads become one A.

    It knows neither values nor target: the same map for every class.
    """
    if heads not in get_args(Heads):
        raise unknown_name("way to join heads", str(heads), get_args(Heads))
    looked = _look(model, inputs, target, gradients=False)
    rolled = torch.eye(looked.tokens, device=looked.seen.inputs.device)[None]
    for each in looked.squares:
        weights = each.weights.float()
        joined = weights.mean(1) if heads == "mean" else getattr(weights, f"a{heads}")(1)
        layer = joined + torch.eye(looked.tokens, device=weights.device)
        rolled = (layer / layer.sum(-1, keepdim=True)) @ rolled
    return looked.heatmap(
        looked.of_patches(rolled), "attention-rollout", looked.squares, {"heads": heads}, _ANY_TARGET
    )


def attention_relevance(model: nn.Module, inputs: Tensor, target: Target | None = None) -> Heatmap:
    """Attention followed through all layers as far as the target's gradient at it is positive (Chefer, Gur &
    Wolf, ICCV 2021, eq. 5–6): R ← R + mean over heads of relu(∇A ⊙ A) · R, from R = 1.
    """
    looked = _look(model, inputs, target, gradients=True)
    relevance = torch.eye(looked.tokens, device=looked.seen.inputs.device)[None]
    for each, gradient in zip(looked.squares, looked.gradients, strict=True):
        product = (each.gradient(gradient).float() * each.weights.float()).relu().mean(1)
        relevance = relevance + product @ relevance
    own = torch.eye(looked.tokens, device=relevance.device)
    return looked.heatmap(looked.of_patches(relevance - own), "attention-relevance", looked.squares, {}, ())


_ANY_TARGET = ("looks at attention alone: the same for every target",)


@dataclass(frozen=True, eq=False)
class _Looked:
    """`found` are all attentions in order, `squares` those of the picture's `tokens` among themselves, whose
    places are known by `layout` and, where they are more than the picture's, `frame`; `gradients` are the
    target's at the squares.
    """

    seen: Seen
    found: tuple[Attention, ...]
    squares: tuple[Attention, ...]
    layout: Layout
    frame: Frame | None
    gradients: tuple[Tensor, ...]

    @property
    def tokens(self) -> int:
        return self.layout.extent[0]

    def of_patches(self, relation: Tensor) -> Tensor:
        """(b, queries, tokens) → (b, h, w): the class token's row, or the mean of all rows."""
        own = self.layout.prefix and relation.shape[1] == self.tokens
        row = relation[:, 0] if own else relation.mean(1)
        maps = self.layout.maps(row.expand(len(self.seen.inputs), -1)[:, :, None])[:, 0]
        return maps if self.frame is None else self.frame.cut(maps)

    def heatmap(
        self,
        values: Tensor,
        method: str,
        layers: Sequence[Attention],
        options: Options,
        notes: tuple[str, ...],
    ) -> Heatmap:
        whose = () if self.layout.prefix else ("no class token: the mean of what all tokens attend to",)
        drawn = self.seen.heatmap(values, method, options=options, notes=(*whose, *notes))
        return replace(drawn, layers=tuple(each.layer for each in layers))


def _look(model: nn.Module, inputs: Tensor, target: Target | None, *, gradients: bool) -> _Looked:
    inputs, target = fitting(model, inputs), target or likeliest()
    with (
        evaluation_mode(model),
        torch.set_grad_enabled(gradients),
        capture(model, (), gradients=gradients),
        attentions(model) as found,
    ):
        output = run(model, inputs)
        settled = target.settled(output)
        scores = settled(output)
        total = scores.sum()
    kind = type(unwrapped(model)).__name__
    if not found:
        raise InputError(
            f"{kind} has no attention to show; grad-cam and the other class activation maps fit it"
        )
    among = [each for each in found if each.weights.shape[2] == each.weights.shape[3]]
    tokens = among[-1].weights.shape[2] if among else 0
    shape = (len(inputs), tokens, tokens)
    squares = tuple(each for each in among if each.weights.shape[:1] + each.weights.shape[2:] == shape)
    if not squares or len(squares) < len(among):
        raise InputError(
            f"{kind} attends within windows or at several sizes, so attention cannot be followed to patches "
            "of the picture; grad-cam and the other class activation maps fit it"
        )
    known = layer_layouts(model, [inputs])
    key = next((key for key, layout in known.items() if _of_tokens(layout, tokens)), None)
    if key is None:
        raise InputError(f"{kind} attends among {tokens} tokens, which are no map of the picture")
    edges = [each.edge for each in squares if each.edge is not None]
    taken: tuple[Tensor, ...] = ()
    if gradients:
        taken = torch.autograd.grad(total, edges)
    seen = Seen(inputs, output, settled, scores.detach(), notes=said_of_output(output))
    frame = frames_of(model, inputs).get(key)
    return _Looked(seen, tuple(found), squares, known[key], frame, taken)


def _of_tokens(layout: Layout, count: int) -> bool:
    """Whether these are (b, count, channels) on a grid over the picture."""
    return (layout.channel, layout.positions, layout.extent, len(layout.grid)) == (2, (1,), (count,), 2)


def _at(found: Sequence[Attention], layer: str) -> Attention:
    inside = [each for each in found if each.layer == layer or each.layer.startswith(f"{layer}.")]
    if not inside:
        raise unknown_name("attention", layer, {each.layer for each in found})
    return inside[-1]


METHODS = {
    "attention": attention_map,
    "attention-rollout": attention_rollout,
    "attention-relevance": attention_relevance,
}
