"""Units set against their group: batch, layer, group, instance, RMS and local response norms, softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.inspection.arguments import NotUnderstood
from pellucid.inspection.arithmetic.moving import Indices
from pellucid.inspection.arithmetic.opening import SPACE, Opened, Opening, Rule, grid
from pellucid.inspection.arithmetic.sums import axis_names
from pellucid.inspection.trace import Value
from pellucid.types.arithmetic import Operand, Place, Step


def batch_norm(op: Opening) -> Opened:
    """With the averages of training, or in training with the mean and variance of the batch itself."""
    gamma, beta = op.argument(3, "weight"), op.argument(4, "bias")
    channel = (op.index[1],)
    epsilon = float(op.argument(7, "eps", 1e-5))
    if op.argument(5, "training", False) or op.argument(1, "running_mean") is None:
        group = [np.arange(op.shape[0]), [channel[0]], *(np.arange(size) for size in op.shape[2:])]
        axes = ("sample", "channel", *SPACE.get(len(op.shape) - 2, ()))
        return _standardised(op, grid(*group), axes, epsilon, gamma, beta, channel)
    return _with_averages(op)


def _with_averages(op: Opening) -> Opened:
    averages = (("mean", op.argument(1, "running_mean")), ("variance", op.argument(2, "running_var")))
    channel = (op.index[1],)
    steps = [Step(name, float(op.tensor(each)[channel]), "average of training") for name, each in averages]
    gamma, beta = op.argument(3, "weight"), op.argument(4, "bias")
    return _scaled(op, (_own(op),), steps, float(op.argument(7, "eps", 1e-5)), gamma, beta, channel)


def instance_norm(op: Opening) -> Opened:
    gamma, beta = op.argument(3, "weight"), op.argument(4, "bias")
    if not op.argument(5, "use_input_stats", True):
        return _with_averages(op)
    batch, channel = op.index[:2]
    group = grid([batch], [channel], *(np.arange(size) for size in op.shape[2:]))
    axes = ("sample", "channel", *SPACE.get(len(op.shape) - 2, ()))
    return _standardised(op, group, axes, float(op.argument(7, "eps", 1e-5)), gamma, beta, (channel,))


def group_norm(op: Opening) -> Opened:
    count, channel = int(op.argument(1, "num_groups")), op.index[1]
    size = op.shape[1] // count
    first = channel // size * size
    group = grid([op.index[0]], np.arange(first, first + size), *(np.arange(each) for each in op.shape[2:]))
    axes = ("sample", "channel", *SPACE.get(len(op.shape) - 2, ()))
    gamma, beta = op.argument(2, "weight"), op.argument(3, "bias")
    return _standardised(op, group, axes, float(op.argument(4, "eps", 1e-5)), gamma, beta, (channel,))


def layer_norm(op: Opening) -> Opened:
    places, axes, own = _last(op)
    gamma, beta = op.argument(2, "weight"), op.argument(3, "bias")
    return _standardised(op, places, axes, float(op.argument(4, "eps", 1e-5)), gamma, beta, own)


def rms_norm(op: Opening) -> Opened:
    """Zhang & Sennrich 2019: nothing is subtracted, and the mean square divides."""
    places, axes, own = _last(op)
    gamma = op.argument(2, "weight")
    epsilon = op.argument(3, "eps")
    rounding = float(
        np.finfo(np.float32).eps if "64" not in str(op.value.dtype) else np.finfo(np.float64).eps
    )
    operand = op.operand("group", op.value, places, axes=axes)
    square = float(np.square(operand.values).mean())
    steps = [Step("mean square", square, f"Σ x² ÷ {operand.values.size}")]
    return _scaled(
        op, (_own(op), operand), steps, rounding if epsilon is None else float(epsilon), gamma, None, own
    )


def _last(op: Opening) -> tuple[Indices, tuple[str, ...], Place]:
    """The places of the last dimensions, which are normalised together; their names; the own place there."""
    count = len(op.argument(1, "normalized_shape"))
    dims = tuple(range(len(op.shape) - count, len(op.shape)))
    free = grid(*(np.arange(op.shape[at]) for at in dims))
    return [*op.index[:-count], *free], axis_names(op, dims), op.index[-count:]


def _own(op: Opening) -> Operand:
    return op.operand("input", op.value, op.index)


def _standardised(
    op: Opening,
    places: Indices,
    axes: tuple[str, ...],
    epsilon: float,
    gamma: Any,
    beta: Any,
    own: Place,
) -> Opened:
    group = op.operand("group", op.value, places, axes=axes)
    mean, variance = float(group.values.mean()), float(group.values.var())
    count = group.values.size
    steps = [Step("mean", mean, f"Σ x ÷ {count:,}"), Step("variance", variance, f"Σ (x − mean)² ÷ {count:,}")]
    return _scaled(op, (_own(op), group), steps, epsilon, gamma, beta, own)


def _scaled(
    op: Opening,
    operands: tuple[Operand, ...],
    steps: list[Step],
    epsilon: float,
    gamma: Value | None,
    beta: Value | None,
    own: Place,
) -> Opened:
    """(x − mean) ÷ √(variance + ε) · γ + β; without a mean the last step so far is the mean square."""
    x, centred = float(operands[0].values), len(steps) > 1
    mean = steps[0].value if centred else 0.0
    deviation = math.sqrt(steps[-1].value + epsilon)
    root = "√(variance + ε)" if centred else "√(mean square + ε)"
    steps.append(Step("deviation", deviation, f"{root}, ε = {epsilon:g}"))
    value = (x - mean) / deviation
    steps.append(Step("normalised", value, f"({'x − mean' if centred else 'x'}) ÷ deviation"))
    largest = max((float(np.abs(each.values).max()) for each in operands), default=0.0)
    size = (largest + abs(mean)) / deviation
    formula = "(x − mean) ÷ √(variance + ε)" if centred else "x ÷ √(mean of x² + ε)"
    scale, shift = op.number_at(gamma, own), op.number_at(beta, own)
    if scale is not None:
        value, size, formula = value * scale, size * abs(scale), f"{formula} × γ"
        steps += [Step("γ", scale, op.learnt(gamma)), Step("scaled", value, "normalised × γ")]
    if shift is not None:
        value, size, formula = value + shift, size + abs(shift), f"{formula} + β"
        steps += [Step("β", shift, op.learnt(beta)), Step("value", value, "scaled + β")]
    learnt = op.is_learnt(gamma) + op.is_learnt(beta)
    count = 1 + (scale is not None)
    return Opened("normalisation", formula, operands, tuple(steps), size, None, learnt, count)


def local_response_norm(op: Opening) -> Opened:
    """Krizhevsky et al. 2012, as torch has it: α ÷ n times the squares of n channels around."""
    size = int(op.argument(1, "size"))
    alpha, beta, k = (
        float(op.argument(at, name, default))
        for at, name, default in ((2, "alpha", 1e-4), (3, "beta", 0.75), (4, "k", 1.0))
    )
    channel = op.index[1]
    around = np.arange(channel - size // 2, channel - size // 2 + size)
    around = around[(around >= 0) & (around < op.shape[1])]
    operand = op.operand("channels", op.value, [op.index[0], around, *op.index[2:]], axes=("channel",))
    x = float(op.numbers_at(op.value, op.index))
    squares = float(np.square(operand.values).sum())
    steps = (
        Step("sum of squares", squares, f"Σ x² of {len(around)} channels"),
        Step(
            "divisor", (k + alpha * squares / size) ** beta, f"({k:g} + {alpha:g} · Σ x² ÷ {size})^{beta:g}"
        ),
    )
    value = x / steps[-1].value
    found = (*steps, Step("value", value, "x ÷ divisor"))
    return Opened("normalisation", "x ÷ (k + α · Σ x² ÷ n)^β", (_own(op), operand), found, abs(value))


def lengthened(op: Opening) -> Opened:
    """F.normalize: divided by the p-norm along a dimension."""
    power, epsilon = float(op.argument(1, "p", 2.0)), float(op.argument(3, "eps", 1e-12))
    dims = op.dims(2, 1)
    operand = _along(op, dims)
    norm = float((np.abs(operand.values) ** power).sum() ** (1 / power))
    x = _own(op)
    steps = (
        Step("norm", norm, f"(Σ |x|^{power:g})^(1/{power:g})"),
        Step("value", float(x.values) / max(norm, epsilon), "x ÷ norm"),
    )
    return Opened("normalisation", "x ÷ ‖x‖", (x, operand), steps, abs(steps[-1].value))


def _along(op: Opening, dims: Place) -> Operand:
    free = dict(zip(dims, grid(*(np.arange(op.shape[at]) for at in dims)), strict=True))
    places: Indices = [free.get(at, place) for at, place in enumerate(op.index)]
    return op.operand("group", op.value, places, axes=axis_names(op, dims))


def softmax(logarithmic: bool = False, sign: float = 1.0) -> Rule:
    def rule(op: Opening) -> Opened:
        dim = op.argument(1, "dim")
        if dim is None:
            raise NotUnderstood("no dimension")
        operand, x = _along(op, op.dims(1)), _own(op)
        inputs, own = sign * operand.values, sign * float(x.values)
        high = float(inputs.max())
        total = float(np.exp(inputs - high).sum())
        steps = [Step("greatest", high, f"of {inputs.size:,}, subtracted so that nothing overflows")]
        steps += [Step("sum", total, "Σ exp(x − greatest)")]
        if logarithmic:
            steps.append(Step("value", own - high - math.log(total), "x − greatest − log(sum)"))
            return Opened(
                "normalisation", "x − log Σ exp(x)", (x, operand), tuple(steps), abs(high) + abs(own) + 1
            )
        steps += [Step("exponential", math.exp(own - high), "exp(x − greatest)")]
        value = steps[-1].value / total
        steps.append(Step("value", value, "exponential ÷ sum"))
        size = value * (1 + abs(own) + abs(high))
        return Opened("normalisation", "exp(x) ÷ Σ exp(x)", (x, operand), tuple(steps), size)

    return rule


NORMALISATIONS: dict[str, Callable[[Opening], Opened]] = {
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "local_response_norm": local_response_norm,
    "normalize": lengthened,
    "softmax": softmax(),
    "softmin": softmax(sign=-1.0),
    "log_softmax": softmax(logarithmic=True),
}
