"""GoogLeNet against the paper's table, written out anew, and its descendant against torchvision's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from pellucid.blocks.squeeze_excite import SqueezeExcite
from pellucid.inspection.cost import multiply_adds, parameter_count
from pellucid.models import MODELS
from pellucid.models.googlenet import GoogLeNet, googlenet, googlenet_bn
from pellucid.tasks.classification import ClassificationSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing

# Table 1: side of the output, its maps, #1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj.
TABLE = {
    "inception3a": (28, 256, 64, 96, 128, 16, 32, 32),
    "inception3b": (28, 480, 128, 128, 192, 32, 96, 64),
    "inception4a": (14, 512, 192, 96, 208, 16, 48, 64),
    "inception4b": (14, 512, 160, 112, 224, 24, 64, 64),
    "inception4c": (14, 512, 128, 128, 256, 24, 64, 64),
    "inception4d": (14, 528, 112, 144, 288, 32, 64, 64),
    "inception4e": (14, 832, 256, 160, 320, 32, 128, 128),
    "inception5a": (7, 832, 256, 160, 320, 32, 128, 128),
    "inception5b": (7, 1024, 384, 192, 384, 48, 128, 128),
}
OTHERS = {
    "conv1": (64, 112),
    "maxpool1": (64, 56),
    "conv2": (64, 56),
    "conv3": (192, 56),
    "maxpool2": (192, 28),
    "maxpool3": (480, 14),
    "maxpool4": (832, 7),
    "avgpool": (1024, 1),
}


def layers_of_the_table() -> list[tuple[int, int, int, int]]:
    """(input maps, output maps, side of the window, side of the output) of each layer with weights."""
    layers = [(3, 64, 7, 112), (64, 64, 1, 56), (64, 192, 3, 56)]
    inputs = 192
    for side, outputs, one, reduce3, three, reduce5, five, pooled in TABLE.values():
        assert one + three + five + pooled == outputs
        layers += [(inputs, one, 1, side), (inputs, reduce3, 1, side), (reduce3, three, 3, side)]
        layers += [(inputs, reduce5, 1, side), (reduce5, five, 5, side), (inputs, pooled, 1, side)]
        inputs = outputs
    return [*layers, (inputs, 1000, 1, 1)]


def test_googlenet_has_the_parameters_and_multiply_adds_of_the_table() -> None:
    with torch.device("meta"):
        model = googlenet(inputs=(3, 224, 224), outputs=1000)
    layers = layers_of_the_table()
    parameters = sum((i * k * k + 1) * o for i, o, k, _ in layers)
    assert parameters == 6_998_552
    # each small classifier: 1×1 convolution to 128 maps, dense layers 2048 → 1024 → 1000
    small = [(maps + 1) * 128 + 2049 * 1024 + 1025 * 1000 for maps in (512, 528)]
    assert [parameter_count(head) for head in (model.aux1, model.aux2)] == small
    assert parameter_count(model) == parameters + sum(small)
    expected = sum(i * k * k * o * side * side for i, o, k, side in layers)
    assert multiply_adds(model, (3, 224, 224)) == expected == pytest.approx(1.58e9, rel=0.002)


def test_googlenet_has_the_stages_of_the_table() -> None:
    with torch.device("meta"):
        model = googlenet(inputs=(3, 224, 224), outputs=1000)
    seen = {}
    names = {module: name for name, module in model.named_children()}

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        seen[names[module]] = tuple(output.shape[1:])

    for module in names:
        module.register_forward_hook(note)
    main, first, second = model(torch.empty(2, 3, 224, 224, device="meta"))
    expected = OTHERS | {name: (maps, side) for name, (side, maps, *_) in TABLE.items()}
    assert {name: seen[name] for name in expected} == {n: (c, s, s) for n, (c, s) in expected.items()}
    assert main.shape == first.shape == second.shape == (2, 1000)


def as_in_the_paper(weights: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """The logits of the network and of its two small classifiers, without dropout."""

    def conv(x: Tensor, name: str, **geometry: int) -> Tensor:
        return F.conv2d(x, weights[f"{name}.conv.weight"], weights[f"{name}.conv.bias"], **geometry).relu()

    def dense(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def halve(x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    def normalise(x: Tensor) -> Tensor:
        squares = F.pad(x.square(), (0, 0, 0, 0, 2, 2))
        return x / (2 + 1e-4 * sum(squares[:, i : i + x.shape[1]] for i in range(5))) ** 0.75

    def inception(x: Tensor, name: str) -> Tensor:
        one = conv(x, f"{name}.branch1")
        three = conv(conv(x, f"{name}.branch2.0"), f"{name}.branch2.1", padding=1)
        five = conv(conv(x, f"{name}.branch3.0"), f"{name}.branch3.1", padding=2)
        pooled = conv(F.max_pool2d(x, 3, 1, padding=1), f"{name}.branch4.1")
        return torch.cat([one, three, five, pooled], 1)

    def small(x: Tensor, name: str) -> Tensor:
        x = conv(F.avg_pool2d(x, 5, 3), f"{name}.conv").flatten(1)
        return dense(dense(x, f"{name}.fc1").relu(), f"{name}.fc2")

    x = normalise(halve(conv(x, "conv1", stride=2, padding=3)))
    x = halve(normalise(conv(conv(x, "conv2"), "conv3", padding=1)))
    heads = []
    for name in TABLE:
        x = halve(x) if name in ("inception4a", "inception5a") else x
        x = inception(x, name)
        if name in ("inception4a", "inception4d"):
            heads.append(small(x, f"aux{len(heads) + 1}"))
    return [dense(x.mean((2, 3)), "fc"), *heads]


def without_dropout(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def test_googlenet_computes_what_the_paper_says() -> None:
    torch.manual_seed(0)
    model = without_dropout(googlenet(inputs=(3, 224, 224), outputs=9))
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = as_in_the_paper(model.state_dict(), x)
        found = model.train()(x)
        assert torch.equal(model.eval()(x), found[0])
    for mine, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-6)
        assert mine.std(0).mean() > 1e-3


def test_googlenet_starts_without_an_opinion_and_with_gradients_everywhere() -> None:
    """The loss begins near ln k, and no part of the network is left with next to no gradient."""
    torch.manual_seed(0)
    model = googlenet(inputs=(3, 64, 64), outputs=50)
    labels = torch.arange(8)
    heads = model(torch.randn(8, 3, 64, 64))
    losses = torch.stack([F.cross_entropy(logits, labels) for logits in heads])
    torch.testing.assert_close(losses, torch.tensor(50.0).log().expand(3), atol=0.8, rtol=0)
    (losses[0] + 0.3 * losses[1:].sum()).backward()
    weights = [(n, p) for n, p in model.named_parameters() if n.endswith("conv.weight")]
    for name, weight in weights:
        assert weight.grad.norm() > 0.01 * weight.norm(), name


class Torchvisions(torchvision.models.GoogLeNet):
    """torchvision's with the small classifiers in our order, from the first to the last."""

    def eager_outputs(self, x: Tensor, aux2: Tensor, aux1: Tensor | None) -> object:
        return (x, aux1, aux2) if self.training else x


