"""How many multiply-adds an operation takes, by torch's function.

A multiply-add is one multiplication with its addition, half of what papers call two FLOPs. Counted are the
products of convolutions, dense layers, matrix products, attention and recurrent layers. By the field's
convention the rest counts nothing: what works element by element, normalisation, pooling, and whatever only
moves numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pellucid.inspection.trace import Operation, Value


def multiply_adds_of(operation: Operation) -> int | None:
    """The operation's multiply-adds; None for one that is neither known to multiply nor known not to."""
    count = COUNTS.get(operation.name)
    if count is not None:
        return count(operation)
    return 0 if operation.name in FREE else None


def _argument(operation: Operation, place: int, name: str, default: Any = None) -> Any:
    """What was given at `place` or by `name`."""
    if place < len(operation.arguments):
        return operation.arguments[place]
    return operation.options.get(name, default)


def _size(value: Value) -> int:
    return math.prod(value.shape)


def _convolution(operation: Operation) -> int:
    """Every output takes one product for each weight of its filter, (out, in / groups, …)."""
    weight: Value = _argument(operation, 1, "weight")
    return _size(operation.outputs[0]) * math.prod(weight.shape[1:])


def _transposed(operation: Operation) -> int:
    """Every input is spread by each weight of its filter, (in, out / groups, …)."""
    given: Value = _argument(operation, 0, "input")
    weight: Value = _argument(operation, 1, "weight")
    return _size(given) * math.prod(weight.shape[1:])


def _linear(operation: Operation) -> int:
    weight: Value = _argument(operation, 1, "weight")
    return _size(operation.outputs[0]) * weight.shape[-1]


def _bilinear(operation: Operation) -> int:
    """x W y for each of the outputs: W (out, one, two) meets the first input, then the second."""
    weight: Value = _argument(operation, 2, "weight")
    return _size(operation.outputs[0]) * (weight.shape[1] * weight.shape[2] + weight.shape[2])


def _product(first: int) -> Callable[[Operation], int]:
    """A matrix product whose left factor is argument number `first`: its last dimension is summed over."""

    def count(operation: Operation) -> int:
        factors = [each for each in operation.arguments if isinstance(each, Value)]
        factors += [each for each in operation.options.values() if isinstance(each, Value)]
        return _size(operation.outputs[0]) * factors[first].shape[-1]

    return count


def _einsum(operation: Operation) -> int | None:
    """Two factors: one product for each combination of their indices. More: unknown, the order decides."""
    equation = operation.arguments[0]
    factors = list(operation.inputs)
    if not isinstance(equation, str) or len(factors) > 2 or "." in equation:
        return None
    sizes: dict[str, int] = {}
    for indices, factor in zip(equation.replace(" ", "").split("->")[0].split(","), factors, strict=True):
        sizes.update(zip(indices, factor.shape, strict=True))
    return math.prod(sizes.values()) if len(factors) == 2 else 0


def _attention(operation: Operation) -> int:
    """Each query (…, l, e) meets each key (…, s, e), and its weights each value (…, s, v)."""
    query, key, value = (_argument(operation, at, name) for at, name in enumerate(("query", "key", "value")))
    pairs = _size(operation.outputs[0]) // value.shape[-1] * key.shape[-2]
    return int(pairs * (query.shape[-1] + value.shape[-1]))


def _multi_head_attention(operation: Operation) -> int:
    """The three projections into the heads, attention in them, and the projection out of them."""
    query, key, value = (_argument(operation, at, name) for at, name in enumerate(("query", "key", "value")))
    width = query.shape[-1]
    tokens, others = _size(query) // width, _size(key) // key.shape[-1]
    batch = 1 if len(query.shape) == 2 else query.shape[1]
    projections = width * (tokens * width + others * key.shape[-1] + others * value.shape[-1])
    bias = _argument(operation, 7, "bias_k") is not None
    seen = others // batch + bias + bool(_argument(operation, 9, "add_zero_attn", False))
    return int(projections + 2 * tokens * seen * width + tokens * width * width)


def _recurrent(operation: Operation) -> int:
    """Every weight matrix of every layer and direction meets every step of every sequence once."""
    steps = _size(operation.arguments[0]) // operation.arguments[0].shape[-1]
    matrices = [value for value in operation.inputs if value.origin == "parameter" and len(value.shape) == 2]
    return int(steps * sum(map(_size, matrices)))


COUNTS: dict[str, Callable[[Operation], int | None]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution", "deform_conv2d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    "linear": _linear,
    "bilinear": _bilinear,
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "dot", "vdot", "inner"), _product(0)),
    **dict.fromkeys(("addmm", "baddbmm", "addmv", "addbmm"), _product(1)),
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head_attention,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
}

FREE = frozenset(
    # element by element
    """abs add addcdiv addcmul alpha_dropout and bitwise_and bitwise_not bitwise_or ceil celu clamp
    clamp_max clamp_min copysign cos div dropout dropout1d dropout2d dropout3d elu eq erf exp exp2 expm1
    feature_alpha_dropout feature_dropout fill floor floor_divide fmod ge gelu glu greater gt hardshrink
    hardsigmoid hardswish hardtanh iadd imul invert isfinite isinf isnan isub itruediv le leaky_relu
    lerp less log log10 log1p log2 logical_and logical_not logical_or logical_xor logit logsigmoid lt
    masked_fill maximum minimum mish mul multiply nan_to_num ne neg or pow prelu radd reciprocal relu
    relu6 remainder rmul round rpow rrelu rsqrt rsub rtruediv selu sigmoid sign silu sin softplus
    softshrink softsign sqrt square stochastic_depth sub subtract tanh tanhshrink threshold true_divide
    truediv trunc where xlogy zero
    """.split()
    # normalisation, softmax, sums and extremes
    + """all amax amin any argmax argmin argsort batch_norm cumprod cumsum group_norm gumbel_softmax
    instance_norm layer_norm local_response_norm log_softmax logsumexp max mean median min norm
    normalize prod rms_norm softmax softmin sort std std_mean sum topk var var_mean vector_norm
    """.split()
    # pooling and sampling
    + """adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool3d affine_grid avg_pool1d avg_pool2d avg_pool3d channel_shuffle fold grid_sample
    interpolate lp_pool1d lp_pool2d max_pool1d max_pool2d max_pool3d max_unpool1d max_unpool2d
    max_unpool3d nms pixel_shuffle pixel_unshuffle roi_align roi_pool unfold upsample upsample_bilinear
    upsample_nearest
    """.split()
    # moving numbers about
    + """H T arange as_strided as_tensor bernoulli bernoulli_ bfloat16 bool broadcast_tensors broadcast_to
    cat chunk clone concat concatenate contiguous copy cpu cuda data detach detach_ diagonal double
    dsplit dtype embedding empty empty_like expand expand_as eye flatten flip float from_numpy full
    full_like gather getitem half hsplit hstack index_add index_copy index_fill index_select int item
    linspace long mH mT masked_select meshgrid moveaxis movedim narrow new_empty new_full new_ones
    new_tensor new_zeros nonzero normal numpy one_hot ones ones_like pad permute rand rand_like randn
    randn_like ravel real repeat repeat_interleave requires_grad requires_grad_ reshape reshape_as roll
    rot90 scalar_tensor scatter scatter_add select setitem split split_with_sizes squeeze stack swapaxes
    swapdims t take take_along_dim tensor tensor_split tile to transpose tril triu type type_as unbind
    unflatten uniform unsqueeze view view_as vstack zeros zeros_like
    """.split()
)
