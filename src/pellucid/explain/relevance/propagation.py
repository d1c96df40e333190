"""A run of a network whose backward pass carries relevance instead of gradients.

Every operation is met as it runs, so that a sum written as `x + y`, a functional rectifier or a reshape in
`forward` counts like a module. What an operation does to relevance is said by its kind:

- a layer with weights shares it by its rule (see `rules`). A batch norm right after one is one with it: both
  count as one layer with other weights. Any other batch norm hands it on;
- routing (reshapes, concatenation, max pooling) takes it back to where the value came from;
- an elementwise function hands it on as it is;
- what is linear (sums, means, interpolation) shares it as LRP-0 does;
- of the product of a signal and a smaller gate all goes to the signal; of equals, each gets half;
- attention's weights, and what a normalisation divides by, count as constants (Ali et al. 2022, "XAI for
  transformers: better explanations through conservative propagation").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import ref

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.explain.override import Function, Overriding, name_of
from pellucid.explain.relevance.operations import (
    ATTENTION,
    ELEMENTWISE,
    JOINING,
    LINEAR,
    NORMALISATIONS,
    PRODUCTS,
    QUOTIENTS,
    ROUTING,
    SOFTMAX,
    UNRELATED,
    WEIGHTED,
    attention_of_values,
    linear_layer,
    merged,
    with_constant_scale,
)
from pellucid.explain.relevance.rules import Rule, Weighted, stabilised
from pellucid.types.batch import leaves, map_leaves
from pellucid.types.errors import InputError

Options = Mapping[str, Any]
RuleOf = Callable[[Weighted, int], Rule]
"""(a layer with weights, how many there are) → the rule that it follows."""


class Propagation(Overriding):
    """The block in which the network runs, on inputs (b, …) that require gradients.

    After the backward pass `taken` (b,) is what biases and other constants took of the relevance, and
    `unknown` names the operations without a rule, which were treated as if they were linear.
    """

    def __init__(self, batch: int, rule_of: RuleOf) -> None:
        super().__init__()
        self.taken = torch.zeros(batch, dtype=torch.float64)
        self.unknown: set[str] = set()
        self._count = 0
        self._rule_of = rule_of
        self._made_by: dict[int, tuple[ref[Tensor], Weighted]] = {}

    def replaces(self, function: Function) -> bool:
        return (
            function not in ROUTING and function not in UNRELATED and name_of(function) not in ("get", "set")
        )

    def replacement(self, function: Function, arguments: tuple[Any, ...], options: Options) -> Any:
        dependent = [leaf for leaf in leaves(Tensor, (arguments, options)) if leaf.requires_grad]
        if function in JOINING and len(dependent) == len(leaves(Tensor, (arguments, options))):
            return function(*arguments, **options)
        if function in WEIGHTED and arguments[1:2] and not arguments[1].requires_grad:
            return self._weighted(function, arguments, options)
        if function is F.multi_head_attention_forward:
            with self:
                return attention_of_values(arguments, options)
        if function is F.batch_norm and (layer := self._maker(arguments[0])) is not None:
            both = merged(layer.weight, layer.bias, arguments, options)
            if both is not None:
                return self._followed(Weighted(layer.linear, layer.x, *both, layer.index, layer.dense))
        if function in SOFTMAX:
            return function(*arguments, **options).detach()
        if function in ELEMENTWISE:
            return _Rule.apply(
                lambda: function(*map_leaves(_detached, arguments), **map_leaves(_detached, options)),
                lambda relevance: [relevance],
                dependent[0],
            )
        return self._proportional(function, arguments, options, dependent)

    def _weighted(self, function: Function, arguments: tuple[Any, ...], options: Options) -> Tensor:
        linear, x, weight, bias = linear_layer(function, arguments, options)
        layer = Weighted(linear, x, weight, bias, self._count, name_of(function) == "linear")
        self._count += 1
        result = self._followed(layer)
        self._made_by[id(result)] = ref(result), layer
        return result

    def _followed(self, layer: Weighted) -> Tensor:
        """The layer's outputs; relevance comes back through them by its rule."""

        def spread(relevance: Tensor) -> list[Tensor]:
            given = self._rule_of(layer, self._count)(layer, relevance)
            self._take(relevance, [given])
            return [given]

        result: Tensor = _Rule.apply(
            lambda: layer.linear(layer.x.detach(), layer.weight, layer.bias), spread, layer.x
        )
        return result

    def _maker(self, x: Tensor) -> Weighted | None:
        made, layer = self._made_by.get(id(x), (None, None))
        return layer if made is not None and made() is x else None

    def _proportional(
        self, function: Function, arguments: tuple[Any, ...], options: Options, dependent: Sequence[Tensor]
    ) -> Any:
        """To every operand what it brought into the result: its value times the slope there."""
        constant = _constant_operands(function, arguments, dependent)
        varying = [each for each in dependent if not any(each is other for other in constant)]
        apart = {id(each): each.detach() for each in constant}
        apart |= {id(each): each.detach().clone().requires_grad_() for each in varying}
        arguments, options = map_leaves(
            lambda leaf: apart.get(id(leaf), leaf) if isinstance(leaf, Tensor) else leaf,
            (arguments, dict(options)),
        )
        with torch.enable_grad():
            if function in NORMALISATIONS:
                result: Any = with_constant_scale(function, arguments, options)
            else:
                result = function(*arguments, **options)
        if any(each.requires_grad for each in leaves(Tensor, result)) and not isinstance(result, Tensor):
            raise InputError(
                f"layer-wise relevance propagation has no rule for {name_of(function)}, which gives several "
                "tensors; integrated-gradients asks nothing of the operations"
            )
        if not isinstance(result, Tensor) or not result.requires_grad:
            return result
        known = any(function in each for each in (LINEAR, JOINING, NORMALISATIONS, ATTENTION))
        if not known:
            self.unknown.add(name_of(function))
        inputs = [apart[id(each)] for each in varying]
        halves = 0.5 if function in PRODUCTS and len(inputs) > 1 else 1.0

        def spread(relevance: Tensor) -> list[Tensor]:
            share = halves * relevance / stabilised(result.detach())
            slopes = torch.autograd.grad(result, inputs, share, allow_unused=True)
            given = [
                torch.zeros_like(each) if slope is None else each.detach() * slope
                for each, slope in zip(inputs, slopes, strict=True)
            ]
            if known:
                self._take(relevance, given)
            return given

        return _Rule.apply(result.detach, spread, *varying)

    def _take(self, relevance: Tensor, given: Sequence[Tensor]) -> None:
        """Note for each picture what of `relevance` was not given on."""
        self.taken = self.taken + self._by_picture(relevance)
        for each in given:
            self.taken = self.taken - self._by_picture(each)

    def _by_picture(self, relevance: Tensor) -> Tensor:
        batch = len(self.taken)
        values = relevance.detach().double().cpu()
        if values.ndim and len(values) % batch == 0:
            return values.reshape(batch, -1).sum(1)
        return (values.sum() / batch).expand(batch)  # pictures lie along another dimension


class _Rule(torch.autograd.Function):
    """Runs `run`; what comes back goes to `inputs` as `spread` says."""

    @staticmethod
    def forward(ctx: Any, run: Callable[[], Tensor], spread: Callable[..., Any], *inputs: Tensor) -> Tensor:
        ctx.spread = spread
        return run()

    @staticmethod
    def backward(ctx: Any, relevance: Tensor) -> Any:
        return None, None, *ctx.spread(relevance)


def _constant_operands(
    function: Function, arguments: tuple[Any, ...], dependent: Sequence[Tensor]
) -> Sequence[Tensor]:
    """What of several operands counts as a constant."""
    if function in ATTENTION:
        return list(arguments[:2])  # queries and keys
    if len(dependent) < 2:
        return ()
    if function in QUOTIENTS:
        return [arguments[1]]
    if function in PRODUCTS and len({each.numel() for each in dependent}) > 1:
        return sorted(dependent, key=Tensor.numel)[:-1]  # gates
    return ()


def _detached(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, Tensor) else leaf
