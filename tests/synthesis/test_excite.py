"""Pictures made to excite something."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pellucid.inspection.capture import capture
from pellucid.ops.normalisation import normalised
from pellucid.synthesis.excite import QUICK, Ascent, ascend, excite, likeness
from pellucid.synthesis.leaking import leaking
from pellucid.synthesis.objective import Objective, along, exciting
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

SHORT = Ascent(steps=40, every=10)
ADDRESSES = ("0[3]", "1[0]", "3[2]", "4[5]", "4[5, 2, 3]", "[1]", "8[3]", "0", "3")


def seen_as(channels: int, order: str = "", size: tuple[int, int] = (16, 16)) -> Preprocessing:
    return Preprocessing((0.45,) * channels, (0.22,) * channels, channels=order, size=size)


class Last(nn.Module):
    """Maps that keep their channels last, as Swin's."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)


class Tokens(nn.Module):
    """A transformer on 4 × 4 patches with a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 12))
        self.block = nn.TransformerEncoderLayer(12, 2, 24, dropout=0.1, batch_first=True)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).mT
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1)
        return self.head(self.block(tokens)[:, 0])


def small(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 6, 3, 2, 1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(6, 4),
    )


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return small(3)


def noise(count: int, channels: int, side: int = 16) -> torch.Tensor:
    """Random pictures in [0, 1], at every contrast, fine and coarse."""
    generator = torch.Generator().manual_seed(1)
    fine = torch.rand(count // 2, channels, side, side, generator=generator)
    coarse = torch.rand(count // 2, channels, side // 4, side // 4, generator=generator)
    contrast = torch.linspace(0.1, 1, count)[:, None, None, None]
    return 0.5 + contrast * (torch.cat([fine, nn.functional.interpolate(coarse, size=side)]) - 0.5)


def scores(model: nn.Module, what: Objective, pictures: torch.Tensor, seen: Preprocessing) -> torch.Tensor:
    """By capture alone; of maps with channels first, and tokens."""
    names = {name for name, _ in what.layers}
    with capture(model, names) as found, torch.no_grad():
        model.eval()(normalised(pictures * 255, seen))
    tokens = {key: each.mT if each.ndim == 3 else each for key, each in found.outputs.items()}
    return what.score(tokens)


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_excites_more_than_the_best_of_many_pictures(network: nn.Module, address: str) -> None:
    found = excite(network, exciting(address), seen_as(3), SHORT)
    best = scores(network, exciting(address), noise(200, 3), seen_as(3)).max()
    assert found.scores[0] > best
    own = scores(network, exciting(address), found.pictures, seen_as(3))
    assert own.tolist() == pytest.approx(list(found.scores), rel=1e-4), "the score is of the picture shown"
    assert found.finished
    assert 0 <= found.pictures.min() < found.pictures.max() <= 1


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels(channels: int) -> None:
    torch.manual_seed(2)
    model, seen = small(channels), seen_as(channels)
    with capture(model, "3") as found, torch.no_grad():
        model.eval()(normalised(noise(200, channels) * 255, seen))
    means = found.outputs["3", 0].mean((2, 3))
    lively = int(means.std(0).argmax())  # some are excited most by a plain colour
    made = excite(model, exciting(f"3[{lively}]"), seen, SHORT)
    assert made.pictures.shape == (1, channels, 16, 16)
    assert made.scores[0] > means[:, lively].max()


def test_a_network_sees_pictures_its_own_way(network: nn.Module) -> None:
    """Caffe's blue first, 0 to 255 less a mean: the same picture as for a network whose first layer is
    changed to fit.
    """
    caffe = Preprocessing((104.0, 117.0, 123.0), (1.0, 1.0, 1.0), scale=1.0, channels="BGR", size=(16, 16))
    plain = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), channels="RGB", size=(16, 16))

    class Fitted(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x.flip(1) * 255 - torch.tensor([104.0, 117, 123])[:, None, None])

    one = excite(network, exciting("3[1]"), caffe, replace(SHORT, steps=5))
    two = excite(Fitted(network), exciting("inner.3[1]"), plain, replace(SHORT, steps=5))
    torch.testing.assert_close(one.pictures, two.pictures, atol=1e-3, rtol=0)


def test_the_seed_decides(network: nn.Module) -> None:
    one, two = (excite(network, exciting("3[2]"), seen_as(3), replace(SHORT, steps=6)) for _ in range(2))
    other = excite(network, exciting("3[2]"), seen_as(3), replace(SHORT, steps=6, seed=1))
    assert torch.equal(one.pictures, two.pictures)
    assert not torch.allclose(one.pictures, other.pictures)
    assert other.options["seed"] == 1


def test_the_network_is_left_as_it_was(network: nn.Module) -> None:
    network.train()
    network[1].eval()
    network[0].weight.requires_grad_(False)
    network[3].weight.grad = torch.ones_like(network[3].weight)
    before, modes = copy.deepcopy(network.state_dict()), [each.training for each in network.modules()]
    state = torch.get_rng_state()
    growing = ascend(network, exciting("4[1]"), seen_as(3), replace(SHORT, pictures=2, diversity=0.5))
    with torch.inference_mode():
        first = next(growing)
    assert not first.finished
    for _ in range(2):  # once paused, once abandoned
        assert modes == [each.training for each in network.modules()]
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
        assert torch.equal(network[3].weight.grad, torch.ones_like(network[3].weight))
        assert network[8].weight.grad is None
        assert not any(each._forward_hooks or each._forward_pre_hooks for each in network.modules())
        assert torch.equal(torch.get_rng_state(), state)
        growing.close()


def test_pictures_come_while_they_grow(network: nn.Module) -> None:
    found = list(ascend(network, exciting("3[0]"), seen_as(3), replace(QUICK, size=(16, 16))))
    assert [each.step for each in found] == list(range(2, 25, 2))
    assert [each.finished for each in found] == [False] * 11 + [True]
    assert found[-1].scores[0] > found[0].scores[0]


@pytest.mark.parametrize("address", ["block[3]", "block[3, 5]", "[2]", "block.linear1[7]", "patches[2]"])
def test_transformers(address: str) -> None:
    torch.manual_seed(3)
    model, what = Tokens(), exciting(address)
    found = excite(model, what, seen_as(3), replace(SHORT, steps=60))
    assert found.scores[0] > scores(model, what, noise(100, 3), seen_as(3)).max()


def test_channels_wherever_they_are(network: nn.Module) -> None:
    """The same layer with its channels last is excited by the same picture."""
    last = nn.Sequential(*network[:4], Last())
    how = replace(SHORT, steps=6)
    one = excite(network, exciting("3[4]"), seen_as(3), how)
    two = excite(last, exciting("4[4]"), seen_as(3), how)
    assert torch.equal(one.pictures, two.pictures)
    unit = excite(last, exciting("4[4, 2, 6]"), seen_as(3), how)
    assert torch.equal(excite(network, exciting("3[4, 2, 6]"), seen_as(3), how).pictures, unit.pictures)


def test_a_silent_unit_is_woken() -> None:
    """Behind a ReLU that no near-grey picture opens."""
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
    nn.init.constant_(model[0].bias, -0.6)
    found = excite(model, exciting("1[1]"), seen_as(3), SHORT)
    assert scores(model, exciting("1[1]"), torch.full((1, 3, 16, 16), 0.5), seen_as(3)).item() == 0
    assert found.scores[0] > 0


@pytest.mark.parametrize("rectifier", [nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), torch.relu])
def test_rectifiers_leak_gradients_but_not_values(rectifier: nn.Module) -> None:
    x = torch.tensor([-2.0, 3.0, 7.0], requires_grad=True)
    plain = rectifier(x.clone())
    with leaking():
        value = rectifier(x.clone())
    (gradient,) = torch.autograd.grad(value.sum(), x)
    assert torch.equal(value, plain)
    top = 0.1 if isinstance(rectifier, nn.ReLU6) else 1.0
    assert gradient.tolist() == pytest.approx([0.1, 1.0, top])


def test_sums_and_directions(network: nn.Module) -> None:
    both = exciting("3[1]") - 0.5 * exciting("1[4]") + (-exciting("[0]"))
    assert both.layers == (("3", 0), ("1", 0), ("", 0))
    pictures = noise(4, 3)
    parts = [scores(network, exciting(each), pictures, seen_as(3)) for each in ("3[1]", "1[4]", "[0]")]
    torch.testing.assert_close(
        scores(network, both, pictures, seen_as(3)), parts[0] - 0.5 * parts[1] - parts[2]
    )
    axis = along("3", torch.eye(6)[2] * 7)
    torch.testing.assert_close(
        scores(network, axis, pictures, seen_as(3)), scores(network, exciting("3[2]"), pictures, seen_as(3))
    )
    assert (
        excite(network, both, seen_as(3), replace(SHORT, steps=3)).target
        == "3[1] − 0.5 × (1[4]) + -1 × ([0])"
    )


def test_diversity_keeps_pictures_apart(network: nn.Module) -> None:
    def alike(diversity: float, address: str) -> float:
        found = excite(network, exciting(address), seen_as(3), Ascent(4, 60, diversity=diversity))
        with capture(network, "3") as seen, torch.no_grad():
            network.eval()(normalised(found.pictures * 255, seen_as(3)))
        return float(likeness(seen.outputs["3", 0]))

    assert alike(4.0, "3[2]") < alike(0.0, "3[2]") - 0.01


def test_likeness_is_the_mean_cosine_of_gram_matrices() -> None:
    maps = torch.randn(3, 4, 5, 5)
    grams = [torch.einsum("chw,dhw->cd", each, each) for each in maps]
    cosine = nn.functional.cosine_similarity
    pairs = [cosine(grams[a].flatten(), grams[b].flatten(), 0) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert float(likeness(maps)) == pytest.approx(float(sum(pairs) / 3), abs=1e-5)


def test_half_precision_and_reused_modules() -> None:
    torch.manual_seed(0)

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(torch.relu(self.conv(x)))

    model = Twice().bfloat16()
    one, two = (
        excite(model, exciting(each), seen_as(3), replace(SHORT, steps=3))
        for each in ("conv[1]", "conv#1[1]")
    )
    assert one.pictures.dtype == two.pictures.dtype == torch.float32
    assert not torch.equal(one.pictures, two.pictures)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("layer9[1]", "no layer is called 'layer9'"),
        ("3[6]", "3\\[6\\]: there is no 6 among 0 … 5; 3 is 6 × 8 × 8"),
        ("3[1, 2]", "a channel, or a channel with 2 places, of 6 × 8 × 8"),
        ("3[1, 2, 9]", "there is no 9 among 0 … 7"),
        ("[4]", "there is no 4"),
        ("0:add", "is an operation"),
        ("0#1[2]", "gave no tensor at call 1: it ran 1 times"),
        ("conv1[", "expected an address like"),
    ],
)
def test_what_is_not_there(network: nn.Module, address: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        excite(network, exciting(address), seen_as(3), SHORT)


def test_settings_that_cannot_be(network: nn.Module) -> None:
    for wrong in ({"steps": 0}, {"pictures": 0}, {"lr": 0.0}, {"diversity": -1.0}, {"size": (1, 4)}):
        with pytest.raises(InputError):
            Ascent(**wrong)
    with pytest.raises(InputError, match="has 6 channels"):
        excite(network, along("3", torch.ones(5)), seen_as(3), SHORT)
    constant = nn.Sequential(nn.Conv2d(3, 2, 1))
    nn.init.zeros_(constant[0].weight)
    with pytest.raises(InputError, match="does not change with the picture"):
        excite(constant, exciting("0[1]"), seen_as(3), SHORT)
