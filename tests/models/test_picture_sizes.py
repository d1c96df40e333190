"""Which sizes of picture networks take that end in a mean or a resampled map."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pellucid.models import MODELS
from pellucid.models.naming import build_model
from pellucid.types.errors import InputError

SMALLEST = {
    "alexnet": 63,
    "alexnet-2012": 63,
    "vgg11": 32,
    "vgg19-bn": 32,
    "googlenet": 31,
    "googlenet-bn": 15,
    "inception-v3": 75,
}


def shapes(output: Tensor | tuple[Tensor, ...]) -> set[tuple[int, ...]]:
    return {tuple(part.shape) for part in (output if isinstance(output, tuple) else (output,))}


@pytest.mark.parametrize("name", SMALLEST)
def test_another_size_than_it_was_built_for(name: str) -> None:
    """Weights do not depend on the size: what is convolved slides, and what is left is pooled to one size."""
    with torch.device("meta"):
        model = build_model(name, inputs=(3, 224, 224), outputs=9)
        for size in ((SMALLEST[name], SMALLEST[name]), (320, 257)):
            x = torch.empty(2, 3, *size)
            assert shapes(model.train()(x)) == {(2, 9)}
            assert shapes(model.eval()(x)) == {(2, 9)}


@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_size_is_the_smallest(name: str) -> None:
    size = SMALLEST[name]
    with pytest.raises(InputError, match=f"at least {size} × {size} pixels, these have 300 × {size - 1}"):
        MODELS[name](inputs=(3, 300, size - 1), outputs=9)
    with torch.device("meta"):
        model = build_model(name, inputs=(3, size, size), outputs=9).eval()
        with pytest.raises(RuntimeError, match=r"too small|greater than actual input"):
            model(torch.empty(2, 3, size, size - 1))


@pytest.mark.parametrize("name", ["googlenet", "googlenet-bn"])
def test_a_network_built_for_another_size_gives_the_same_logits(name: str) -> None:
    torch.manual_seed(0)
    one = build_model(name, inputs=(3, 224, 224), outputs=9).eval()
    other = build_model(name, inputs=(3, 70, 97), outputs=9).eval()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 3, 70, 97)
    with torch.inference_mode():
        assert torch.equal(one(x), other(x))
