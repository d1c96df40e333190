"""What holds for every network in the registry that gives numbers for a picture."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from pellucid.models import AUTOENCODERS, GENERATIVE, MODELS, PICTURES, SEGMENTATION
from pellucid.models.naming import build_model

NAMES = [name for name in MODELS if name not in SEGMENTATION | PICTURES | AUTOENCODERS | GENERATIVE]
DENSE = {"perceptron", "mlp", "mlp-deep"}
# The sides of the smallest pictures for the few networks that do not take 32 × 32.
SIDES = {
    "alexnet": 64,
    "alexnet-2012": 64,
    "inception-v3": 76,
    "se-inception-v3": 76,
    "inception-resnet-v2": 76,
    "se-inception-resnet-v2": 76,
}
# Of each family what computes quickly; of the others the numbers are looked at in the slow suite.
QUICK = {
    *DENSE,
    "lenet5",
    "lenet5-1998",
    "cifar-resnet8",
    "cifar-resnet8-64",
    "cifar-resnet20",
    "googlenet-bn",
    "resnet18",
    "se-resnet50",
    "densenet121",
    "cifar-densenet40-12",
    "xception",
}
# Before training its gates amplify any rounding a thousandfold.
UNSTEADY = {"se-inception-v3"}
# Deep enough to take seconds even where nothing is computed.
DEEP = re.compile(
    r"1202|1001|110|164|44|56|densenet(-bc)?(100|190|250)|(101|152|154|169|201|161)|inception-(resnet|v3)"
    r"|se-(densenet|resnext)"
)
SHAPED = [pytest.param(name, marks=pytest.mark.slow) if DEEP.search(name) else name for name in NAMES]
COMPUTED = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
SHARED = [pytest.param(n, n, marks=() if n in QUICK else pytest.mark.slow, id=n) for n in NAMES]


def batch(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def side(name: str) -> int:
    return SIDES.get(name, 32)


def build(name: str, channels: int = 3, outputs: int = 7) -> nn.Module:
    torch.manual_seed(0)
    return build_model(name, inputs=(channels, side(name), side(name)), outputs=outputs)


def outputs_of(output: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (output,) if isinstance(output, Tensor) else output


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest) -> nn.Module:
    """A network of seven outputs; the tests of one name share it."""
    return build(request.param).eval()


def tolerance(name: str) -> float:
    return 1e-3 if name in UNSTEADY else 1e-4


def apart(found: Tensor, expected: Tensor) -> float:
    """By what part of `expected`."""
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("name", SHAPED)
def test_any_inputs_and_number_of_outputs(name: str) -> None:
    """One, four and five channels, odd sides, one output: every parameter gets a gradient."""
    least = side(name)
    for channels, height, width, outputs in ((1, least, least, 10), (5, least + 1, least + 12, 1)):
        with torch.device("meta"):
            model = build_model(name, inputs=(channels, height, width), outputs=outputs)
            given = outputs_of(model(torch.empty(2, channels, height, width)))
        assert [each.shape for each in given] == [(2, outputs)] * len(given)
        assert model.eval()(torch.empty(2, channels, height, width, device="meta")).shape == (2, outputs)
    torch.stack([each.sum() for each in given]).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", COMPUTED)
def test_one_step_reaches_every_parameter(name: str) -> None:
    model = build(name)
    given = outputs_of(model(batch(4, 3, side(name), side(name))))
    torch.stack([nn.functional.cross_entropy(each, torch.arange(4)) for each in given]).sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize(("name", "built"), SHARED, indirect=["built"])
def test_evaluation_is_deterministic_and_one_sample_does_not_see_another(name: str, built: nn.Module) -> None:
    model, x = built, batch(3, 3, side(name), side(name))
    before = x.clone()
    with torch.inference_mode():
        whole = model(x)
        assert torch.equal(model(x), whole)
        assert apart(torch.cat([model(one[None]) for one in x]), whole) < tolerance(name)
    assert torch.equal(x, before)
    assert whole.std() > 0


@pytest.mark.parametrize(("name", "built"), SHARED, indirect=["built"])
def test_other_ways_to_lie_in_memory_and_to_count_change_little(name: str, built: nn.Module) -> None:
    """Channels last, and bfloat16."""
    model, x = built, batch(2, 3, side(name), side(name))
    with torch.inference_mode():
        plain = model(x)
        assert apart(model(x.contiguous(memory_format=torch.channels_last)), plain) < tolerance(name)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(x).float()
    assert rounded.isfinite().all()
    assert apart(rounded, plain) < 0.2 or name in UNSTEADY


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet5", "cifar-resnet8", "densenet121", "googlenet-bn", "se-resnet18"])
def test_the_compiler_takes_it(name: str) -> None:
    model, x = build(name).eval(), batch(2, 3, side(name), side(name))
    with torch.inference_mode():
        torch.testing.assert_close(torch.compile(model)(x), model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", COMPUTED)
def test_a_state_dict_is_the_whole_network(name: str) -> None:
    model, x = build(name), batch(2, 3, side(name), side(name))
    model(x)  # moves the running statistics
    torch.manual_seed(1)
    twin = build_model(name, inputs=(3, side(name), side(name)), outputs=7)
    assert not torch.equal(twin.eval()(x), model.eval()(x))
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(x), model(x))


@pytest.mark.parametrize("name", sorted(QUICK))
def test_initial_weights_are_a_function_of_the_seed(name: str) -> None:
    one, other = build(name).state_dict(), build(name).state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", sorted(SIDES))
def test_pictures_that_are_too_small_are_refused_in_words(name: str) -> None:
    with pytest.raises(ValueError, match=r"at least \d+ × \d+ pixels, these have 20 × 300"):
        build_model(name, inputs=(3, 20, 300), outputs=7)


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
    assert all(len(MODELS.summary(name)) > 10 for name in MODELS)
