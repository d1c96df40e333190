"""How weights begin: zeros, naive normal, Xavier, He and orthogonal, for any network.

A layer adds up `fan_in` products, and each of its inputs goes into `fan_out` sums. With weights of mean 0 and
variance v, signals grow by fan_in · v on their way through it, and gradients by fan_out · v on their way
back; deep networks need both near 1, or 2 where the activation drops half of what it gets.

- "naive-normal": deviation 0.01 whatever the layer, as in Krizhevsky, Sutskever & Hinton, "ImageNet
  classification with deep convolutional neural networks", NIPS 2012, section 5.
- "xavier-…": v = 2 / (fan_in + fan_out), between the two wishes: Glorot & Bengio, "Understanding the
  difficulty of training deep feedforward neural networks", AISTATS 2010.
- "he-…": v = 2 / fan_in, for rectifiers: He, Zhang, Ren & Sun, "Delving deep into rectifiers", ICCV 2015
  (arXiv:1502.01852).
- "orthogonal": orthonormal rows, or columns where there are fewer of them: Saxe, McClelland & Ganguli, "Exact
  solutions to the nonlinear dynamics of learning in deep linear neural networks", ICLR 2014
  (arXiv:1312.6120).
- "zeros": nothing tells units apart, so nothing is learnt; to see that it is so.

Strides are not counted, as in the papers. Each group of a grouped convolution is a layer of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from pellucid.types.errors import unknown_name

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Initialisation:
    """`variance` of the weights of a layer of shape (outputs, inputs, *kernel), and how they are drawn with
    it: `draw` fills a tensor of that shape from torch's generator.
    """

    variance: Callable[[tuple[int, ...]], float]
    draw: Callable[[Tensor, float], object]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of weights of shape (outputs, inputs, *kernel)."""
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _none(shape: tuple[int, ...]) -> float:
    return 0.0


def _naive(shape: tuple[int, ...]) -> float:
    return 0.01**2


def _xavier(shape: tuple[int, ...]) -> float:
    return 2 / sum(fans(shape))


def _he(shape: tuple[int, ...]) -> float:
    return 2 / fans(shape)[0]


def _orthonormal(shape: tuple[int, ...]) -> float:
    return 1 / max(shape[0], fans(shape)[0])


def _zero(weight: Tensor, variance: float) -> None:
    weight.zero_()


def _normal(weight: Tensor, variance: float) -> None:
    weight.normal_(0, math.sqrt(variance))


def _uniform(weight: Tensor, variance: float) -> None:
    bound = math.sqrt(3 * variance)
    weight.uniform_(-bound, bound)


def _orthogonal(weight: Tensor, variance: float) -> None:
    """Uniform among all such matrices (Haar), once the signs of R's diagonal are taken into Q."""
    rows, columns = weight.shape[0], weight[0].numel()
    normal = torch.randn(max(rows, columns), min(rows, columns), dtype=torch.float64).to(weight.device)
    q, r = torch.linalg.qr(normal)
    q = q * r.diagonal().sign()
    weight.copy_((q if rows >= columns else q.T).reshape(weight.shape))


INITIALISATIONS: dict[str, Initialisation] = {
    "zeros": Initialisation(_none, _zero),
    "naive-normal": Initialisation(_naive, _normal),
    "xavier-uniform": Initialisation(_xavier, _uniform),
    "xavier-normal": Initialisation(_xavier, _normal),
    "he-uniform": Initialisation(_he, _uniform),
    "he-normal": Initialisation(_he, _normal),
    "orthogonal": Initialisation(_orthonormal, _orthogonal),
}


@torch.no_grad()
def initialise(model: nn.Module, name: str) -> tuple[str, ...]:
    """Begin the weights of `model` anew, as `INITIALISATIONS` call it, from torch's generator.

    Convolutions (transposed ones too), dense layers and attention's projections are drawn and their biases
    become 0; norm layers become 1 and 0, with fresh statistics. Returns the names of the parameters that are
    none of these (embeddings, tokens, scales, recurrent layers) and stay as they were. Raises `InputError`
    for an unknown name.
    """
    if name not in INITIALISATIONS:
        raise unknown_name("initialisation", name, INITIALISATIONS)
    chosen, done = INITIALISATIONS[name], set[Tensor]()
    for module in model.modules():
        own = dict(module.named_parameters(recurse=False))
        for weight, layers in _layers(module, own):
            for layer in layers:
                chosen.draw(layer, chosen.variance(tuple(layer.shape)))
            done.add(weight)
        if isinstance(module, _NORMS) and "weight" in own:
            done.add(own["weight"].fill_(1))
        if isinstance(module, _NormBase):
            module.reset_running_stats()
        if done & {*own.values()}:
            done |= {own[bias].zero_() for bias in ("bias", "in_proj_bias") if own.get(bias) is not None}
    return tuple(each for each, parameter in model.named_parameters() if parameter not in done)


def _layers(module: nn.Module, own: dict[str, nn.Parameter]) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """A module's weights, each with the layers in it as views of shape (outputs, inputs, *kernel)."""
    if isinstance(module, _ConvNd) and "weight" in own:
        groups = list(own["weight"].chunk(module.groups))
        transposed = isinstance(module, _ConvTransposeNd)
        yield own["weight"], [group.transpose(0, 1) for group in groups] if transposed else groups
    elif isinstance(module, nn.Linear) and "weight" in own:
        yield own["weight"], [own["weight"]]
    elif isinstance(module, nn.MultiheadAttention):
        if "in_proj_weight" in own:  # queries, keys and values, one above the other
            yield own["in_proj_weight"], list(own["in_proj_weight"].chunk(3))
        for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if name in own:
                yield own[name], [own[name]]
