"""How many multiply-adds an operation takes, by torch's function.

A multiply-add is one multiplication with its addition, half of what papers call two FLOPs. Counted are the
products of convolutions, dense layers, matrix products, attention and recurrent layers. By the field's
convention the rest counts nothing: what works element by element, normalisation, pooling, and whatever only
moves numbers. Adding a bias takes no product, so it is counted apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from pellucid.inspection.trace import Operation, Trace, Value


def multiply_adds_of(operation: Operation) -> int | None:
    """The operation's multiply-adds; None for one that is neither known to multiply nor known not to."""
    count = _COUNTS.get(operation.name)
    if count is not None:
        return count(operation)
    return 0 if operation.name in MOVES or operation.name in _FREE else None


def multiply_adds_in(trace: Trace) -> int:
    """Those of a whole run; operations that are not known count nothing."""
    return sum(multiply_adds_of(operation) or 0 for operation in trace.operations)


def bias_additions_of(operation: Operation) -> int:
    """How many times a bias is added. Who takes a bias for the weight of a constant input of 1, as in “k·h² +
    1 weights a filter”, counts each as one more product.
    """
    count = _BIASES.get(operation.name)
    return 0 if count is None else count(operation)


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
    """A matrix product whose left factor is tensor number `first`: its last dimension is summed over."""

    def count(operation: Operation) -> int:
        return _size(operation.outputs[0]) * math.prod(operation.inputs[first].shape[-1:])

    return count


def _tensordot(operation: Operation) -> int:
    """(a, c) times (c, b) gives (a, b): the three sizes multiplied are (a·b·c)²."""
    return math.isqrt(math.prod(map(_size, (*operation.inputs[:2], operation.outputs[0]))))


def _einsum(operation: Operation) -> int | None:
    """Two factors: one product for each combination of their indices. More: unknown, the order decides."""
    equation, factors = operation.arguments[0], operation.inputs
    if not isinstance(equation, str) or len(factors) > 2:
        return None
    sizes: dict[str, int] = {}
    for indices, factor in zip(equation.replace(" ", "").split("->")[0].split(","), factors, strict=True):
        before, dots, after = indices.partition("...")
        hidden = len(factor.shape) - len(before) - len(after)
        # Dimensions behind the dots, which broadcast, are told apart by their place from the right.
        named = [*before, *(f".{at}" for at in range(hidden if dots else 0, 0, -1)), *after]
        for index, size in zip(named, factor.shape, strict=True):
            sizes[index] = max(sizes.get(index, 1), size)
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


def _recurrent_weights(operation: Operation, dimensions: int) -> int:
    """The size of the matrices, or of the biases, of all layers and directions: they are the last list."""
    *_, weights = (given for given in operation.arguments if isinstance(given, (list, tuple)) and given)
    return sum(_size(weight) for weight in weights if len(weight.shape) == dimensions)


def _steps(operation: Operation) -> int:
    return _size(operation.inputs[0]) // operation.inputs[0].shape[-1]


def _recurrent(operation: Operation) -> int:
    """Every weight matrix of every layer and direction meets every step of every sequence once."""
    return _steps(operation) * _recurrent_weights(operation, dimensions=2)


def _recurrent_cell(operation: Operation) -> int:
    """(input, state, input's weights, state's weights, biases): one step."""
    return _steps(operation) * sum(_size(operation.arguments[at]) for at in (2, 3))


_COUNTS: Mapping[str, Callable[[Operation], int | None]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    "deform_conv2d": _convolution,
    "linear": _linear,
    "bilinear": _bilinear,
    **dict.fromkeys(
        ("matmul", "linalg_matmul", "mm", "bmm", "mv", "dot", "vdot", "inner", "linalg_vecdot"), _product(0)
    ),
    **dict.fromkeys(("addmm", "baddbmm", "addmv", "rmatmul"), _product(1)),
    "addbmm": lambda operation: _product(1)(operation) * operation.inputs[1].shape[0],
    "tensordot": _tensordot,
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head_attention,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _recurrent_cell),
}


def _bias(place: int) -> Callable[[Operation], int]:
    """One for each output, if there is a bias at `place`."""

    def count(operation: Operation) -> int:
        given = _argument(operation, place, "bias")
        return 0 if given is None else _size(operation.outputs[0])

    return count


def _multi_head_attention_bias(operation: Operation) -> int:
    query, key = (_argument(operation, at, name) for at, name in enumerate(("query", "key")))
    width = query.shape[-1]
    tokens, others = _size(query) // width, _size(key) // key.shape[-1]
    within = _argument(operation, 6, "in_proj_bias") is not None
    without = _argument(operation, 12, "out_proj_bias") is not None
    return int(width * (within * (tokens + 2 * others) + without * tokens))


def _recurrent_cell_bias(operation: Operation) -> int:
    biases = [_argument(operation, 4, "b_ih"), _argument(operation, 5, "b_hh")]
    return _steps(operation) * sum(_size(bias) for bias in biases if bias is not None)


