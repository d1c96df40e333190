"""What holds for every network in the registry."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from pellucid.models import MODELS
from pellucid.models.naming import build_model

NAMES = list(MODELS)
DENSE = {"perceptron", "mlp", "mlp-deep"}


def batch(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def build(name: str, channels: int = 3, outputs: int = 7) -> nn.Module:
    torch.manual_seed(0)
    return build_model(name, inputs=(channels, 32, 32), outputs=outputs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("inputs", "outputs"), [((3, 32, 32), 10), ((1, 28, 28), 1), ((4, 33, 20), 23), ((2, 8, 8), 5)]
)
def test_any_inputs_and_number_of_outputs(name: str, inputs: tuple[int, ...], outputs: int) -> None:
    with torch.device("meta"):
        model = build_model(name, inputs=inputs, outputs=outputs)
        assert model(torch.empty(2, *inputs)).shape == (2, outputs)


@pytest.mark.parametrize("name", NAMES)
def test_one_step_reaches_every_parameter(name: str) -> None:
    model = build(name)
    nn.functional.cross_entropy(model(batch(4, 3, 32, 32)), torch.arange(4)).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_is_deterministic_and_one_sample_does_not_see_another(name: str) -> None:
    model, x = build(name).eval(), batch(3, 3, 32, 32)
    before = x.clone()
    with torch.inference_mode():
        whole = model(x)
        assert torch.equal(model(x), whole)
        torch.testing.assert_close(torch.cat([model(one[None]) for one in x]), whole, rtol=1e-4, atol=1e-5)
    assert torch.equal(x, before)
    assert whole.std() > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_state_dict_is_the_whole_network(name: str) -> None:
    model, x = build(name), batch(2, 3, 32, 32)
    model(x)  # moves the running statistics
    torch.manual_seed(1)
    twin = build_model(name, inputs=(3, 32, 32), outputs=7)
    assert not torch.equal(twin.eval()(x), model.eval()(x))
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(x), model(x))


@pytest.mark.parametrize("name", NAMES)
def test_initial_weights_are_a_function_of_the_seed(name: str) -> None:
    one, other = build(name).state_dict(), build(name).state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", sorted(set(NAMES) - DENSE))
def test_tables_are_refused_by_convolutional_networks(name: str) -> None:
    with pytest.raises(ValueError, match="'mlp'"):
        build_model(name, inputs=(10,), outputs=2)


@pytest.mark.parametrize("name", sorted(DENSE))
def test_tables_are_taken_by_dense_networks(name: str) -> None:
    assert build_model(name, inputs=(10,), outputs=1)(batch(3, 10)).shape == (3, 1)


def test_listing_imports_no_torch_and_every_line_says_something() -> None:
    program = (
        "import sys; from pellucid.models import MODELS; print([MODELS.summary(name) for name in MODELS]);"
        "assert not {'torch', 'numpy', 'torchvision', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert all(len(MODELS.summary(name)) > 10 for name in NAMES)
