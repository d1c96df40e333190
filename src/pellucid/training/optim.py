"""Optimisers: torch's own, with the parameters sorted into those that decay and those that do not, and by
learning rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pellucid.types.errors import InputError
from pellucid.types.optim import OptimSettings

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


Group = dict[str, Any]
"""torch's own kind: "params" and what differs from the optimiser's defaults. "rate", where it is there, is
what their learning rate is multiplied by.
"""


def build_optimisers(
    modules: Sequence[nn.Module], settings: OptimSettings, rates: Mapping[Tensor, float] | None = None
) -> list[Optimizer]:
    """What steps these modules' parameters: one optimiser, or Muon with AdamW beside it.

    `rates` are factors of the learning rate; parameters that it lacks have 1.
    """
    decayed, spared = split_by_decay(modules, settings.decay_norms_and_biases)
    if settings.name == "muon":
        hidden, decayed = split_for_muon(modules, decayed)
        if not hidden:
            raise InputError("muon steps hidden layers, and this network has none to train; use adamw")
    lr, momentum, betas, rates = settings.lr, settings.momentum, (settings.beta1, settings.beta2), rates or {}
    groups = [*_by_rate(decayed, settings.weight_decay, lr, rates), *_by_rate(spared, 0.0, lr, rates)]
    fused = _fused([*decayed, *spared])
    match settings.name:
        case "sgd":
            return [torch.optim.SGD(groups, lr, fused=fused)]
        case "momentum":
            return [torch.optim.SGD(groups, lr, momentum, fused=fused)]
        case "nesterov":
            return [torch.optim.SGD(groups, lr, momentum, nesterov=True, fused=fused)]
        case "adagrad":
            return [torch.optim.Adagrad(groups, lr)]
        case "rmsprop":
            return [torch.optim.RMSprop(groups, lr, momentum=momentum)]
        case "adam":
            return [torch.optim.Adam(groups, lr, betas, fused=fused)]
        case "adamw":
            return [_adamw(groups, settings)]
        case "muon":
            muon = KernelMuon(_by_rate(hidden, settings.weight_decay, lr, rates), settings)
            return [muon, _adamw(groups, settings)] if groups else [muon]


def _by_rate(
    parameters: Iterable[Tensor], weight_decay: float, lr: float, rates: Mapping[Tensor, float]
) -> list[Group]:
    """One group for each rate, in the order of the parameters; one, or none, where all rates are 1."""
    sorted_out: dict[float, list[Tensor]] = {}
    for parameter in parameters:
        sorted_out.setdefault(rates.get(parameter, 1.0), []).append(parameter)
    return [
        {"params": members, "weight_decay": weight_decay}
        | ({} if rate == 1 else {"lr": lr * rate, "rate": rate})
        for rate, members in sorted_out.items()
    ]


def set_rate(optimiser: Optimizer, lr: float) -> None:
    """Step with the learning rate `lr` from now on, each group with its own part of it."""
    for group in optimiser.param_groups:
        group["lr"] = lr * group.get("rate", 1.0)


def _adamw(groups: list[Group], settings: OptimSettings) -> Optimizer:
    betas = (settings.beta1, settings.beta2)
    return torch.optim.AdamW(groups, settings.lr, betas, fused=_fused(groups[0]["params"]))


def _fused(parameters: Iterable[Tensor]) -> bool:
    """Whether torch has a kernel that steps all parameters at once: on CPU and CUDA, but not for sharded
    ones.
    """
    return all(p.device.type in ("cpu", "cuda") and type(p) is nn.Parameter for p in parameters)


def split_by_decay(modules: Sequence[nn.Module], norms_and_biases: bool) -> tuple[list[Tensor], list[Tensor]]:
    """The trainable parameters that weight decay acts on, and those it spares; each once, in the network's
    order.
    """
    decayed: dict[Tensor, None] = {}
    spared: dict[Tensor, None] = {}
    for root in modules:
        for module in root.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if not parameter.requires_grad or parameter in decayed or parameter in spared:
                    continue
                is_spared = not norms_and_biases and (isinstance(module, _NORMS) or name.endswith("bias"))
                (spared if is_spared else decayed)[parameter] = None
    return list(decayed), list(spared)


def split_for_muon(
    modules: Sequence[nn.Module], decayed: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Muon's share of the decayed parameters, the weights of hidden layers, and the rest: the output layer
    and vectors.

    Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024): matrices and convolution
    kernels, the output layer excepted.
    """
    matrices = [parameter for parameter in decayed if parameter.ndim >= 2]
    outputs = {
        [p for p in module.parameters() if p.ndim >= 2][-1]
        for module in modules
        if any(p.ndim >= 2 for p in module.parameters())
    }
    hidden = [parameter for parameter in matrices if parameter not in outputs]
    chosen = set(hidden)
    return hidden, [parameter for parameter in decayed if parameter not in chosen]


class KernelMuon(torch.optim.Muon):
    """torch's Muon, which takes matrices only, shown every kernel (out, in, h, w) as the matrix (out, in·h·w)
    it is.

    The matrices are views: stepping them steps the network. Rates are matched to AdamW's (arXiv:2502.16982),
    so that one `optim.lr` serves both.
    """

    def __init__(self, groups: Sequence[Group], settings: OptimSettings) -> None:
        self._kernels = [list(group["params"]) for group in groups]
        super().__init__(
            [
                group | {"params": [nn.Parameter(_matrix(kernel.detach(), kernel)) for kernel in kernels]}
                for group, kernels in zip(groups, self._kernels, strict=True)
            ],
            settings.lr,
            settings.weight_decay,
            settings.momentum,
            adjust_lr_fn="match_rms_adamw",
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for kernels, group in zip(self._kernels, self.param_groups, strict=True):
            for kernel, matrix in zip(kernels, group["params"], strict=True):
                matrix.grad = None if kernel.grad is None else _matrix(kernel.grad, kernel)
        return super().step(closure)  # type: ignore[no-untyped-call]


def _matrix(values: Tensor, kernel: Tensor) -> Tensor:
    """`values`, shaped like `kernel`, as (out, rest) in the order in which the kernel lies in memory, so that
    no copy is needed.
    """
    by_stride = sorted(range(1, kernel.ndim), key=kernel.stride, reverse=True)
    return values.permute(0, *by_stride).flatten(1)
