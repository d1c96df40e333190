"""Which rule follows which operation, by torch's name for it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest

from pellucid.inspection.arguments import MISREAD
from pellucid.inspection.reach import indexing, layout, mixing
from pellucid.inspection.reach.seen import Applied, Rule, Seen, united
from pellucid.inspection.reach.terms import Shape
from pellucid.inspection.trace import Operation, Value


def follow(operation: Operation, seen: Mapping[Value, Seen], nothing: Seen) -> list[Seen]:
    """What the outputs of `operation` see, given what its inputs see.

    Where no rule exists or none applies, every output may see all that any input sees, and says so.
    """
    outputs = operation.outputs
    inputs = [seen[value] for value in operation.inputs if value in seen]
    if not inputs or any(0 in value.shape for value in outputs):
        return [nothing] * len(outputs)
    rule = RULES.get(operation.name)
    doubt = f"unknown: {operation.name}"
    if operation.name in DATA_DEPENDENT:
        doubt = f"data-dependent: {operation.name}"
    elif rule is not None:
        try:
            result = rule(Applied(operation, seen, nothing))
            found = result if isinstance(result, list) else [result] * len(outputs)
            if all(map(_fits, found, [value.shape for value in outputs])):
                return found
        except MISREAD as why:
            doubt = f"{doubt} ({why})"
    return [united([one.hull(len(out.shape)) for one in inputs]).doubted(doubt) for out in outputs]


def _fits(seen: Seen, shape: Shape) -> bool:
    """Whether the tables belong to a tensor of that shape: a rule that misread a call gives others."""
    for reach in seen.axes:
        for term in reach:
            for size, length in zip_longest(term.sizes, shape):
                if size not in (1, length):
                    return False
    return True


def first(op: Applied) -> Seen:
    """As the first tensor."""
    return op.seen


def elementwise(op: Applied) -> Seen:
    """As all tensors at the same place, broadcast."""
    out = op.output
    parts = [op.of(value).broadcast(value.shape, out) for value in op.operation.inputs]
    parts = [part for part in parts if part.anything]
    return parts[0] if len(parts) == 1 else united(parts)


def weighted(op: Applied) -> Seen:
    """As the first tensor, and the weights."""
    return op.with_others(op.seen)


def nothing(op: Applied) -> Seen:
    """Made from a tensor's shape, not from what is in it."""
    return op.nothing


def overwritten(op: Applied) -> Seen:
    """As the tensor copied into it."""
    source = op.argument(1, "src")
    return op.of(source).broadcast(source.shape, op.output)


def extreme(op: Applied) -> Seen:
    """max and min: of two tensors, or along a dimension, or of all."""
    return elementwise(op) if len(op.operation.inputs) > 1 else REDUCTION(op)


def whole(op: Applied) -> Seen:
    """Every element sees all of the inputs."""
    return op.everything()


REDUCTION = mixing.reduction(1)