_BIASES: Mapping[str, Callable[[Operation], int]] = {
    **dict.fromkeys(
        """conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d conv_transpose3d
        linear""".split(),
        _bias(2),
    ),
    "deform_conv2d": _bias(4),
    "bilinear": _bias(3),
    "multi_head_attention_forward": _multi_head_attention_bias,
    **dict.fromkeys(
        ("lstm", "gru", "rnn_tanh", "rnn_relu"),
        lambda operation: _steps(operation) * _recurrent_weights(operation, dimensions=1),
    ),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _recurrent_cell_bias),
}

MOVES = frozenset(
    """H T arange as_strided as_tensor atleast_1d atleast_2d atleast_3d bernoulli bfloat16 bool
    broadcast_tensors broadcast_to cat channel_shuffle chunk clone complex concat concatenate conj contiguous
    copy cpu cuda data detach diag diag_embed diagonal double dsplit embedding empty empty_like empty_permuted
    empty_strided expand expand_as eye fill fill_diagonal flatten flip fliplr flipud float full full_like
    gather getitem half hsplit hstack imag index_copy index_fill index_put index_select int linspace logspace
    long mH mT masked_fill masked_scatter masked_select meshgrid moveaxis movedim narrow
    native_channel_shuffle new_empty new_full new_ones new_tensor new_zeros nonzero normal one_hot ones
    ones_like pack_padded_sequence pad pad_packed_sequence permute pixel_shuffle pixel_unshuffle positive rand
    rand_like randint randn randn_like randperm ravel real repeat repeat_interleave requires_grad reshape
    reshape_as resolve_conj roll rot90 scalar_tensor scatter select setitem slice_scatter split
    split_with_sizes squeeze stack swapaxes swapdims t take take_along_dim tensor tensor_split tile to
    transpose tril tril_indices triu triu_indices type type_as unbind unflatten uniform unsqueeze view view_as
    view_as_complex view_as_real vsplit vstack where zero zeros zeros_like
    """.split()
)
"""Operations that make or move numbers, and compute none."""

_FREE = frozenset(
    # element by element
    """abs absolute add addcdiv addcmul alpha_dropout and angle arctan asin acos atan atan2 bitwise_and
    bitwise_not bitwise_or bitwise_xor ceil celu clamp clamp_max clamp_min clip copysign cos cosh deg2rad div
    divide dropout dropout1d dropout2d dropout3d elu eq erf erfc erfinv exp exp2 expm1 feature_alpha_dropout
    float_power floor floor_divide floordiv fmax fmin fmod frac ge gelu glu greater greater_equal gt
    hardshrink hardsigmoid hardswish hardtanh heaviside hypot iadd iand idiv ifloordiv imul invert ior ipow
    isclose isfinite isinf isnan isneginf isposinf isub itruediv ldexp le leaky_relu lerp less less_equal
    lgamma log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor logit logsigmoid lt
    maximum minimum mish mod mul multiply nan_to_num ne neg negative not_equal or outer polar pow prelu
    rad2deg radd rdiv reciprocal relu relu6 remainder rfloordiv rmul round rpow rrelu rsqrt rsub rtruediv selu
    sgn sigmoid sign silu sin sinc sinh softplus softshrink softsign sqrt square sub subtract tan tanh
    tanhshrink threshold true_divide truediv trunc xlogy xor
    """.split()
    # normalisation, softmax, sums, extremes, orders, losses
    + """all amax amin aminmax any argmax argmin argsort batch_norm bincount binary_cross_entropy
    binary_cross_entropy_with_logits bucketize cosine_similarity count_nonzero cross_entropy cummax cummin
    cumprod cumsum diff group_norm gumbel_softmax histc huber_loss index_add index_reduce instance_norm
    kl_div kthvalue l1_loss layer_norm linalg_matrix_norm linalg_norm linalg_vector_norm
    local_response_norm log_softmax logcumsumexp logsumexp max mean median min mode mse_loss nanmean nansum
    nll_loss norm normalize pairwise_distance prod quantile rms_norm scatter_add scatter_reduce searchsorted
    smooth_l1_loss softmax softmin sort std std_mean sum topk trace unique unique_consecutive var var_mean
    weight_norm
    """.split()
    # pooling and sampling
    + """adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool3d affine_grid avg_pool1d avg_pool2d avg_pool3d embedding_bag fold fractional_max_pool2d
    fractional_max_pool3d grid_sample interpolate lp_pool1d lp_pool2d lp_pool3d max_pool1d max_pool2d
    max_pool3d max_unpool1d max_unpool2d max_unpool3d multinomial nms ps_roi_align ps_roi_pool roi_align
    roi_pool unfold upsample upsample_bilinear upsample_nearest
    """.split()
    # the same, where they also say where the maximum was
    + [
        f"{kind}max_pool{dims}d_with_indices"
        for kind in ("", "adaptive_", "fractional_")
        for dims in (1, 2, 3)
    ]
)
