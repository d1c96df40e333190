"""Units that are a function of one number, or of two: activations, sums, products."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.inspection.arguments import NotUnderstood
from pellucid.inspection.arithmetic.opening import Opened, Opening, Rule
from pellucid.inspection.trace import Value
from pellucid.types.arithmetic import Operand, Place, Step

Function = Callable[..., float]


@dataclass(frozen=True)
class Activation:
    """`function` of x and of `settings`, the arguments (name, default) after the first tensor, in order."""

    formula: str
    function: Function
    settings: tuple[tuple[str, float], ...] = ()


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x: float, beta: float = 1.0, threshold: float = 20.0) -> float:
    scaled = beta * x
    return x if scaled > threshold else (math.log1p(math.exp(-abs(scaled))) + max(scaled, 0.0)) / beta


def _elu(x: float, alpha: float = 1.0) -> float:
    return x if x > 0 else alpha * math.expm1(x)


def _clamped(x: float, low: float | None, high: float | None) -> float:
    x = x if low is None else max(x, low)
    return x if high is None else min(x, high)


def _gelu(x: float, approximate: str = "none") -> float:
    if approximate == "tanh":
        return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_NONE: Any = None

ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation("max(0, x)", lambda x: max(x, 0.0)),
    "relu6": Activation("min(max(0, x), 6)", lambda x: min(max(x, 0.0), 6.0)),
    "leaky_relu": Activation(
        "x where x > 0, else slope · x",
        lambda x, slope: x if x > 0 else slope * x,
        (("negative_slope", 0.01),),
    ),
    "elu": Activation("x where x > 0, else α (eˣ − 1)", _elu, (("alpha", 1.0),)),
    "celu": Activation(
        "max(0, x) + min(0, α (e^(x/α) − 1))",
        lambda x, alpha: max(x, 0.0) + min(0.0, alpha * math.expm1(min(x, 0.0) / alpha)),
        (("alpha", 1.0),),
    ),
    "selu": Activation(
        "1.0507 · (x where x > 0, else 1.6733 (eˣ − 1))", lambda x: _SELU_SCALE * _elu(x, _SELU_ALPHA)
    ),
    "gelu": Activation("x · Φ(x), Φ the normal distribution", _gelu, (("approximate", _NONE),)),
    "silu": Activation("x · sigmoid(x)", lambda x: x * _sigmoid(x)),
    "mish": Activation("x · tanh(log(1 + eˣ))", lambda x: x * math.tanh(_softplus(x))),
    "sigmoid": Activation("1 ÷ (1 + e⁻ˣ)", _sigmoid),
    "logsigmoid": Activation("log(1 ÷ (1 + e⁻ˣ))", lambda x: -_softplus(-x, threshold=math.inf)),
    "tanh": Activation("tanh(x)", math.tanh),
    "hardsigmoid": Activation("min(max(0, x + 3), 6) ÷ 6", lambda x: _clamped(x + 3, 0, 6) / 6),
    "hardswish": Activation("x · min(max(0, x + 3), 6) ÷ 6", lambda x: x * _clamped(x + 3, 0, 6) / 6),
    "hardtanh": Activation("min(max(low, x), high)", _clamped, (("min_val", -1.0), ("max_val", 1.0))),
    "clamp": Activation("min(max(low, x), high)", _clamped, (("min", _NONE), ("max", _NONE))),
    "clip": Activation("min(max(low, x), high)", _clamped, (("min", _NONE), ("max", _NONE))),
    "clamp_min": Activation("max(low, x)", max, (("min", _NONE),)),
    "clamp_max": Activation("min(x, high)", min, (("max", _NONE),)),
    "softplus": Activation(
        "log(1 + e^(β x)) ÷ β, and x above a threshold", _softplus, (("beta", 1.0), ("threshold", 20.0))
    ),
    "softsign": Activation("x ÷ (1 + |x|)", lambda x: x / (1 + abs(x))),
    "tanhshrink": Activation("x − tanh(x)", lambda x: x - math.tanh(x)),
    "softshrink": Activation(
        "x moved towards 0 by λ", lambda x, lam: math.copysign(max(abs(x) - lam, 0.0), x), (("lambd", 0.5),)
    ),
    "hardshrink": Activation(
        "x where |x| > λ, else 0", lambda x, lam: x if abs(x) > lam else 0.0, (("lambd", 0.5),)
    ),
    "threshold": Activation(
        "x where x > threshold, else a value",
        lambda x, threshold, value: x if x > threshold else value,
        (("threshold", _NONE), ("value", _NONE)),
    ),
    "exp": Activation("eˣ", math.exp),
    "expm1": Activation("eˣ − 1", math.expm1),
    "log": Activation("log x", lambda x: math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)),
    "log1p": Activation("log(1 + x)", math.log1p),
    "sqrt": Activation("√x", lambda x: math.sqrt(x) if x >= 0 else math.nan),
    "rsqrt": Activation("1 ÷ √x", lambda x: 1 / math.sqrt(x)),
    "square": Activation("x²", lambda x: x * x),
    "reciprocal": Activation("1 ÷ x", lambda x: 1 / x),
    "abs": Activation("|x|", abs),
    "neg": Activation("−x", lambda x: -x),
    "sign": Activation("the sign of x", lambda x: float((x > 0) - (x < 0))),
    "floor": Activation("x rounded down", lambda x: float(math.floor(x))),
    "ceil": Activation("x rounded up", lambda x: float(math.ceil(x))),
    "sin": Activation("sin x", math.sin),
    "cos": Activation("cos x", math.cos),
    "erf": Activation("erf x", math.erf),
}  # fmt: skip
for _name, _same in (
    ("absolute", "abs"), ("negative", "neg"), ("special_expit", "sigmoid"), ("log_sigmoid", "logsigmoid"),
):  # fmt: skip
    ACTIVATIONS[_name] = ACTIVATIONS[_same]


def activation(about: Activation) -> Rule:
    def rule(op: Opening) -> Opened:
        operand = op.operand("x", op.value, op.index)
        settings = [op.argument(at, name, default) for at, (name, default) in enumerate(about.settings, 1)]
        if any(isinstance(each, Value) for each in settings):
            raise NotUnderstood("tensors as settings")
        x = float(operand.values)
        value = x if math.isnan(x) else about.function(x, *(settings if settings != [None] else []))
        words = ", ".join(
            f"{name} = {each}"
            for (name, _), each in zip(about.settings, settings, strict=True)
            if each is not None
        )
        formula = f"{about.formula} ({words})" if words else about.formula
        # Near 0 a smooth function may be the small difference of larger numbers.
        return _result(formula, (operand,), value, max(abs(x), abs(value)))

    return rule


def _result(formula: str, operands: tuple[Operand, ...], value: float, size: float, count: int = 0) -> Opened:
    return Opened("formula", formula, operands, (Step("value", value, formula),), size, multiplications=count)


def prelu(op: Opening) -> Opened:
    weight = op.argument(1, "weight")
    numbers = op.tensor(weight).flatten()
    slope = float(numbers[op.index[1] if numbers.numel() > 1 else 0])
    operand = op.operand("x", op.value, op.index)
    x = float(operand.values)
    steps = (Step("slope", slope, op.learnt(weight)), Step("value", x if x > 0 else slope * x))
    formula = "x where x > 0, else slope · x"
    return Opened("formula", formula, (operand,), steps, abs(x), None, int(op.is_learnt(weight)), 1)


def gated(op: Opening) -> Opened:
    """The first half of the channels, each times the sigmoid of its partner in the second."""
    dim = int(op.argument(1, "dim", -1)) % len(op.shape)
    partner = list(op.index)
    partner[dim] += op.shape[dim] // 2
    pair = op.operand("a", op.value, op.index), op.operand("b", op.value, partner)
    a, b = (float(each.values) for each in pair)
    return _result("a · sigmoid(b)", pair, a * _sigmoid(b), abs(a), 1)


def broadcast(index: Place, shape: Place) -> Place:
    """The place in a tensor of `shape` that is broadcast."""
    own = index[len(index) - len(shape) :]
    return tuple(0 if length == 1 else at for at, length in zip(own, shape, strict=True))


def _operands(op: Opening, given: Sequence[Any], names: str) -> tuple[Operand, ...]:
    return tuple(
        op.operand(name, each, broadcast(op.index, each.shape) if isinstance(each, Value) else ())
        for name, each in zip(names.split(), given, strict=True)
    )


def binary(formula: str, function: Function, *, swapped: bool = False) -> Rule:
    """Of two numbers; `alpha`, where given, multiplies the second."""

    def rule(op: Opening) -> Opened:
        given = [op.argument(0, "input"), op.argument(1, "other")]
        if op.argument(2, "rounding_mode") is not None:
            raise NotUnderstood("rounding")
        left, right = _operands(op, reversed(given) if swapped else given, "a b")  # type: ignore[arg-type]
        a, b = float(left.values), float(right.values)
        alpha = op.operation.options.get("alpha", 1)
        words = formula if alpha == 1 else formula.replace("b", f"{alpha} · b")
        value = function(a, b if alpha == 1 else alpha * b)
        largest = max(abs(a), abs(b)) if formula in ("a + b", "a − b") else abs(value)
        return _result(words, (left, right), value, largest, int(formula in ("a × b", "a ÷ b")))

    return rule


def _divided(a: float, b: float) -> float:
    return a / b if b else math.nan if a == 0 else math.copysign(math.inf, a)


def interpolated(op: Opening) -> Opened:
    """lerp: a + weight · (b − a)."""
    given = [op.argument(at, name) for at, name in enumerate(("input", "end", "weight"))]
    operands = _operands(op, given, "a b weight")
    a, b, weight = (float(each.values) for each in operands)
    return _result("a + weight · (b − a)", operands, a + weight * (b - a), abs(a) + abs(b), 1)


ARITHMETIC: dict[str, tuple[str, Function]] = {
    "add": ("a + b", lambda a, b: a + b),
    "sub": ("a − b", lambda a, b: a - b),
    "mul": ("a × b", lambda a, b: a * b),
    "div": ("a ÷ b", _divided),
    "pow": ("a to the power b", lambda a, b: a**b),
    "maximum": ("max(a, b)", max),
    "minimum": ("min(a, b)", min),
}
COMPARISONS: dict[str, tuple[str, Function]] = {
    "eq": ("1 where a = b, else 0", lambda a, b: float(a == b)),
    "ne": ("1 where a ≠ b, else 0", lambda a, b: float(a != b)),
    "lt": ("1 where a < b, else 0", lambda a, b: float(a < b)),
    "le": ("1 where a ≤ b, else 0", lambda a, b: float(a <= b)),
    "gt": ("1 where a > b, else 0", lambda a, b: float(a > b)),
    "ge": ("1 where a ≥ b, else 0", lambda a, b: float(a >= b)),
}
_ALSO = {
    "add": "iadd radd", "sub": "subtract isub", "mul": "multiply imul rmul",
    "div": "divide truediv itruediv true_divide idiv", "pow": "ipow float_power",
}  # fmt: skip

POINTWISE: dict[str, Callable[[Opening], Opened]] = {
    **{name: activation(about) for name, about in ACTIVATIONS.items()},
    **{
        each: binary(*about)
        for name, about in ARITHMETIC.items()
        for each in (name, *_ALSO.get(name, "").split())
    },
    **{name: binary(*about) for name, about in COMPARISONS.items()},
    **dict.fromkeys(("rsub",), binary(*ARITHMETIC["sub"], swapped=True)),
    **dict.fromkeys(("rdiv", "rtruediv"), binary(*ARITHMETIC["div"], swapped=True)),
    "rpow": binary(*ARITHMETIC["pow"], swapped=True),
    "prelu": prelu,
    "glu": gated,
    "lerp": interpolated,
}
