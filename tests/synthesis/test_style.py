"""Pictures painted in the style of others."""

from __future__ import annotations

import copy
import itertools
from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import vgg

from pellucid.inspection.capture import capture
from pellucid.ops.normalisation import normalised
from pellucid.synthesis.onlooker import Onlooker
from pellucid.synthesis.style import scales, steps_of, stylise
from pellucid.synthesis.style_colour import coloured, luminance, matched
from pellucid.synthesis.style_layers import address_of, chosen_layers
from pellucid.synthesis.style_loss import content_loss, gram, outside, style_loss, total_variation
from pellucid.synthesis.style_settings import StyleSettings
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.stylisation import Stylised

SEEN = Preprocessing((0.45,) * 3, (0.22,) * 3, size=(32, 32))
SHORT = StyleSettings(steps=20, every=5, precision="fp32", scales=1)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 16, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(16, 4),
    )


def picture(height: int, width: int, seed: int, channels: int = 3) -> Tensor:
    """Soft blobs of colour, uint8."""
    coarse = torch.rand(1, channels, 4, 5, generator=torch.Generator().manual_seed(seed))
    return (nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0].clamp(0, 1) * 255).byte()


CONTENT, STYLE = picture(24, 32, 1), picture(40, 20, 2)


def last_of(model: nn.Module, how: StyleSettings = SHORT, content: Tensor = CONTENT) -> Stylised:
    *_, last = stylise(model, content, STYLE, SEEN, how)
    return last


@pytest.mark.parametrize("shape", [(2, 5), (2, 5, 7), (2, 5, 3, 4)])
def test_the_gram_matrix_against_a_loop(shape: tuple[int, ...]) -> None:
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found, flat = gram(maps), maps.reshape(2, 5, -1)
    for b, i, j in itertools.product(range(2), range(5), range(5)):
        products = [float(flat[b, i, p] * flat[b, j, p]) for p in range(flat.shape[2])]
        assert float(found[b, i, j]) == pytest.approx(sum(products) / len(products), rel=1e-4, abs=1e-5)
    last = maps.contiguous(memory_format=torch.channels_last) if maps.ndim == 4 else maps
    torch.testing.assert_close(gram(last), found)


def test_the_gradient_of_the_gram_matrix() -> None:
    maps = torch.randn(2, 3, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(2, 3, 3, dtype=torch.float64)  # not symmetric: both halves count
    assert torch.autograd.gradcheck(lambda x: (gram(x) * weights).sum(), maps.requires_grad_())


def test_a_gram_matrix_of_bf16_is_near_and_in_float32() -> None:
    maps = torch.rand(1, 6, 32, 32, generator=torch.Generator().manual_seed(0))
    found = gram(maps.bfloat16())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, gram(maps), rtol=0.01, atol=1e-3)


def test_losses_against_the_formulas() -> None:
    generator = torch.Generator().manual_seed(0)
    one, two, wanted = (torch.rand(1, 4, 3, 5, generator=generator) for _ in range(3))
    seen = {("a", 0): one, ("b", 0): two}
    expected = sum(float(((x - wanted) ** 2).sum() / (wanted**2).sum()) for x in (one, two)) / 2
    assert float(content_loss(seen, dict.fromkeys(seen, wanted))) == pytest.approx(expected, rel=1e-5)
    matrix = torch.einsum("bchw,bdhw->bcd", wanted, wanted) / 15
    own = torch.einsum("bchw,bdhw->bcd", one, one) / 15
    expected = float(((own - matrix) ** 2).sum() / (matrix**2).sum())
    assert float(style_loss({("a", 0): one}, {("a", 0): matrix})) == pytest.approx(expected, rel=1e-5)
    down = sum(
        float((one[0, c, y + 1, x] - one[0, c, y, x]) ** 2)
        for c in range(4)
        for y in range(2)
        for x in range(5)
    )
    right = sum(
        float((one[0, c, y, x + 1] - one[0, c, y, x]) ** 2)
        for c in range(4)
        for y in range(3)
        for x in range(4)
    )
    assert float(total_variation(one)) == pytest.approx((down + right) / one.numel(), rel=1e-4)
    assert float(outside(torch.tensor([-0.5, 0.0, 1.0, 1.25]))) == pytest.approx((0.25 + 0.0625) / 4)
    assert float(content_loss({("a", 0): one * 0}, {("a", 0): one * 0})) == 0, "silence can be wanted"


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_style_goes_over_and_content_stays(network: nn.Module, optimiser: str) -> None:
    how = replace(SHORT, optimiser=optimiser, variation=0.1)  # type: ignore[arg-type]
    found = [*stylise(network, CONTENT, STYLE, SEEN, how)]
    assert [each.step for each in found] == [5, 10, 15, 20]
    assert [each.finished for each in found] == [False, False, False, True]
    assert found[-1].losses["style"] < found[0].losses["style"] < 1
    assert found[-1].picture.shape == (3, 24, 32)
    assert 0 <= found[-1].picture.min() < found[-1].picture.max() <= 1
    faithful = last_of(network, replace(how, content=100.0))
    assert faithful.losses["content"] < found[-1].losses["content"]
    assert faithful.losses["style"] > found[-1].losses["style"]


