"""The operations of torch by what they do to relevance, and those that are rewritten for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.explain.override import OTHER_ACTIVATIONS, RECTIFIERS, SQUASHING, functions
from pellucid.explain.relevance.rules import Linear

ROUTING = functions(
    """
    view view_as reshape reshape_as flatten unflatten ravel permute transpose t swapaxes swapdims movedim
    moveaxis unsqueeze squeeze contiguous clone expand expand_as broadcast_to narrow select chunk split
    tensor_split unbind getitem setitem index_select gather take_along_dim roll flip pixel_shuffle
    pixel_unshuffle channel_shuffle repeat repeat_interleave tile pad constant_pad_nd dropout dropout1d
    dropout2d dropout3d alpha_dropout feature_alpha_dropout unfold max_pool1d max_pool2d max_pool3d
    max_pool2d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d max amax maximum to
    type float half bfloat16 double cpu cuda where masked_fill copy zero fill diagonal
    """
)
"""Autograd's backward pass takes relevance to where each value came from."""

JOINING = functions("cat concat concatenate stack hstack vstack")
"""Routing, too; what is joined with constants leaves them their part."""

ELEMENTWISE = (
    RECTIFIERS
    | OTHER_ACTIVATIONS
    | SQUASHING
    | functions("clamp clip clamp_min clamp_max threshold abs exp sqrt pow square log1p erf batch_norm")
    | functions("local_response_norm")
)
LINEAR = functions(
    """
    add sub rsub neg mean sum avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d interpolate upsample conv_transpose1d conv_transpose2d conv_transpose3d matmul bmm mm
    einsum mul multiply div divide true_divide truediv fold cumsum
    """
)
"""Linear, or affine, in what depends on the picture; products and quotients with one such operand are."""

PRODUCTS = functions("mul multiply matmul bmm mm einsum")
QUOTIENTS = functions("div divide true_divide truediv")
SOFTMAX = functions("softmax log_softmax softmin")
UNRELATED = functions("detach size dim numel stride is_contiguous item tolist argmax argsort")
"""Give nothing that relevance could come back from."""

WEIGHTED = functions("conv1d conv2d conv3d linear")
ATTENTION = functions("scaled_dot_product_attention")
NORMALISATIONS = functions("layer_norm group_norm instance_norm rms_norm")


def bound(function: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """The arguments by name."""
    call = inspect.signature(function).bind(*arguments, **options)
    call.apply_defaults()
    return call.arguments


def linear_layer(
    function: Callable[..., Tensor], arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> tuple[Linear, Tensor, Tensor, Tensor | None]:
    """A call of a convolution or dense layer as the layer (x, w, b) → z, and x, w, b."""
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    given = dict(zip(names, arguments, strict=False)) | dict(options)
    x, weight, bias = given.pop("input"), given.pop("weight"), given.pop("bias", None)
    return (lambda x, weight, bias: function(x, weight, bias, **given)), x, weight, bias


def merged(
    weight: Tensor, bias: Tensor | None, arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> tuple[Tensor, Tensor] | None:
    """Weights and bias of one layer that does what a layer and the batch norm after it do; None for a batch
    norm that goes by the batch.
    """
    norm = bound(F.batch_norm, arguments, options)
    mean, variance = norm["running_mean"], norm["running_var"]
    if norm["training"] or mean is None:
        return None
    scale = (variance + norm["eps"]).rsqrt()
    scale = scale if norm["weight"] is None else scale * norm["weight"]
    shift = ((0 if bias is None else bias) - mean) * scale
    shift = shift if norm["bias"] is None else shift + norm["bias"]
    return weight * scale.view(-1, *[1] * (weight.ndim - 1)), shift


def with_constant_scale(
    function: Callable[..., Tensor], arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> Tensor:
    """A layer, group, instance or root-mean-square normalisation; its divisor has no history."""
    given = bound(function, arguments, options)
    x, weight, bias, name = given["input"], given.get("weight"), given.get("bias"), function.__name__
    epsilon = given.get("eps") or torch.finfo(x.dtype).eps
    shape = x.shape
    if name in ("layer_norm", "rms_norm"):
        dims = tuple(range(-len(given["normalized_shape"]), 0))
        over = x
    else:
        groups = given.get("num_groups", shape[1])
        over, dims = x.reshape(shape[0], groups, -1), (-1,)
        channels = (1, -1, *[1] * (x.ndim - 2))
        weight, bias = (None if each is None else each.view(channels) for each in (weight, bias))
    centred = over if name == "rms_norm" else over - over.mean(dims, keepdim=True)
    scale = (centred.detach().square().mean(dims, keepdim=True) + epsilon).rsqrt()
    result = (centred * scale).reshape(shape)
    result = result if weight is None else result * weight
    shifted: Tensor = result if bias is None else result + bias
    return shifted


def attention_of_values(arguments: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[Tensor, Any]:
    """`F.multi_head_attention_forward` as what it is for constant attention: weighted means of the values."""
    given = bound(F.multi_head_attention_forward, arguments, options)
    constant = {name: each.detach() if isinstance(each, Tensor) else each for name, each in given.items()} | {
        "need_weights": True,
        "average_attn_weights": False,
    }
    run: Callable[..., Any] = F.multi_head_attention_forward
    _, weights = run(**constant)  # (b, heads, l, s), or without b
    width, heads, value = given["embed_dim_to_check"], given["num_heads"], given["value"]  # (s, b, width)
    if given["use_separate_proj_weight"]:
        projection = given["v_proj_weight"]
    else:
        projection = given["in_proj_weight"][2 * width :]
    bias = None if given["in_proj_bias"] is None else given["in_proj_bias"][2 * width :]
    values = F.linear(value, projection, bias)
    values = values.reshape(len(values), -1, heads, width // heads).permute(1, 2, 0, 3)
    mixed = (weights.reshape(-1, *weights.shape[-3:]) @ values).permute(2, 0, 1, 3)
    shape = (len(mixed), *value.shape[1:-1], width)
    result = F.linear(mixed.reshape(shape), given["out_proj_weight"], given["out_proj_bias"])
    if not given["need_weights"]:
        return result, None
    return result, weights.mean(-3) if given["average_attn_weights"] else weights
