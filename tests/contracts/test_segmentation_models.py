"""What holds for every network that gives numbers for each pixel: those in the registry, and U-Nets on
classifiers.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.inspection.layer_table import layer_table
from pellucid.models import MODELS, SEGMENTATION
from pellucid.models.naming import build_model, build_on_meta, gives_maps
from pellucid.types.errors import InputError

BUILT_ON = (
    "unet/resnet18",
    "unet/cifar-resnet8",
    "unet/vgg11-bn",
    "unet/densenet121",
    "unet/googlenet-bn",
    "unet/inception-v3",
    "unet/torchvision/mobilenet_v3_small",
    "unet/torchvision/convnext_tiny",
    "unet/timm/efficientnet_b0",
    "unet/timm/convnext_atto",
)
NAMES = [*(name for name in MODELS if name in SEGMENTATION), *BUILT_ON]
# Of each family what computes quickly; of the others the numbers are looked at in the slow suite.
QUICK = {
    "unet-8",
    "unet-bn-8",
    "unet-residual-8",
    "unet-dense-8",
    "unet-se-8",
    "unet-bn-16-bilinear",
    "unet-bn-16-sub-pixel",
    "unet-bn-16-unpooling",
    "mnet-8",
    "enet",
    "deeplabv3plus-resnet18",
    "unet/cifar-resnet8",
    "unet/timm/convnext_atto",
}
COMPUTED = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
SHAPED = [
    name if name in {*QUICK, "unet-valid", "fcn8s", "segnet", "deconvnet", "unet/googlenet-bn"} else param
    for name, param in ((name, pytest.param(name, marks=pytest.mark.slow)) for name in NAMES)
]
OF_THREE = {name for name in NAMES if "torchvision/" in name}


def batch(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def build(name: str, channels: int = 3, outputs: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return build_model(name, inputs=(channels, 32, 32), outputs=outputs)


def heads(output: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (output,) if isinstance(output, Tensor) else output


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest) -> nn.Module:
    """A network of four classes; the tests of one name share it."""
    return build(request.param)


@pytest.mark.parametrize("name", SHAPED)
def test_any_inputs_and_number_of_classes(name: str) -> None:
    """One and five channels, odd sides, one class: as large as the picture, with gradients everywhere."""
    assert gives_maps(name)
    cases = ((1, 33, 75, 6), (5, 64, 47, 1)) if name not in OF_THREE else ((3, 33, 75, 6), (3, 64, 47, 1))
    for channels, height, width, outputs in cases:
        model = build_on_meta(name, inputs=(channels, 32, 32), outputs=outputs)
        x = torch.empty(2, channels, height, width, device="meta")
        with torch.device("meta"):
            given = heads(model.train()(x))
            assert given[0].shape == (2, outputs, height, width)
            assert all(each.ndim == 4 and each.shape[:2] == (2, outputs) for each in given)
            assert model.eval()(x).shape == (2, outputs, height, width)
    torch.stack([each.sum() for each in given]).sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", COMPUTED)
def test_one_step_reaches_every_parameter(name: str) -> None:
    given = heads((model := build(name))(batch(2, 3, 36, 44)))
    target = torch.arange(2 * 36 * 44).reshape(2, 36, 44) % 4
    scaled = [nn.functional.interpolate(each, (36, 44)) for each in given]
    torch.stack([nn.functional.cross_entropy(each, target) for each in scaled]).sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize(("name", "built"), [(name, name) for name in sorted(QUICK)], indirect=["built"])
def test_evaluation_is_deterministic_and_one_sample_does_not_see_another(name: str, built: nn.Module) -> None:
    model, x = built.eval(), batch(3, 3, 37, 29)
    before = x.clone()
    with torch.inference_mode():
        whole = model(x)
        assert torch.equal(model(x), whole)
        torch.testing.assert_close(torch.cat([model(one[None]) for one in x]), whole, rtol=1e-4, atol=1e-5)
    assert torch.equal(x, before)
    assert whole.std() > 0


@pytest.mark.parametrize(("name", "built"), [(name, name) for name in sorted(QUICK)], indirect=["built"])
def test_other_ways_to_lie_in_memory_and_to_count_change_little(name: str, built: nn.Module) -> None:
    """Channels last, and bfloat16."""
    model, x = built.eval(), batch(2, 3, 32, 48)
    with torch.inference_mode():
        plain = model(x)
        last = model(x.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-5)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(x).float()
    assert rounded.isfinite().all()
    assert (rounded - plain).norm() < 0.2 * plain.norm()


@pytest.mark.parametrize("name", COMPUTED)
def test_a_state_dict_is_the_whole_network(name: str) -> None:
    model, x = build(name), batch(2, 3, 32, 32)
    model(x)  # moves the running statistics
    torch.manual_seed(1)
    twin = build_model(name, inputs=(3, 32, 32), outputs=4)
    assert not torch.equal(twin.eval()(x), model.eval()(x))
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(x), model(x))


@pytest.mark.parametrize("name", SHAPED)
def test_all_its_multiply_adds_are_counted(name: str) -> None:
    model = build_on_meta(name, inputs=(3, 64, 64), outputs=4)
    table = layer_table(model, [torch.empty(1, 3, 64, 64, device="meta")])
    assert table.uncounted == {}
    assert table.total.multiply_adds > 10**6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unet-bn-8", "enet", "mnet-8", "deeplabv3plus-resnet18", "unet/resnet18"])
def test_the_compiler_takes_it(name: str) -> None:
    model, x = build(name).eval(), batch(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(torch.compile(model)(x), model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(SEGMENTATION))
def test_tables_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="pictures"):
        build_model(name, inputs=(10,), outputs=2)