def test_the_losses_said_are_those_of_the_picture(network: nn.Module) -> None:
    """By capture alone, from the pictures as they are shown."""
    found = last_of(network)

    def answers(values: Tensor, layers: tuple[str, ...]) -> list[Tensor]:
        with capture(network, layers) as seen, torch.no_grad():
            network.eval()(normalised(values[None] * 255, SEEN))
        return [*seen.outputs.values()]

    pairs = zip(*(answers(x, found.content_layers) for x in (found.picture, CONTENT / 255)), strict=True)
    content = sum(float((a - b).square().sum() / b.square().sum()) for a, b in pairs)
    assert found.losses["content"] == pytest.approx(content / len(found.content_layers), rel=1e-3)
    assert found.losses["variation"] == pytest.approx(float(total_variation(found.picture[None])), rel=1e-4)


def test_every_option_is_recorded_and_the_seed_decides(network: nn.Module) -> None:
    how = replace(SHORT, start="noise", steps=6, seed=3)
    one, two, other = (last_of(network, each) for each in (how, how, replace(how, seed=4)))
    assert torch.equal(one.picture, two.picture)
    assert not torch.allclose(one.picture, other.picture)
    assert (one.options["seed"], one.options["start"], one.steps) == (3, "noise", 6)


def test_the_network_is_left_as_it_was() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU())
    model.train()
    model[1].eval()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before, modes = copy.deepcopy(model.state_dict()), [each.training for each in model.modules()]
    strides = [parameter.stride() for parameter in model.parameters()]
    state = torch.get_rng_state()
    growing = stylise(model, CONTENT, STYLE, SEEN, replace(SHORT, precision="bf16", start="noise"))
    with torch.inference_mode():
        next(growing)
    growing.close()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [each.training for each in model.modules()] == modes
    assert [parameter.stride() for parameter in model.parameters()] == strides
    assert all(
        parameter.requires_grad and parameter.dtype == torch.float32 for parameter in model.parameters()
    )
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(each._forward_hooks for each in model.modules())


def test_weights_are_shared_where_nothing_is_changed(network: nn.Module) -> None:
    onlooker = Onlooker(network, SEEN)
    assert onlooker.model[12].weight.data_ptr() == network[12].weight.data_ptr()
    assert onlooker.model[3].weight.is_contiguous(memory_format=torch.channels_last)
    assert network[3].weight.is_contiguous()


def test_bf16_paints_the_same_picture(network: nn.Module) -> None:
    exact, quick = (last_of(network, replace(SHORT, precision=each, steps=40)) for each in ("fp32", "bf16"))
    assert quick.precision == "bf16"
    assert quick.losses["style"] == pytest.approx(exact.losses["style"], rel=0.2)
    assert (exact.picture - quick.picture).abs().mean() < 0.03


def test_layers_are_chosen_at_each_resolution(network: nn.Module) -> None:
    content, style = chosen_layers(network, SEEN)
    assert list(map(address_of, style)) == ["1", "5", "8"], "the rectified ones"
    assert list(map(address_of, content)) == ["8"]


@pytest.mark.parametrize(
    ("name", "style", "content"),
    [
        ("squeezenet1_0", ("features.1", "features.5", "features.10", "features.12"), "features.10"),
        (
            "resnet18",
            ("relu", "layer1.0.relu", "layer2.0.relu", "layer3.0.relu", "layer4.0.relu"),
            "layer2.0.relu",
        ),
    ],
)
def test_layers_chosen_of_well_known_networks(name: str, style: tuple[str, ...], content: str) -> None:
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, num_classes=7).eval()
    chosen = chosen_layers(model, replace(SEEN, size=(64, 64)))
    assert tuple(map(address_of, chosen[1])) == style
    assert tuple(map(address_of, chosen[0])) == (content,)


def test_layers_of_vgg_are_those_of_the_paper() -> None:
    """conv1_1, conv2_1, conv3_1, conv4_1 and conv5_1, rectified."""
    torch.manual_seed(0)
    parts = {
        "features": vgg.make_layers(vgg.cfgs["E"]),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flat": nn.Flatten(),
        "classifier": nn.Linear(512, 7),
    }
    content, style = chosen_layers(nn.Sequential(OrderedDict(parts)), replace(SEEN, size=(64, 64)))
    assert list(map(address_of, style)) == [f"features.{at}" for at in (1, 6, 11, 20, 29)]
    assert list(map(address_of, content)) == ["features.20"]


def test_layers_may_be_named(network: nn.Module) -> None:
    found = last_of(network, replace(SHORT, steps=3, content_layers=("5",), style_layers=("1", "3")))
    assert (found.content_layers, found.style_layers) == (("5",), ("1", "3"))


