"""Optimisers: torch's own, with the parameters sorted into those that decay and those that do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pellucid.training.settings import OptimSettings
from pellucid.types.errors import InputError

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def build_optimisers(modules: Sequence[nn.Module], settings: OptimSettings) -> list[Optimizer]:
    """What steps these modules' parameters: one optimiser, or Muon with AdamW beside it."""
    decayed, spared = split_by_decay(modules, settings.decay_norms_and_biases)
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    if settings.name == "muon":
        hidden, rest = split_for_muon(modules, decayed)
        if not hidden:
            raise InputError("muon steps hidden layers, and this network has none; use adamw")
        groups[0]["params"] = rest
        return [KernelMuon(hidden, settings), *_adamw(groups, settings)]
    groups = [group for group in groups if group["params"]]
    lr, momentum, betas = settings.lr, settings.momentum, (0.9, settings.beta2)
    match settings.name:
        case "sgd":
            return [torch.optim.SGD(groups, lr, fused=_fused(decayed))]
        case "momentum":
            return [torch.optim.SGD(groups, lr, momentum, fused=_fused(decayed))]
        case "nesterov":
            return [torch.optim.SGD(groups, lr, momentum, nesterov=True, fused=_fused(decayed))]
        case "adagrad":
            return [torch.optim.Adagrad(groups, lr)]
        case "rmsprop":
            return [torch.optim.RMSprop(groups, lr, momentum=momentum)]
        case "adam":
            return [torch.optim.Adam(groups, lr, betas, fused=_fused(decayed))]
        case "adamw":
            return _adamw(groups, settings)


def _adamw(groups: list[dict[str, Any]], settings: OptimSettings) -> list[Optimizer]:
    groups = [group for group in groups if group["params"]]
    if not groups:
        return []
    return [torch.optim.AdamW(groups, settings.lr, (0.9, settings.beta2), fused=_fused(groups[0]["params"]))]


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

    def __init__(self, kernels: Sequence[Tensor], settings: OptimSettings) -> None:
        self._kernels = list(kernels)
        super().__init__(
            [nn.Parameter(_matrix(kernel.detach(), kernel)) for kernel in kernels],
            settings.lr,
            settings.weight_decay,
            settings.momentum,
            adjust_lr_fn="match_rms_adamw",
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for kernel, matrix in zip(self._kernels, self.param_groups[0]["params"], strict=True):
            matrix.grad = None if kernel.grad is None else _matrix(kernel.grad, kernel)
        return super().step(closure)  # type: ignore[no-untyped-call]


def _matrix(values: Tensor, kernel: Tensor) -> Tensor:
    """`values`, shaped like `kernel`, as (out, rest) in the order in which the kernel lies in memory, so that
    no copy is needed.
    """
    by_stride = sorted(range(1, kernel.ndim), key=kernel.stride, reverse=True)
    return values.permute(0, *by_stride).flatten(1)
