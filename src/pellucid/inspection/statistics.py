"""What the recorder keeps of a network: numbers of its layers, its filters, and maps of probe pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import activation, dropout
from torch.utils._pytree import tree_leaves

from pellucid.inspection.capture import capture
from pellucid.inspection.keeping import Captured, Key
from pellucid.inspection.layout import Layout, layout_of_shape
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.parts import named_parts
from pellucid.inspection.wrappers import unwrapped
from pellucid.types.recording import Floats, LayerStatistics

# Activations that give nothing, or next to it, for ≤ 0: a unit that is always there has stopped learning.
_RECTIFIERS = (
    activation.ReLU,
    activation.ReLU6,
    activation.LeakyReLU,
    activation.PReLU,
    activation.RReLU,
    activation.ELU,
    activation.CELU,
    activation.SELU,
    activation.GELU,
    activation.SiLU,
    activation.Mish,
    activation.Hardswish,
    activation.Threshold,
)
# Activations that flatten at both ends, and those ends: a value there hardly passes any gradient on.
_ENDS: dict[type[nn.Module], tuple[float, float]] = {
    activation.Sigmoid: (0.0, 1.0),
    activation.Hardsigmoid: (0.0, 1.0),
    activation.Tanh: (-1.0, 1.0),
    activation.Softsign: (-1.0, 1.0),
}
NEAR = 0.02  # of the range, from an end
_PASS_ON = (nn.Identity, nn.Flatten, nn.Sequential, dropout._DropoutNd)  # nothing of their own to see

K = TypeVar("K")

MOST_LAYERS, MOST_CHANNELS, LARGEST_SIDE = 6, 16, 64


@dataclass(frozen=True)
class Observation:
    """One look at a network: `layers`, `filters`, `maps` as in `Recording`, and `output` as it gave it."""

    layers: tuple[LayerStatistics, ...]
    filters: Floats | None
    maps: dict[str, Floats]
    output: Any


def observe(
    model: nn.Module,
    run: Callable[[], Any],
    layouts: Mapping[Key, Layout],
    *,
    maps: tuple[str, ...] = (),
) -> Observation:
    """Call `run`, which runs `model` on probe pictures, in evaluation mode and without gradients, and keep
    what the layers gave.

    `layouts` are those of `layouts_in`. Gradient norms are those of the parameters' present `.grad`: look
    before they are zeroed. Of the layers in `maps` (see `map_layers`) the first 16 channels are kept,
    averaged down to at most 64 pixels a side. The precision of the run is the caller's (autocast);
    statistics are taken in float32. An output that is several tensors counts by its first.
    """
    inner = unwrapped(model)
    modules = dict(named_parts(inner))
    pictures: dict[str, Floats] = {}

    def keep(name: str, output: Tensor) -> Tensor:
        if name in maps and name not in pictures:
            pictures[name] = _picture(layouts[name, 0].maps(output))
        rectifies = isinstance(modules[name], _RECTIFIERS)
        layout = layouts.get((name, 0)) or layout_of_shape(tuple(output.shape))
        ends = _ENDS.get(type(modules[name]))
        return _activation_numbers(output.float(), layout.channel if rectifies else None, ends)

    with evaluation_mode(inner), torch.inference_mode(), capture(model, _is_layer, keep=keep) as seen:
        output = run()
        layers = _layer_statistics(modules, seen)
    ran = (modules[name] for name, _ in seen.outputs)
    first = next((module for module in ran if isinstance(module, nn.Conv2d)), None)
    return Observation(
        layers=layers,
        filters=None if first is None else _array(first.weight.detach().float()),
        maps={name: pictures[name] for name in maps if name in pictures},
        output=output,
    )


def map_layers(model: nn.Module, layouts: Mapping[Key, Layout]) -> tuple[str, ...]:
    """At most six layers whose maps are worth seeing, in the order they run.

    They are the first convolution and the last layer at every size of feature map (the ends of the stages).
    """
    modules = {name: part for name, part in named_parts(unwrapped(model)) if _is_layer(name, part)}
    sizes: dict[str, tuple[int, ...]] = {}
    for (name, _), layout in layouts.items():
        if name in modules and len(layout.grid) == 2 and math.prod(layout.grid) > 1:
            sizes.setdefault(name, layout.grid)
    names = list(sizes)
    first = next((at for at, name in enumerate(names) if isinstance(modules[name], nn.Conv2d)), len(names))
    ends = {sizes[name]: name for name in names[first:]}  # the last layer of each size stays
    chosen = [name for name in names if name in (*names[first : first + 1], *ends.values())]
    spread = np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_LAYERS)).round().astype(int)
    return tuple(chosen[index] for index in spread)


def _is_layer(name: str, module: nn.Module) -> bool:
    """A module without parts, or with parameters of its own."""
    parts, own = any(module.children()), any(True for _ in module.parameters(recurse=False))
    return not isinstance(module, _PASS_ON) and (own or not parts)


def _activation_numbers(
    output: Tensor, channels: int | None, ends: tuple[float, float] | None = None
) -> Tensor:
    """(4,): mean, standard deviation, the fraction of channels ≤ 0 everywhere, and that of values near the
    ends; NaN for what is not asked for.
    """
    mean, std = _mean_and_std(output)
    dead = saturated = torch.full_like(mean, math.nan)
    if channels is not None:
        others = [dimension for dimension in range(output.dim()) if dimension != channels % output.dim()]
        dead = (output.amax(others) <= 0).float().mean()
    if ends is not None:
        middle, reach = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) * (0.5 - NEAR)
        saturated = ((output - middle).abs() >= reach).float().mean()
    return torch.stack([mean, std, dead, saturated])


def _mean_and_std(values: Tensor) -> tuple[Tensor, Tensor]:
    """In vectorised passes; torch.var_mean over a whole tensor on a CPU is not vectorised."""
    mean = values.mean()
    return mean, torch.linalg.vector_norm(values - mean) / math.sqrt(max(values.numel(), 1))


def _layer_statistics(modules: dict[str, nn.Module], seen: Captured) -> tuple[LayerStatistics, ...]:
    numbers = {key: next(iter(tree_leaves(tree)), None) for key, tree in seen.outputs.items()}
    shown = {key: tensor for key, tensor in numbers.items() if isinstance(tensor, Tensor)}
    if not shown:
        return ()
    names = dict.fromkeys(name for name, _ in shown)
    parameters = {name: [*modules[name].parameters(recurse=False)] for name in names}
    weights = _table({name: _weight_numbers(own[0]) for name, own in parameters.items() if own})
    gradients = _table({name: _gradient_norm(own) for name, own in parameters.items()})
    activations = _table(shown)
    layers = []
    for (name, call), (mean, std, dead, saturated) in activations.items():
        norm, weight_mean, weight_std = weights.get(name, (None, None, None))
        layers.append(
            LayerStatistics(
                name=f"{name}#{call}" if call else name,
                kind=type(modules[name]).__name__,
                gradient_norm=_known(gradients[name][0]),
                weight_norm=norm,
                weight_mean=weight_mean,
                weight_std=weight_std,
                activation_mean=mean,
                activation_std=std,
                dead=_known(dead),
                saturated=_known(saturated),
            )
        )
    return tuple(layers)


def _weight_numbers(weight: Tensor) -> Tensor:
    """(3,): L2 norm, mean and standard deviation of a layer's first parameter: torch's call it weight."""
    weight = weight.float()
    return torch.stack([torch.linalg.vector_norm(weight), *_mean_and_std(weight)])


def _gradient_norm(parameters: list[nn.Parameter]) -> Tensor:
    """(1,): L2 norm of the present gradients together, NaN without any."""
    norms = [torch.linalg.vector_norm(p.grad.float()) for p in parameters if p.grad is not None]
    return torch.linalg.vector_norm(torch.stack(norms))[None] if norms else torch.full((1,), math.nan)


def _table(rows: dict[K, Tensor]) -> dict[K, list[float]]:
    """All numbers brought over from the device at once."""
    numbers = torch.stack([row.cpu() for row in rows.values()]) if rows else torch.empty(0)
    return dict(zip(rows, numbers.tolist(), strict=True))


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def _picture(output: Tensor) -> Floats:
    """(p, c, h, w) → float16, the first 16 channels, h and w at most 64."""
    maps = output[:, :MOST_CHANNELS].float()
    factor = math.ceil(max(maps.shape[2:]) / LARGEST_SIDE)
    return _array((F.avg_pool2d(maps, factor, ceil_mode=True) if factor > 1 else maps).half())


def _array(tensor: Tensor) -> Floats:
    array: Floats = tensor.cpu().numpy().copy()
    return array
