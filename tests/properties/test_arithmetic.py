"""Random configurations of every kind of layer: the opened unit is the network's number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pellucid.inspection.arithmetic.pointwise import ACTIVATIONS
from pellucid.inspection.arithmetic.unit import unit
from pellucid.inspection.arithmetic.watching import watch
from pellucid.types.address import Address
from pellucid.types.arithmetic import Arithmetic

UNIT = st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6)
ROUNDING = 1e-5


class Applied(nn.Module):
    """A function of the input, in double precision, so that rounding hides nothing."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def opened(model: nn.Module | Callable[[Tensor], Tensor], x: Tensor, where: list[float]) -> Arithmetic:
    """The unit of the output at these shares of its sides."""
    module = model.double() if isinstance(model, nn.Module) else Applied(model)
    try:
        watched = watch(module, [x], as_it_is=True)
    except ValueError as error:
        assume("refused" not in str(error))  # a window larger than its picture, say
        raise
    value = watched.trace.outputs[0]
    assume(0 not in value.shape)
    order = watched.layout_at(value).order
    place = [int(share * value.shape[at]) for share, at in zip(where, order, strict=False)]
    found = unit(watched, Address().at(*place), sample=len(x) - 1 if len(order) < len(value.shape) else 0)
    assert found.kind != "unknown", found.notes
    sizes = [float(np.abs(each.products).max(initial=0.0)) for each in found.operands]
    scale = max([abs(found.value), *sizes])
    assert found.result == pytest.approx(found.value, rel=ROUNDING, abs=1e-12 * max(scale, 1.0))
    return found


def sides(dims: int, low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(low, high)] * dims)


CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(deadline=None, max_examples=50)
@given(st.data(), st.integers(1, 3), UNIT)
def test_convolution(data: st.DataObject, dims: int, where: list[float]) -> None:
    groups = data.draw(st.integers(1, 3))
    channels, out = groups * data.draw(st.integers(1, 3)), groups * data.draw(st.integers(1, 2))
    kernel, stride = data.draw(sides(dims, 1, 3)), data.draw(sides(dims, 1, 3))
    mode = data.draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    dilation = data.draw(sides(dims, 1, 2))
    padding: Any = data.draw(st.one_of(sides(dims, 0, 2), st.sampled_from(["same", "valid"])))
    stride = (1,) * dims if padding == "same" else stride
    bias = data.draw(st.booleans())
    layer = CONVOLUTIONS[dims - 1](
        channels, out, kernel, stride, padding, dilation, groups, bias, mode
    )  # fmt: skip
    found = opened(layer, numbers(2, channels, *data.draw(sides(dims, 3, 6))), where)
    (window,) = found.operands
    assert window.values.shape == (channels // groups, *kernel)
    assert found.weights == window.values.size + bias


@settings(deadline=None, max_examples=30)
@given(st.data(), st.integers(1, 3), UNIT)
def test_transposed_convolution(data: st.DataObject, dims: int, where: list[float]) -> None:
    groups = data.draw(st.integers(1, 2))
    channels, out = groups * data.draw(st.integers(1, 2)), groups * data.draw(st.integers(1, 2))
    kernel, stride, dilation = (data.draw(sides(dims, 1, 3)) for _ in range(3))
    padding = data.draw(sides(dims, 0, 1))
    output = tuple(
        min(a, max(s, d) - 1) for a, s, d in zip(data.draw(sides(dims, 0, 1)), stride, dilation, strict=True)
    )
    layer = TRANSPOSED[dims - 1](channels, out, kernel, stride, padding, output, groups, True, dilation)
    opened(layer, numbers(2, channels, *data.draw(sides(dims, 2, 4))), where)


@settings(deadline=None, max_examples=40)
@given(st.data(), st.integers(1, 3), st.sampled_from(["max", "avg", "adaptive max", "adaptive avg"]), UNIT)
def test_pooling(data: st.DataObject, dims: int, kind: str, where: list[float]) -> None:
    x = numbers(2, 2, *data.draw(sides(dims, 3, 7)))
    if kind.startswith("adaptive"):
        size = data.draw(sides(dims, 1, 4))
        found = opened(lambda x: getattr(F, f"{kind.replace(' ', '_')}_pool{dims}d")(x, size), x, where)
    else:
        kernel, stride = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
        padding, ceil = data.draw(st.integers(0, kernel // 2)), data.draw(st.booleans())
        if kind == "max":
            dilation = data.draw(st.integers(1, 2))
            layer: Any = getattr(nn, f"MaxPool{dims}d")(kernel, stride, padding, dilation, ceil_mode=ceil)
        else:
            layer = getattr(nn, f"AvgPool{dims}d")(kernel, stride, padding, ceil, data.draw(st.booleans()))
        found = opened(layer, x, where)
    if "max" in kind:
        term = next(iter(found.sources(1)))
        assert term.value == found.value
        assert unit(watch(Applied(lambda x: x * 1), [x]), term.source, sample=1).value == found.value


@settings(deadline=None, max_examples=40)
@given(st.data(), UNIT, st.booleans())
def test_normalisation(data: st.DataObject, where: list[float], training: bool) -> None:
    dims = data.draw(st.integers(1, 3))
    shape = data.draw(sides(dims, 2, 3))
    affine = data.draw(st.booleans())
    kinds: dict[str, Callable[[], nn.Module]] = {
        "batch": lambda: getattr(nn, f"BatchNorm{dims}d")(4, affine=affine),
        "untracked": lambda: getattr(nn, f"BatchNorm{dims}d")(4, track_running_stats=False),
        "instance": lambda: getattr(nn, f"InstanceNorm{dims}d")(4, affine=affine),
        "tracked": lambda: getattr(nn, f"InstanceNorm{dims}d")(4, track_running_stats=True),
        "group": lambda: nn.GroupNorm(data.draw(st.sampled_from([1, 2, 4])), 4, affine=affine),
        "layer": lambda: nn.LayerNorm(shape[-1:], elementwise_affine=affine),
        "layer of all": lambda: nn.LayerNorm((4, *shape)),
        "rms": lambda: nn.RMSNorm(shape[-1], elementwise_affine=affine),
        "local response": lambda: nn.LocalResponseNorm(data.draw(st.integers(1, 5)), 0.1, 0.75, 2.0),
        "length": lambda: Applied(lambda x: F.normalize(x, dim=data.draw(st.integers(1, 2)))),
    }
    layer = kinds[data.draw(st.sampled_from([*kinds]))]().train(training)
    with torch.no_grad():
        for tensor in (*layer.parameters(), *layer.buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5)
    assert opened(layer, numbers(3, 4, *shape), where).kind == "normalisation"


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations(name: str) -> None:
    extra: dict[str, tuple[Any, ...]] = {
        "clamp": (-0.5, 0.7), "clip": (-0.5, None), "clamp_min": (-0.3,), "clamp_max": (0.3,),
        "threshold": (0.1, 20.0),
    }  # fmt: skip
    called = {"log_sigmoid": "logsigmoid", "special_expit": "expit"}.get(name, name)
    function = getattr(next(home for home in (F, torch, torch.special) if hasattr(home, called)), called)
    positive = name in ("log", "sqrt", "rsqrt", "log1p")
    x = (
        torch.linspace(0.1, 4, 12).double()[None]
        if positive
        else torch.linspace(-30, 30, 41).double()[None] / 3
    )
    watched = watch(Applied(lambda x: function(x, *extra.get(name, ()))), [x])
    for at in range(x.shape[1]):
        found = unit(watched, f"[{at}]")
        assert found.kind == "formula", found.notes
        assert found.result == pytest.approx(found.value, rel=ROUNDING, abs=1e-12)
        assert found.formula


SETTINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "leaky": lambda x: F.leaky_relu(x, 0.3, inplace=False),
    "elu": lambda x: F.elu(x, alpha=0.4),
    "celu": lambda x: F.celu(x, 0.7),
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "hardtanh": lambda x: F.hardtanh(x, -0.2, 0.4),
    "softplus": lambda x: F.softplus(x, 2.0, 1.0),
    "shrink": lambda x: F.softshrink(x, 0.2) + F.hardshrink(x, 0.3),
    "prelu": lambda x: F.prelu(x, torch.linspace(0.1, 0.4, 4).double()),
    "glu": lambda x: F.glu(x, 1),
    "dropout": lambda x: F.dropout(x, 0.5, training=True),
    "dropout off": lambda x: F.dropout(x, 0.5, training=False),
    "softmax": lambda x: x.softmax(1),
    "log softmax": lambda x: F.log_softmax(x, -1),
    "softmin": lambda x: F.softmin(x, 2),
    "alpha": lambda x: torch.add(x, x.flip(1), alpha=3) - torch.sub(x, 1.5, alpha=2),
    "reversed": lambda x: (1 - x) * (2 / (x * x + 1)) + 2**x,
    "power": lambda x: x**2 + torch.pow(x, 3),
    "largest": lambda x: torch.maximum(x, -x) + torch.minimum(x, x[:, :1]),
    "extremes": lambda x: x.amax((2, 3), keepdim=True) + x.min(1, keepdim=True).values,
    "mean": lambda x: x.mean((2, 3)) + x.sum((-1, -2)) + x.mean(dim=2).mean(2),
    "all": lambda x: x.mean() * x,
    "squeeze-excite": lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    "lerp": lambda x: torch.lerp(x, x.flip(2), 0.3),
    "gram": lambda x: x.flatten(2) @ x.flatten(2).transpose(1, 2),
    "vectors": lambda x: x.flatten(1) @ torch.ones(4 * 4 * 6).double(),
    "broadcast": lambda x: torch.matmul(x, numbers(6, 3)),
    "added": lambda x: torch.baddbmm(x[:, 0], x[:, 1, :, :4], x[:, 2], beta=0.5, alpha=2),
    "embedding": lambda x: F.embedding((x[:, :, 0, 0] > 0).long(), numbers(2, 5)) + numbers(4, 5),
    "unpool": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "grid": lambda x: F.grid_sample(x, numbers(2, 3, 3, 2).clamp(-1, 1), align_corners=False),
    "masked": lambda x: x.masked_fill(x > 0, 3.0) + torch.where(x > 0, x, 7.0),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
@settings(deadline=None, max_examples=6)
@given(where=UNIT)
def test_functions(name: str, where: list[float]) -> None:
    opened(SETTINGS[name], numbers(2, 4, 4, 6), where)


MOVES: dict[str, Callable[[Tensor], Tensor]] = {
    "flatten": lambda x: x.flatten(1),
    "tokens": lambda x: x.flatten(2).transpose(1, 2),
    "channels last": lambda x: x.permute(0, 2, 3, 1),
    "slice": lambda x: x[:, 1:, ::2, 1:-1],
    "one": lambda x: x[:, 2],
    "heads": lambda x: x.reshape(2, 2, 2, -1).permute(0, 2, 1, 3),
    "concatenated": lambda x: torch.cat([x, 0 * x, x.flip(1)], 1),
    "stacked": lambda x: torch.stack([x, -x], 2),
    "parts": lambda x: x.split([1, 3], 1)[1],
    "roll": lambda x: x.roll((1, 2), (2, 3)),
    "pad": lambda x: F.pad(x, (1, 2, 0, 1), value=5.0),
    "reflect": lambda x: F.pad(x, (1, 2, 0, 1), mode="reflect"),
    "pixel shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "shuffled": lambda x: x.view(2, 2, 2, 4, 6).transpose(1, 2).reshape(2, 4, 4, 6),
    "patches": lambda x: F.unfold(x, 2, stride=2),
    "expanded": lambda x: x[:, :1].expand(-1, 3, -1, -1),
    "repeated": lambda x: x.repeat(1, 2, 1, 1).repeat_interleave(2, 3),
    "picked": lambda x: x[:, [2, 0]].index_select(2, torch.tensor([3, 1])),
    "squeezed": lambda x: x[:, :1].squeeze(1).unsqueeze(-1),
}


@pytest.mark.parametrize("name", MOVES)
@settings(deadline=None, max_examples=6)
@given(where=UNIT)
def test_what_is_moved_passes_on(name: str, where: list[float]) -> None:
    x = numbers(2, 4, 4, 6)
    found = opened(MOVES[name], x, where)
    assert found.kind == "passes on"
    assert found.result == found.value


@settings(deadline=None, max_examples=30)
@given(st.data(), st.sampled_from(["nearest", "nearest-exact", "bilinear", "bicubic", "area"]), UNIT)
def test_interpolation(data: st.DataObject, mode: str, where: list[float]) -> None:
    options: dict[str, Any] = {"mode": mode}
    if mode in ("bilinear", "bicubic"):
        options["align_corners"] = data.draw(st.booleans())
        options["antialias"] = data.draw(st.booleans())
    if data.draw(st.booleans()):
        # Of torch 2.14's antialiased pictures one pixel wide all rows repeat the first: no weights give that.
        options["size"] = data.draw(sides(2, 2 if options.get("antialias") else 1, 9))
    else:
        options["scale_factor"] = data.draw(st.sampled_from([0.5, 1.5, 2.0]))
    found = opened(lambda x: F.interpolate(x, **options), numbers(2, 2, 4, 5), where)
    (neighbours,) = found.operands
    assert neighbours.weights is not None
    assert neighbours.weights.sum() == pytest.approx(1)


@settings(deadline=None, max_examples=30)
@given(st.data(), UNIT)
def test_fused_attention(data: st.DataObject, where: list[float]) -> None:
    queries, keys, width = (data.draw(st.integers(1, 5)) for _ in range(3))
    mask = data.draw(st.sampled_from(["none", "added", "boolean", "causal"]))
    key, value = numbers(2, 2, keys, width), numbers(2, 2, keys, 3)
    given_mask = {"added": numbers(queries, keys), "boolean": torch.rand(2, 1, queries, keys) > 0.3}.get(mask)
    if given_mask is not None and mask == "boolean":
        given_mask[..., 0] = True
    scale = data.draw(st.sampled_from([None, 0.7]))
    found = opened(
        lambda x: F.scaled_dot_product_attention(
            x, key, value, attn_mask=given_mask, is_causal=mask == "causal", scale=scale
        ),
        numbers(2, 2, queries, width),
        where,
    )
    (values,) = found.operands
    assert values.weights is not None
    assert values.weights.sum() == pytest.approx(1)
    assert {"q · k", "scaled", "score"} <= {*values.columns}


@settings(deadline=None, max_examples=25)
@given(st.data(), UNIT)
def test_multi_head_attention(data: st.DataObject, where: list[float]) -> None:
    heads, batch_first = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    separate = data.draw(st.booleans())
    sizes = {"kdim": 5, "vdim": 3} if separate else {}
    layer = nn.MultiheadAttention(
        2 * heads, heads, bias=data.draw(st.booleans()), batch_first=batch_first, **sizes
    ).double()  # fmt: skip
    with torch.no_grad():
        for each in layer.parameters():
            each.normal_()
    masked = data.draw(st.booleans())
    mask = numbers(4, 4) if masked else None
    padding = torch.tensor([[False, False, True, False]] * 2) if data.draw(st.booleans()) else None

    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> Tensor:
            k, v = (numbers(*x.shape[:2], 5), numbers(*x.shape[:2], 3)) if separate else (x, x)
            padded = None if padding is None else (padding.double() * -3.0 if masked else padding)
            return self.layer(x, k, v, key_padding_mask=padded, attn_mask=mask, need_weights=False)[0]

    shape = (2, 4) if batch_first else (4, 2)
    model = Attending()
    watched = watch(model, [numbers(*shape, 2 * heads)], as_it_is=True)
    address = "layer:multi_head_attention_forward"
    value = watched.operations[address].outputs[0]
    order = watched.layout_at(value).order
    place = (int(share * value.shape[at]) for share, at in zip(where, order, strict=False))
    found = unit(watched, Address.parse(address).at(*place))
    assert found.kind == "sum", found.notes
    assert found.result == pytest.approx(found.value, rel=ROUNDING, abs=1e-10)
    assert found.operands[0].values.shape == (heads, 4)


@settings(deadline=None, max_examples=30)
@given(UNIT, st.booleans(), st.sampled_from([(5,), (2, 5), (2, 3, 5), (2, 3, 4, 5)]))
def test_dense_layers_on_features_tokens_and_channels_last(
    where: list[float], bias: bool, shape: tuple[int, ...]
) -> None:
    found = opened(nn.Linear(5, 3, bias=bias), numbers(2, *shape), where)
    assert found.weights == 5 + bias
