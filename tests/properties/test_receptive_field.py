"""Receptive fields of random networks against the pixels that really reach their units."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pellucid.inspection.receptive_field import ReceptiveField, receptive_fields
from pellucid.inspection.trace import trace

Layer = tuple[str, Callable[..., Any], dict[str, Any]]
"""A name to print, a function of the tensor (or of it and an earlier one), its settings."""

numbers = st.integers
pairs = st.tuples


def pair(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


def weights(shape: tuple[int, ...]) -> Tensor:
    """All positive, so that nothing cancels: what is connected is seen."""
    return 0.1 + torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def convolve(x: Tensor, *, channels: int, size: Any, groups: int, **settings: Any) -> Tensor:
    groups = groups if x.shape[1] % groups == 0 and channels % groups == 0 else 1
    return F.conv2d(x, weights((channels, x.shape[1] // groups, *size)), groups=groups, **settings)


def deconvolve(x: Tensor, *, channels: int, size: Any, stride: Any, **settings: Any) -> Tensor:
    return F.conv_transpose2d(x, weights((x.shape[1], channels, *size)), stride=stride, **settings)


def channelwise(x: Tensor, *, channels: int) -> Tensor:
    """A dense layer over channels, through tokens and back."""
    height, width = x.shape[2:]
    tokens = F.linear(x.flatten(2).transpose(1, 2), weights((channels, x.shape[1])))
    return tokens.transpose(1, 2).reshape(x.shape[0], channels, height, width)


def windowed(x: Tensor, *, rows: int, columns: int) -> Tensor:
    """The sum over windows of a grid, and what is left as it is: attention without its weights."""
    batch, channels, height, width = x.shape
    rows, columns = (
        rows if height % rows == 0 else 1,
        columns if width % columns == 0 else 1,
    )
    cut = x.view(batch, channels, height // rows, rows, width // columns, columns)
    cut = cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, rows * columns)
    mixed = cut + cut.sum(-1, keepdim=True)
    mixed = mixed.view(batch, height // rows, width // columns, channels, rows, columns)
    return mixed.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, height, width)


def slot(x: Tensor, *, top: int, left: int, step: int) -> Tensor:
    return x[:, :, top::step, left:]


def written(x: Tensor, *, top: int, left: int) -> Tensor:
    canvas = x.new_zeros(x.shape[0], x.shape[1], x.shape[2] + 1, x.shape[3])
    canvas[:, :, 1:] = x
    canvas[:, 0, top % x.shape[2], left:] = x[:, 0, 0, left:]
    return canvas


def squeezed(x: Tensor) -> Tensor:
    return x + x.mean((2, 3), keepdim=True)


def split(x: Tensor, *, dim: int) -> Tensor:
    return torch.cat(x.chunk(2, dim)[::-1], dim)


def joined(x: Tensor, earlier: Tensor, *, dim: int) -> Tensor:
    """A skip: added if it fits, otherwise concatenated where it fits, otherwise left away."""
    if x.shape == earlier.shape:
        return x + earlier if dim == 0 else torch.cat([x, earlier], dim)
    same = all(x.shape[at] == earlier.shape[at] for at in range(4) if at != 1)
    return torch.cat([x, earlier], 1) if same else x


def upward(x: Tensor, *, factor: Any, mode: str, aligned: bool) -> Tensor:
    smooth = mode == "bilinear"
    size = tuple(max(1, int(length * scale)) for length, scale in zip(x.shape[2:], factor, strict=True))
    return F.interpolate(x, size=size, mode=mode, align_corners=aligned if smooth else None)


def scaled(x: Tensor, *, factor: float, mode: str) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode=mode)


positive = st.builds(
    lambda size, stride, padding, dilation: {
        "size": size,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
    },
    pair(1, 4),
    pair(1, 3),
    pair(0, 3),
    pair(1, 3),
)

layers = st.one_of(
    st.tuples(
        st.just(convolve),
        positive,
        st.fixed_dictionaries({"channels": numbers(1, 4), "groups": numbers(1, 2)}),
    ),
    st.tuples(
        st.just(deconvolve),
        st.builds(dict, size=pair(1, 4), stride=pair(1, 3), padding=pair(0, 2), dilation=pair(1, 2)),
        st.builds(dict, channels=numbers(1, 3)),
    ),
    st.tuples(
        st.just(F.max_pool2d),
        st.builds(
            dict,
            kernel_size=pair(2, 4),
            stride=pair(1, 3),
            dilation=pair(1, 2),
            padding=pair(0, 1),
            ceil_mode=st.booleans(),
        ),
    ),
    st.tuples(
        st.just(F.avg_pool2d),
        st.builds(
            dict, kernel_size=pair(2, 4), stride=pair(1, 3), padding=pair(0, 1), ceil_mode=st.booleans()
        ),
    ),
    st.tuples(st.just(F.adaptive_avg_pool2d), st.builds(dict, output_size=pair(1, 7))),
    st.tuples(
        st.just(F.pad), st.builds(dict, pad=st.tuples(*[st.integers(-1, 3)] * 4), mode=st.just("constant"))
    ),
    st.tuples(
        st.just(F.pad),
        st.builds(
            dict,
            pad=st.tuples(*[st.integers(0, 3)] * 4),
            mode=st.sampled_from(["reflect", "replicate", "circular"]),
        ),
    ),
    st.tuples(
        st.just(upward),
        st.builds(
            dict,
            factor=st.tuples(*[st.sampled_from([0.5, 0.7, 1, 1.5, 2, 3])] * 2),
            mode=st.sampled_from(["nearest", "nearest-exact", "bilinear", "area"]),
            aligned=st.booleans(),
        ),
    ),
    st.tuples(
        st.just(scaled),
        st.builds(
            dict,
            factor=st.sampled_from([0.5, 0.75, 1.3, 2.0, 2.5]),
            mode=st.sampled_from(["nearest", "bilinear"]),
        ),
    ),
    st.tuples(st.just(slot), st.builds(dict, top=numbers(0, 2), left=numbers(0, 2), step=numbers(1, 2))),
    st.tuples(st.just(written), st.builds(dict, top=numbers(0, 5), left=numbers(0, 3))),
    st.tuples(st.just(channelwise), st.builds(dict, channels=numbers(1, 3))),
    st.tuples(st.just(windowed), st.builds(dict, rows=numbers(1, 4), columns=numbers(1, 4))),
    st.tuples(st.just(split), st.builds(dict, dim=numbers(1, 3))),
    st.tuples(st.just(torch.roll), st.builds(dict, shifts=pair(-3, 3), dims=st.just((2, 3)))),
    st.tuples(st.just(torch.flip), st.builds(dict, dims=st.sampled_from([(2,), (3,), (1, 2)]))),
    st.tuples(st.just(squeezed)),
    st.tuples(st.just(F.pixel_unshuffle), st.just({"downscale_factor": 2})),
    st.tuples(st.just(F.pixel_shuffle), st.just({"upscale_factor": 2})),
    st.tuples(st.just(joined), st.builds(dict, dim=st.sampled_from([0, 1, 2, 3]))),
    st.tuples(st.just(joined), st.builds(dict, dim=st.sampled_from([0, 1]))),
)
"""Each a function and its settings, in one or two dicts."""


class Stage(nn.Module):
    def __init__(self, function: Callable[..., Any], *settings: dict[str, Any]) -> None:
        super().__init__()
        self.function, self.settings = function, {key: one for part in settings for key, one in part.items()}

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs, **self.settings)

    def extra_repr(self) -> str:
        return f"{self.function.__name__} {self.settings}"


class Network(nn.Module):
    def __init__(self, stages: list[Any]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(Stage(*stage) for stage in stages)

    def forward(self, x: Tensor) -> Tensor:
        earlier = [x]
        for stage in self.stages:
            inputs = (earlier[-1], earlier[len(earlier) // 2]) if stage.function is joined else (earlier[-1],)
            earlier.append(stage(*inputs))
        return earlier[-1]


def reached(model: nn.Module, height: int, width: int) -> Tensor:
    """Which pixels reach which elements of the result, (height, width, *result): one picture per pixel, dark
    but for it."""
    pictures = torch.eye(height * width, dtype=torch.float64).reshape(-1, 1, height, width)
    with torch.no_grad():
        result = model(pictures)
    return (result > 0).reshape(height, width, *result.shape[1:])


def hull(mask: Any) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return (0, 0, 0, 0)
    return (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


@settings(max_examples=150, deadline=None)
@given(st.lists(layers, min_size=1, max_size=6), pair(5, 12))
def test_windows_are_the_pixels_that_reach_each_unit(stages: list[Any], size: tuple[int, int]) -> None:
    model = Network(stages)
    try:
        seen = reached(model, *size)
    except (RuntimeError, ValueError, IndexError):  # nothing is left to compute with
        assume(False)
    assume(seen.numel())
    run = trace(model, [torch.empty(1, 1, *size, dtype=torch.float64)])
    output = run.outputs[0]
    field = receptive_fields(run)[output]
    event(field.status)
    assume(not field.status.startswith("unknown: interpolate"))
    assert not field.status.startswith(("unknown", "data"))
    if not seen.any():
        assert field.status == "nothing"
        return
    positions = list(product(*(range(output.shape[at]) for at in field.dims)))
    for position in positions[:: 1 + len(positions) // MOST]:
        index = [slice(None)] * seen.ndim
        for dim, at in zip(field.dims, position, strict=True):
            index[dim + 1] = slice(at, at + 1)
        assert field.window(*position, clipped=True) == hull(seen[tuple(index)].flatten(2).any(2)), position
        if all(stage.function in SLIDING for stage in model.stages):
            assert_on_grid(field, position)


MOST = 1000  # units looked at of a result; repeated shapes may have a hundred thousand
SLIDING = (convolve, F.max_pool2d, F.avg_pool2d)


def assert_on_grid(field: ReceptiveField, position: tuple[int, ...]) -> None:
    """Where windows slide, all are of the size, and where stride and offset say."""
    assert field.stride is not None
    assert field.offset is not None
    window = field.window(*position)
    for axis, at in enumerate(position if len(position) == 2 else ()):
        low, high = window[axis], window[axis + 2]
        assert high - low == field.size[axis]
        assert (low + high) / 2 == field.offset[axis] + field.stride[axis] * at
