"""What it means that two networks are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn


def _main(output: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (output,) if isinstance(output, Tensor) else tuple(output)


def same(
    ours: nn.Module,
    theirs: nn.Module,
    sizes: tuple[tuple[int, int], ...],
    *,
    renamed: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict,
    batch: int = 2,
    gradients: bool = True,
) -> None:
    """With `theirs`'s weights, renamed by the key map, `ours` gives its logits to 1e-5 in training and in
    evaluation mode (dropout drawing the same numbers), moves the same running statistics, and has its
    gradients, at every one of `sizes`.
    """
    torch.manual_seed(0)
    settle(theirs, torch.randn(4, 3, *sizes[0]))
    ours.load_state_dict(renamed(theirs.state_dict()))
    for size in sizes:
        x = torch.randn(batch, 3, *size)
        outputs = []
        for model in (ours.train(), theirs.train()):
            torch.manual_seed(1)
            outputs.append(_main(model(x)))
        for mine, reference in zip(*outputs, strict=False):
            torch.testing.assert_close(mine, reference, rtol=0, atol=1e-5)
        reference = theirs.eval()(x)
        torch.testing.assert_close(ours.eval()(x), reference, rtol=0, atol=1e-5)
        assert reference.std(dim=0).mean() > 1e-3, "pictures that all give the same logits prove nothing"
    if gradients:
        for output in outputs:
            sum(part.square().sum() for part in output).backward()
        for name, gradient in renamed({n: p.grad for n, p in theirs.named_parameters()}).items():
            if gradient is not None:
                mine = ours.get_parameter(name).grad
                torch.testing.assert_close(
                    mine,
                    gradient,
                    rtol=1e-3,
                    atol=1e-4 * float(gradient.abs().max()) + 1e-7,
                    msg=lambda text, name=name: f"{name}: {text}",
                )


def settle(model: nn.Module, x: Tensor) -> None:
    """Batch norms whose weights are nowhere zero or one, so that no part of the network goes unseen, and
    whose statistics are those of `x`, so that the logits are of the order of one: with the statistics of a
    fresh network a deep one forgets its input.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    with torch.no_grad():
        for norm in norms:
            norm.weight.uniform_(0.5, 1.0)
            norm.bias.uniform_(-0.1, 0.1)
            norm.momentum = 1.0
        model.train()(x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@pytest.fixture
def check_same() -> Callable[..., None]:
    return same