def _named(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


DATA_DEPENDENT = {
    *"""
    grid_sample topk sort argsort msort nonzero masked_select masked_scatter gather take take_along_dim
    index_select index_put scatter scatter_add scatter_reduce index_add index_copy deform_conv2d
    roi_align roi_pool ps_roi_align ps_roi_pool nms unique unique_consecutive searchsorted multinomial
    max_unpool1d max_unpool2d max_unpool3d fractional_max_pool2d fractional_max_pool3d kthvalue bincount
    embedding_bag
    """.split()
}
"""What these give depends on values, such as where to look."""

RULES: dict[str, Rule] = {
    **_named(
        first,
        """
        alias bfloat16 bool byte clone contiguous conj cpu cuda data detach double dropout dropout1d
        dropout2d dropout3d alpha_dropout feature_alpha_dropout float half int long requires_grad
        resolve_conj to type type_as nan_to_num
        """,
    ),
    **_named(
        elementwise,
        """
        abs absolute add addcdiv addcmul and angle atan atan2 bitwise_and bitwise_not bitwise_or
        bitwise_xor ceil celu clamp clamp_max clamp_min clip copysign cos cosh deg2rad div divide elu eq
        erf erfc exp exp2 expm1 float_power floor floor_divide floordiv fmax fmin fmod frac ge gelu
        greater greater_equal gt hardshrink hardsigmoid hardswish hardtanh heaviside hypot iadd iand
        idiv ifloordiv imag imul invert ior isfinite isinf isnan isub itruediv ixor le leaky_relu lerp
        less less_equal lgamma log log10 log1p log2 logaddexp logical_and logical_not logical_or
        logical_xor logit logsigmoid lt masked_fill maximum minimum mish mod mul multiply ne neg
        negative not_equal or polar positive pow rad2deg radd rdiv real reciprocal relu relu6 remainder
        rfloordiv rmul round rpow rrelu rsqrt rsub rtruediv selu sgn sigmoid sign silu sin sinh softplus
        softshrink softsign sqrt square sub subtract tan tanh tanhshrink threshold true_divide truediv
        trunc where xlogy xor special_expit complex
        """,
    ),
    "copy": overwritten,
    **_named(weighted, "prelu"),
    **_named(
        nothing,
        """
        empty_like full_like new_empty new_full new_ones new_tensor new_zeros ones_like rand_like
        randint_like randn_like zero zeros_like
        """,
    ),
    **_named(mixing.convolution, "conv1d conv2d conv3d"),
    **_named(mixing.transposed_convolution, "conv_transpose1d conv_transpose2d conv_transpose3d"),
    "interpolate": mixing.interpolation,
    "local_response_norm": mixing.local_response,
    "linear": mixing.linear,
    "batch_norm": mixing.batch_norm,
    "instance_norm": mixing.instance_norm,
    "group_norm": mixing.group_norm,
    **_named(mixing.layer_norm, "layer_norm rms_norm"),
    **_named(mixing.matmul, "matmul bmm mm"),
    **_named(mixing.matmul_added, "addmm baddbmm"),
    "einsum": mixing.einsum,
    "scaled_dot_product_attention": mixing.attention,
    "multi_head_attention_forward": mixing.multi_head_attention,
    **_named(mixing.recurrence, "lstm gru rnn_tanh rnn_relu"),
    **_named(
        mixing.reduction(1),
        """
        all amax amin any argmax argmin count_nonzero logsumexp mean median mode nanmean nansum prod std
        std_mean sum var var_mean
        """,
    ),
    **_named(mixing.reduction(2), "norm linalg_norm linalg_vector_norm quantile"),
    **_named(extreme, "max min"),
    **_named(mixing.mixing(1), "softmax log_softmax softmin"),
    "normalize": mixing.mixing(2, 1),
    **_named(mixing.mixing(2, -1), "fft_fft fft_ifft fft_rfft fft_irfft"),
    **_named(mixing.mixing(2, (-2, -1)), "fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2"),
    **_named(mixing.mixing(2), "fft_fftn fft_ifftn"),
    **_named(mixing.cumulation, "cumsum cumprod cummax cummin logcumsumexp"),
    **_named(whole, "affine_grid"),
    **_named(
        layout.reshape,
        """
        flatten ravel reshape reshape_as squeeze unflatten unsqueeze view view_as
        """,
    ),
    "permute": layout.permute,
    **_named(layout.transpose, "transpose swapaxes swapdims"),
    **_named(layout.matrix_transpose, "t mT adjoint mH"),
    **_named(layout.reverse_dims, "T"),
    **_named(layout.movedim, "movedim moveaxis"),
    **_named(layout.expand, "expand expand_as broadcast_to"),
    **_named(layout.repeat, "repeat tile"),
    "repeat_interleave": layout.repeat_interleave,
    "flip": layout.flip,
    "roll": layout.roll,
    "pad": layout.pad,
    "unfold": layout.unfold,
    "fold": layout.fold,
    "pixel_shuffle": layout.pixel_shuffle,
    "pixel_unshuffle": layout.pixel_unshuffle,
    **_named(layout.channel_shuffle, "channel_shuffle native_channel_shuffle"),
    **_named(layout.concatenation, "cat concat concatenate"),
    "stack": layout.stack,
    **_named(layout.pieces(2), "chunk split tensor_split unsafe_chunk unsafe_split split_with_sizes"),
    "unbind": layout.unbind,
    "select": layout.select,
    "narrow": layout.narrow,
    "getitem": indexing.read,
    "setitem": indexing.written,
    "glu": layout.gated,
    "view_as_complex": layout.as_complex,
    "view_as_real": layout.as_real,
}

for _dims in (1, 2, 3):
    for _indices in ("", "_with_indices"):
        RULES[f"max_pool{_dims}d{_indices}"] = mixing.pooling(_dims, dilated=True)
        RULES[f"adaptive_max_pool{_dims}d{_indices}"] = mixing.adaptive_pooling(_dims)
    RULES[f"avg_pool{_dims}d"] = mixing.pooling(_dims)
    RULES[f"lp_pool{_dims}d"] = mixing.pooling(_dims, kernel=2, padded=False)
    RULES[f"adaptive_avg_pool{_dims}d"] = mixing.adaptive_pooling(_dims)