def test_canvases_grow() -> None:
    assert scales((256, 512)) == [(128, 256), (256, 512)]
    assert scales((384, 400)) == [(96, 100), (192, 200), (384, 400)]
    assert scales((20, 30)) == [(20, 30)], "tiny ones at once"
    assert scales((50, 30), 2) == [(25, 15), (50, 30)]
    assert steps_of(100, 3) == [100, 50, 25]
    assert steps_of(1, 3) == [1, 1, 1]


def test_coarse_to_fine(network: nn.Module) -> None:
    how = replace(SHORT, scales=2, steps=10, side=64)
    found = [*stylise(network, CONTENT, STYLE, SEEN, how)]
    assert [each.picture.shape[1:] for each in found] == [(24, 32), (24, 32), (48, 64)]
    assert [each.step for each in found] == [5, 10, 15]
    assert found[-1].evaluations > found[1].evaluations >= 10
    assert found[-1].finished


def test_colours_are_kept_on_request(network: nn.Module) -> None:
    kept = last_of(network, replace(SHORT, colours="content"))
    own = CONTENT[None] / 255
    brightness = luminance(kept.picture[None])
    expected = coloured(brightness, own)
    assert (kept.picture - expected[0]).abs().mean() < 0.01, "nothing but the brightness is another"
    assert (brightness - luminance(own)).abs().mean() > 0.005, "and that is"
    torch.testing.assert_close(coloured(luminance(own), own), own, atol=1e-4, rtol=0)
    grey = luminance(STYLE[None] / 255)
    fitted = matched(grey * 0.2 + 0.4, luminance(own))
    assert float(fitted.mean()) == pytest.approx(float(luminance(own).mean()), abs=0.02)


def test_a_grey_picture_and_a_flat_one(network: nn.Module) -> None:
    grey = last_of(network, content=picture(24, 32, 1, channels=1))
    assert grey.picture.shape == (3, 24, 32)
    flat = last_of(
        network, replace(SHORT, colours="content"), content=torch.full((3, 24, 32), 128, dtype=torch.uint8)
    )
    assert flat.picture.isfinite().all()


def test_a_network_of_grey_pictures() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3, 2), nn.ReLU())
    seen = Preprocessing((0.5,), (0.5,), channels="L", size=(28, 28))
    *_, last = stylise(model, CONTENT, STYLE, seen, SHORT)
    assert last.picture.shape == (1, 24, 32)


def test_a_network_sees_pictures_its_own_way(network: nn.Module) -> None:
    """Caffe's blue first, 0 to 255 less a mean."""
    caffe = Preprocessing((104.0, 117.0, 123.0), (58.0,) * 3, scale=1.0, channels="BGR", size=(32, 32))

    class Fitted(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Tensor) -> Tensor:
            given: Tensor = self.inner(
                (x.flip(1) * 255 - torch.tensor([104.0, 117, 123])[:, None, None]) / 58
            )
            return given

    plain = Preprocessing((0.0,) * 3, (1.0,) * 3, size=(32, 32))
    how = replace(SHORT, steps=4, content_layers=("8",), style_layers=("1", "5"))
    within = replace(how, content_layers=("inner.8",), style_layers=("inner.1", "inner.5"))
    *_, one = stylise(network, CONTENT, STYLE, caffe, how)
    *_, two = stylise(Fitted(network), CONTENT, STYLE, plain, within)
    torch.testing.assert_close(one.picture, two.picture, atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"content_layers": ("convv",)}, "no layer is called 'convv'"),
        ({"style_layers": ("5[2]",)}, "leave the index out"),
        ({"style_layers": ("5#4",)}, "at call 4"),
        ({"content_layers": ("8",), "style_layers": ("12",), "side": 2}, "make it larger"),
    ],
)
def test_mistakes_are_told_in_a_line(network: nn.Module, change: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said.replace("[", r"\[")) as raised:
        last_of(network, replace(SHORT, **change))  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("optimiser", "sgd"),
        ("style", -1.0),
        ("variation", float("nan")),
        ("steps", 0),
        ("brush", 0.0),
        ("lr", 0.0),
    ],
)
def test_settings_that_cannot_be(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        replace(SHORT, **{field: value})  # type: ignore[arg-type]


def test_pictures_that_are_none(network: nn.Module) -> None:
    with pytest.raises(InputError, match="the style picture"):
        next(stylise(network, CONTENT, torch.zeros(3, 8, 8), SEEN, SHORT))
    with pytest.raises(InputError, match="gives maps"):
        next(stylise(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)), CONTENT, STYLE, SEEN, SHORT))


def test_an_overflow_is_named() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU())
    with torch.no_grad():
        model[2].weight.fill_(1e38)
    with pytest.raises(InputError, match="overflowed"):
        next(stylise(model, CONTENT, STYLE, SEEN, replace(SHORT, style_layers=("3",))))
