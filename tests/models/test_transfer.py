"""What the classifier is, what comes before a layer, what freezing does, for networks of any kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pellucid.models.naming import build_model
from pellucid.models.transfer import (
    all_but,
    classifier_of,
    freeze,
    freeze_batch_norms,
    layer_rates,
    names_before,
)
from pellucid.models.weights import read_weights
from pellucid.recipes.recipe import ModelSettings, transfer
from pellucid.types.errors import InputError

OWN_FILE = '''
import torch
from torch import nn


class Backwards(nn.Module):
    """Its last layer is defined first, one weight works late, and nothing works where it is defined."""

    def __init__(self, channels, outputs):
        super().__init__()
        self.last = nn.Conv2d(8, outputs, 1)
        self.scale = nn.Parameter(torch.ones(1))
        self.norm = nn.BatchNorm2d(8)
        self.stages = nn.ModuleList([nn.Conv2d(channels, 8, 3), nn.Conv2d(8, 8, 3)])
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        x = self.stages[0](x + self.shift)
        x = self.norm(self.stages[1](x)).relu()
        return self.last(x * self.scale).mean((2, 3))


def backwards(inputs, outputs):
    return Backwards(inputs[0], outputs)


def deaf(inputs, outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 4))

'''


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("own") / "own.py"
    path.write_text(OWN_FILE)
    return str(path)


def named(name: str, own: str) -> str:
    return name.replace("own.py", own)


CLASSIFIERS = [
    ("lenet5", (1, 32, 32), {"output.weight", "output.bias"}),
    ("resnet18", (3, 32, 32), {"fc.weight", "fc.bias"}),
    ("torchvision/squeezenet1_1", (3, 32, 32), {"classifier.1.weight", "classifier.1.bias"}),
    ("torchvision/vgg11", (3, 32, 32), {"classifier.6.weight", "classifier.6.bias"}),
    ("torchvision/maxvit_t", (3, 224, 224), {"classifier.5.weight"}),
    ("torchvision/regnet_x_400mf", (3, 32, 32), {"fc.weight", "fc.bias"}),  # cannot be built on meta
    ("timm/vit_tiny_patch16_224", (3, 224, 224), {"head.weight", "head.bias"}),
    (
        "timm/deit_tiny_distilled_patch16_224",
        (3, 224, 224),
        {"head.weight", "head.bias", "head_dist.weight", "head_dist.bias"},
    ),
    ("own.py:backwards", (3, 9, 9), {"last.weight", "last.bias"}),
]


@pytest.mark.parametrize(("name", "inputs", "expected"), CLASSIFIERS, ids=[name for name, *_ in CLASSIFIERS])
@pytest.mark.parametrize("outputs", [1, 1000])
def test_the_classifier_is_found(
    own: str, name: str, inputs: tuple[int, ...], expected: set[str], outputs: int
) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert classifier_of(named(name, own), inputs=inputs, outputs=outputs) == expected
    assert torch.equal(torch.get_rng_state(), state), "looking draws no random numbers"


@pytest.mark.parametrize(
    ("name", "said"), [("perceptron", "nothing else"), ("own.py:deaf", "no layer of it depends")]
)
def test_a_network_that_is_all_or_no_classifier_is_refused(own: str, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        classifier_of(named(name, own), inputs=(3, 2, 2), outputs=4)


def test_before_is_a_matter_of_running_not_of_defining(own: str) -> None:
    model = build_model(f"{own}:backwards", inputs=(3, 9, 9), outputs=4)
    first = {"shift", "stages.0.weight", "stages.0.bias"}
    assert {name for name in names_before(model, (3, 9, 9), "stages.1") if "norm" not in name} == first
    before_norm = first | {"stages.1.weight", "stages.1.bias"}
    assert names_before(model, (3, 9, 9), "norm") == before_norm
    norm = {name for name in all_but(model, ()) if name.startswith("norm.")}
    assert names_before(model, (3, 9, 9), "last") == before_norm | norm | {"scale"}
    assert names_before(model, (3, 9, 9), "stages") == {"shift"}, "a list begins with the first of its layers"


def test_before_a_stage_of_a_resnet() -> None:
    model = build_model("resnet18", inputs=(3, 32, 32), outputs=10)
    found = names_before(model, (3, 32, 32), "layer4")
    assert found == {name for name in model.state_dict() if not name.startswith(("layer4.", "fc."))}
    assert all(value.device.type == "cpu" for value in model.state_dict().values())
    assert model.training, "it is left as it was"


@pytest.mark.parametrize(
    ("name", "layer", "tokens"),
    [
        ("timm/vit_tiny_patch16_224", "blocks.11", {"cls_token", "pos_embed"}),
        (
            "torchvision/vit_b_16",
            "encoder.layers.encoder_layer_11",
            {"class_token", "encoder.pos_embedding"},
        ),
    ],
)
def test_tokens_and_positions_come_before_the_blocks(name: str, layer: str, tokens: set[str]) -> None:
    with torch.device("meta"):
        model = build_model(name, inputs=(3, 224, 224), outputs=10)
    found = names_before(model, (3, 224, 224), layer)
    assert found > tokens
    after = [parameter for parameter, _ in model.named_parameters() if parameter not in found]
    own = [parameter for parameter in after if parameter.startswith(f"{layer}.")]
    assert after[: len(own)] == own
    assert len(own) == 12, "two norms, two parts of the attention, two dense layers: weight and bias"
    assert len(after) == 16, "and the last norm and the classifier"


@pytest.mark.parametrize(
    ("name", "layer", "said"),
    [
        ("resnet18", "layer5", "no layer is called 'layer5'; did you mean 'layer"),
        ("resnet18", "zzz", "`pellucid inspect` shows"),
        ("resnet18", "avgpool", "no weights to train"),
        ("torchvision/vit_b_16", "encoder.layers.encoder_layer_1.self_attention.out_proj", "of its own"),
    ],
)
def test_a_layer_from_which_nothing_can_be_trained_is_refused(name: str, layer: str, said: str) -> None:
    with torch.device("meta"):
        model = build_model(name, inputs=(3, 224, 224), outputs=10)
    if layer == "avgpool":
        model.fc = nn.Identity()  # type: ignore[assignment]
    with pytest.raises(InputError, match=said):
        names_before(model, (3, 224, 224), layer)


def test_a_network_that_cannot_run_is_told_in_one_line() -> None:
    with pytest.raises(InputError, match=r"expects 3 channels"):
        names_before(build_model("resnet18", inputs=(3, 32, 32), outputs=2), (4, 32, 32), "layer1")


def test_frozen_layers_keep_their_weights_and_statistics() -> None:
    model = build_model("resnet18", inputs=(3, 32, 32), outputs=10).eval()
    freeze(model, names_before(model, (3, 32, 32), "layer3"))
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {
        name for name, _ in model.named_parameters() if name.startswith(("layer3", "layer4", "fc"))
    }
    still = {name for name, module in model.named_modules() if not module.training}
    norms = {name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert still == {name for name in norms if not name.startswith(("layer3", "layer4"))}


def test_batch_norms_of_others_are_frozen_without_their_activation() -> None:
    """timm's have an activation within; statistics that a network's own code gathers count too."""
    model = build_model("timm/efficientnet_b0", inputs=(3, 32, 32), outputs=10)
    model.register_buffer("mean", torch.zeros(3))  # the network's own buffer is no reason to stop it all
    freeze(model, all_but(model, classifier_of("timm/efficientnet_b0", inputs=(3, 32, 32), outputs=10)))
    still = {type(module).__name__ for module in model.modules() if not module.training}
    assert still == {"BatchNormAct2d"}
    assert model.training


@pytest.mark.parametrize("scale_and_shift", [False, True])
def test_freezing_batch_norms_alone(scale_and_shift: bool) -> None:
    model = build_model("cifar-resnet8", inputs=(3, 32, 32), outputs=10)
    freeze_batch_norms(model, scale_and_shift=scale_and_shift)
    for module in model.modules():
        norm = isinstance(module, nn.BatchNorm2d)
        assert module.training is not norm
        for parameter in module.parameters(recurse=False):
            assert parameter.requires_grad is not (norm and scale_and_shift)
    with pytest.raises(InputError, match="LeNet5 has no batch norm"):
        freeze_batch_norms(build_model("lenet5", inputs=(1, 32, 32), outputs=2), scale_and_shift=True)


def test_the_rate_grows_by_one_factor_from_layer_to_layer(own: str) -> None:
    model = build_model("lenet5", inputs=(1, 32, 32), outputs=10)
    rates = layer_rates(model, (1, 32, 32), first=1 / 16)
    for place, layer in enumerate(["c1", "c3", "c5", "f6", "output"]):
        assert rates[f"{layer}.weight"] == rates[f"{layer}.bias"] == pytest.approx(2**place / 16)
    model = build_model(f"{own}:backwards", inputs=(3, 9, 9), outputs=4)
    rates = layer_rates(model, (3, 9, 9), first=1e-4)
    # The network itself owns `shift`, which works first, and with it `scale`.
    expected = {"shift": 1e-4, "scale": 1e-4, "stages.0": 1e-3, "stages.1": 1e-2, "norm": 1e-1, "last": 1.0}
    for name, rate in rates.items():
        assert rate == pytest.approx(expected[name.rpartition(".")[0] or name])


def weights_of(name: str, inputs: tuple[int, ...], outputs: int, path: Path) -> dict[str, Tensor]:
    """What a network trained for `outputs` classes would leave."""
    torch.manual_seed(1)
    state = build_model(name, inputs=inputs, outputs=outputs).state_dict()
    torch.save(state, path)
    return state


@pytest.mark.parametrize(
    ("name", "inputs", "layer"),
    [
        ("cifar-resnet8", (3, 16, 16), "layer2"),
        ("torchvision/squeezenet1_1", (3, 32, 32), "features.9"),
        ("torchvision/shufflenet_v2_x0_5", (3, 32, 32), "stage4"),
        ("timm/test_vit", (3, 160, 160), "blocks.3"),
        ("own.py:backwards", (3, 9, 9), "norm"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_every_kind_of_network_goes_over_to_other_classes(
    own: str, tmp_path: Path, name: str, inputs: tuple[int, ...], layer: str
) -> None:
    name, path = named(name, own), tmp_path / "weights.pt"
    trained = weights_of(name, inputs, 5, path)
    torch.manual_seed(0)
    model = build_model(name, inputs=inputs, outputs=3)
    fresh = {key: value.clone() for key, value in model.state_dict().items()}
    classifier = classifier_of(name, inputs=inputs, outputs=3)
    settings = ModelSettings(name, weights=str(path), train_from=layer)
    with pytest.raises(InputError, match=r"of another shape.*--model\.classifier new"):
        transfer(model, settings, read_weights(path), inputs, outputs=3)
    settings = replace(settings, classifier="new")
    transfer(model, settings, read_weights(path), inputs, outputs=3)
    for key, value in model.state_dict().items():
        assert torch.equal(value, fresh[key] if key in classifier else trained[key]), key
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    nn.functional.cross_entropy(model(torch.randn(3, *inputs)), torch.arange(3)).backward()
    optimiser.step()
    frozen = names_before(model, inputs, layer)
    for key, parameter in model.named_parameters():
        assert (parameter.grad is None) is (key in frozen), key
    for key in frozen & model.state_dict().keys():
        assert torch.equal(model.state_dict()[key], trained[key]), key


def test_one_way_of_freezing_at_a_time() -> None:
    with pytest.raises(InputError, match="give one of them"):
        ModelSettings(train="classifier", train_from="layer4")