def test_googlenet_bn_costs_what_torchvision_says() -> None:
    with torch.device("meta"):
        ours = googlenet_bn(inputs=(3, 224, 224), outputs=1000)
        theirs = Torchvisions(num_classes=1000, init_weights=False)
    assert parameter_count(ours) == 13_004_888
    assert parameter_count(ours) - parameter_count(ours.aux1) - parameter_count(ours.aux2) == 6_624_904
    assert multiply_adds(ours, (3, 224, 224)) == pytest.approx(1.498e9, abs=0.0005e9)
    shapes = {key: tensor.shape for key, tensor in ours.state_dict().items()}
    assert shapes == {key: tensor.shape for key, tensor in theirs.state_dict().items()}


def test_googlenet_bn_is_torchvisions(check_same: Callable[..., None]) -> None:
    theirs = Torchvisions(num_classes=9, init_weights=False)
    check_same(googlenet_bn(inputs=(3, 96, 96), outputs=9), theirs, ((96, 96), (75, 110)), batch=3)


def test_googlenet_bn_starts_as_torchvisions() -> None:
    torch.manual_seed(0)
    ours = googlenet_bn(inputs=(3, 64, 64), outputs=9).state_dict()
    theirs = torchvision.models.googlenet(weights=None, num_classes=9, init_weights=True).state_dict()
    for name, weight in theirs.items():
        noise = 5 / weight.numel() ** 0.5
        torch.testing.assert_close(
            ours[name].float().std(correction=0), weight.float().std(correction=0), rtol=noise, atol=1e-6
        )


@pytest.mark.parametrize("build", [googlenet, googlenet_bn])
def test_small_classifiers_count_three_tenths_in_training_and_nothing_after(
    build: Callable[..., GoogLeNet],
) -> None:
    torch.manual_seed(0)
    model = without_dropout(build(inputs=(3, 32, 32), outputs=4))
    picture = Preprocessing(mean=(0.0,) * 3, std=(1.0,) * 3, scale=1.0, channels="RGB")
    info = DataInfo("things", (3, 32, 32), tuple("abcd"), {"train": 4}, (1, 1, 1, 1), picture, "00")
    task = ClassificationSettings().build(info)
    batch = Batch(torch.randn(4, 3, 32, 32), torch.tensor([2, 0, 3, 1]), torch.arange(4))
    main, first, second = (F.cross_entropy(logits, batch.targets) for logits in model.train()(batch.inputs))
    named = task.loss(model, batch)
    torch.testing.assert_close(named["loss"], main)
    torch.testing.assert_close(sum(named.values()), main + 0.3 * first + 0.3 * second)
    model.eval()
    assert set(task.loss(model, batch)) == {"loss"}
    torch.testing.assert_close(task.forward(model, batch), model(batch.inputs))
    torch.testing.assert_close(
        task.loss(model, batch)["loss"], F.cross_entropy(model(batch.inputs), batch.targets)
    )


def test_open_gates_of_squeeze_and_excitation_change_nothing() -> None:
    """With factors of one it is the network without, weight for weight; it has the paper's gates beside."""
    torch.manual_seed(0)
    # In training mode, where batch norm keeps the signal of small initial weights alive.
    plain = without_dropout(googlenet_bn(inputs=(3, 64, 64), outputs=5)).train()
    gated = without_dropout(MODELS["se-googlenet-bn"](inputs=(3, 64, 64), outputs=5)).train()
    left = gated.load_state_dict(plain.state_dict(), strict=False)
    assert not left.unexpected_keys
    assert all(".attached." in name for name in left.missing_keys)
    widths = (256, 480, 512, 512, 512, 528, 832, 832, 1024)
    gates = sum(2 * width * (width // 16) + width // 16 + width for width in widths)
    count = sum(parameter.numel() for parameter in gated.parameters())
    assert count - sum(parameter.numel() for parameter in plain.parameters()) == gates
    x = torch.randn(4, 3, 64, 64)
    assert not torch.allclose(gated(x)[0], plain(x)[0], rtol=1e-3)
    for module in gated.modules():
        if isinstance(module, SqueezeExcite):
            torch.nn.init.zeros_(module.fc2.weight)
            torch.nn.init.constant_(module.fc2.get_parameter("bias"), 100.0)
    torch.testing.assert_close(gated(x), plain(x), rtol=1e-4, atol=1e-6)
