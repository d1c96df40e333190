"""Attention weights of any transformer while it runs, though fused kernels never make them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from pellucid.inspection.capture import following


class ScaledDotProduct(NamedTuple):
    """The arguments of torch's `scaled_dot_product_attention`, in its order."""

    query: Tensor
    key: Tensor
    value: Tensor
    attn_mask: Tensor | None = None
    dropout_p: float = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False


@dataclass(frozen=True, eq=False)
class Attention:
    """One attention: `weights` (b, heads, queries, keys), rows of which sum to 1, and the innermost module
    that it ran in, by name. `edge` is where autograd made the weights, None without gradients.
    """

    layer: str
    weights: Tensor
    edge: GradientEdge | None

    def gradient(self, gradient: Tensor) -> Tensor:
        """A gradient taken at `edge`, in the shape of the weights."""
        return gradient.reshape(self.weights.shape)


@contextmanager
def attentions(model: nn.Module) -> Iterator[list[Attention]]:
    """Every attention that runs in this block, in order: of `scaled_dot_product_attention`, of torch's
    `nn.MultiheadAttention`, and those written out as a softmax over keys.

    Inside the block, weights are computed where a fused kernel would not: softmax(Q·Kᵀ × scale + mask), so
    the network's output may differ from the kernel's by rounding.
    """
    watch = _Watch()
    with following(model, enter=watch.enter, leave=watch.leave), watch:
        yield watch.found


class _Watch(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Attention] = []
        self._running: list[str] = []

    def enter(self, name: str, inputs: Any) -> None:
        self._running.append(name)

    def leave(self, name: str, output: Any) -> None:
        while self._running and self._running.pop() != name:
            pass  # a part that raised, if the network went on

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func is F.scaled_dot_product_attention:
            weights, result = written_out(ScaledDotProduct(*args, **options))
            self._keep(weights, weights)
            return result
        if func is F.multi_head_attention_forward:
            return self._multi_head(args, options)
        result = func(*args, **options)
        if func in _SOFTMAXES and _squares(result, args, options):
            self._keep(result, result)
        return result

    def _keep(self, weights: Tensor, made: Tensor | GradientEdge) -> None:
        tracked = isinstance(made, GradientEdge) or made.requires_grad
        edge = (made if isinstance(made, GradientEdge) else get_gradient_edge(made)) if tracked else None
        self.found.append(Attention(self._running[-1] if self._running else "", weights.detach(), edge))

    def _multi_head(self, args: Any, options: Any) -> Any:
        """The same call, asked for the weights of every head."""
        wanted, averaged = options.get("need_weights", True), options.get("average_attn_weights", True)
        asked = {**options, "need_weights": True, "average_attn_weights": False}
        result, weights = cast(tuple[Tensor, Tensor], F.multi_head_attention_forward(*args, **asked))
        made: Tensor | GradientEdge = weights
        if weights.grad_fn is not None:
            # What is given back is a view beside the path; the tensor it is a view of lies on it.
            node, number = weights.grad_fn.next_functions[0]
            made = GradientEdge(cast(Node, node), number)
        self._keep(weights if weights.ndim == 4 else weights[None], made)
        if not wanted:
            return result, None
        return result, weights.mean(-3) if averaged else weights


_SOFTMAXES = (F.softmax, torch.softmax, Tensor.softmax)


def _squares(result: Tensor, args: Any, options: Any) -> bool:
    """Whether a softmax is an attention of tokens among themselves, (b, heads, n, n)."""
    dim = options.get("dim", args[1] if len(args) > 1 else None)
    return result.ndim == 4 and result.shape[2] == result.shape[3] > 1 and dim in (-1, 3)


def written_out(asked: ScaledDotProduct) -> tuple[Tensor, Tensor]:
    """The weights (…, queries, keys) of `scaled_dot_product_attention`, float32 at least, and its result;
    without dropout.
    """
    query, key, value, attn_mask, *_ = asked
    if asked.enable_gqa:
        key, value = (
            each.repeat_interleave(query.shape[-3] // each.shape[-3], dim=-3) for each in (key, value)
        )
    wide = torch.promote_types(query.dtype, torch.float32)
    scale = 1 / math.sqrt(query.shape[-1]) if asked.scale is None else asked.scale
    logits = query.to(wide) @ key.to(wide).mT * scale
    if asked.is_causal:
        after = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).triu(1)
        logits = logits.masked_fill(after, -torch.inf)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        logits = logits.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        logits = logits + attn_mask
    weights = logits.softmax(-1)
    return weights, (weights @ value.to(wide)).to(value.dtype)
