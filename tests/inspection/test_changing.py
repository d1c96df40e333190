"""Changes reach the run that asks for them, as if made by hand, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from pellucid.inspection.capture import capture
from pellucid.inspection.changing import changing, kernel_at
from pellucid.inspection.modes import evaluation_mode
from pellucid.types.change import Change, parse_change
from pellucid.types.errors import InputError


class Tokens(nn.Module):
    """A map cut into tokens (b, n, c), and a map with channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 4, 4)
        self.mix = nn.Linear(6, 6)
        self.last = nn.Identity()
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.mix(self.patches(x).flatten(2).transpose(1, 2))
        last = self.last(tokens.reshape(len(x), 2, 2, 6))
        answer: Tensor = self.head(last.mean((1, 2)))
        return answer


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.Conv2d(6, 4, 3, groups=2),
        nn.Flatten(),
    ).eval()


def answer(model: nn.Module, x: Tensor, *changes: str) -> Tensor:
    with torch.no_grad(), changing(model, [*map(parse_change, changes)], [x]) as network:
        output: Tensor = network(x)
    return output


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_scaling_a_channel_is_what_a_hook_by_hand_does(x: Tensor) -> None:
    model = convolutional()
    told = answer(model, x, "0[3] * 0", "0[1] * 2.5", "0[1] * 2")
    with torch.no_grad():
        maps = model[0](x)
        maps[:, 3] = 0
        maps[:, 1] *= 5
        torch.testing.assert_close(told, model[1:](maps))
    assert not torch.allclose(told, answer(model, x))


@pytest.mark.parametrize(("address", "place"), [("mix[2]", (2,)), ("last[2]", (2,)), ("mix[2, 1]", (2, 1))])
def test_tokens_and_channels_last(address: str, place: tuple[int, ...], x: Tensor) -> None:
    torch.manual_seed(0)
    model = Tokens().eval()
    told = answer(model, x, f"{address} * 0")
    with torch.no_grad():
        tokens = model.mix(model.patches(x).flatten(2).transpose(1, 2))
        if len(place) == 1:
            tokens[..., 2] = 0
        else:
            tokens[:, 1, 2] = 0
        torch.testing.assert_close(told, model.head(tokens.mean(1)))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3),
        nn.Conv2d(4, 6, 3, groups=2),
        nn.ConvTranspose2d(4, 6, 3, stride=2),
        nn.ConvTranspose2d(4, 6, 3, groups=2),
        nn.Linear(8, 6),
    ],
    ids=str,
)
def test_a_kernel_is_what_its_channel_sees_its_input_with(layer: nn.Module) -> None:
    """Writing zeros into the kernels for all inputs of a channel leaves its bias, and the others alone."""
    x = torch.randn(1, 4, 8, 8)
    kernels = [kernel_at(layer, "[3]", 0)]
    kernels += [kernel_at(layer, "[3]", at) for at in range(1, kernels[0].inputs)]
    changes: list[Change] = [each.written([0.0] * len(each.values)) for each in kernels]
    with torch.no_grad(), changing(layer, changes, [x]) as changed:
        told, before = changed(x), layer(x)
    channel = -1 if isinstance(layer, nn.Linear) else 1
    bias = layer.get_parameter("bias")[3]
    torch.testing.assert_close(told.select(channel, 3), bias.expand_as(told.select(channel, 3)))
    others = [at for at in range(6) if at != 3]
    index = torch.tensor(others)
    torch.testing.assert_close(told.index_select(channel, index), before.index_select(channel, index))
    with torch.no_grad(), changing(layer, [each.written(each.values) for each in kernels], [x]) as same:
        torch.testing.assert_close(same(x), before)


def test_a_module_called_twice_is_changed_where_it_is_asked(x: Tensor) -> None:
    relu = nn.ReLU()
    model = nn.Sequential(relu, nn.Conv2d(3, 3, 1), relu)
    told = answer(model, x, "0#1[1] * 0")
    assert not told[:, 1].any()
    expected = answer(model, x)
    expected[:, 1] = 0
    torch.testing.assert_close(told, expected)


def test_tied_weights_change_together(x: Tensor) -> None:
    model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False))
    model[1].weight = model[0].weight
    zeros = ", ".join(["0"] * 64)
    assert not answer(model, x, f"1.weight = {zeros}").any()
    with changing(model, [parse_change(f"1.weight = {zeros}")], [x]) as own:
        assert own[0].weight is own[1].weight


def test_nothing_is_written_into_the_network(x: Tensor) -> None:
    model = convolutional()
    model.train()  # in which a run moves the running statistics
    state = {name: value.clone() for name, value in model.state_dict().items()}
    hooks = [len(module._forward_hooks) for module in model.modules()]
    answer(model, x, "0[3] * 0", "3.weight[1, 2] = 9 9 9 9 9 9 9 9 9")
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert hooks == [len(module._forward_hooks) for module in model.modules()]
    with changing(model, [], [x]) as own:
        assert own[0].weight is model[0].weight  # what does not change is shared, not copied
        assert own[1].running_mean is not model[1].running_mean


def test_several_threads_try_different_things_at_once(x: Tensor) -> None:
    model = convolutional()
    texts = [f"0[{at % 6}] * {at / 4}" for at in range(8)] + [
        f"0.weight[0, 0, 0, 0] = {at}" for at in range(8)
    ]
    expected = [answer(model, x, text) for text in texts]
    before = answer(model, x)

    def plain(_: int) -> Tensor:
        with torch.no_grad(), evaluation_mode(model), capture(model, "0"):
            output: Tensor = model(x)
        return output

    with ThreadPoolExecutor(6) as pool:
        for _ in range(4):
            changed = [pool.submit(answer, model, x, text) for text in texts]
            others = [pool.submit(plain, at) for at in range(16)]
            for found, wanted in zip(changed, expected, strict=True):
                torch.testing.assert_close(found.result(), wanted, rtol=0, atol=0)
            assert all(torch.equal(other.result(), before) for other in others)


def test_gradients_flow_through_changes(x: Tensor) -> None:
    model = convolutional()
    own = x.clone().requires_grad_()
    with changing(model, [parse_change("0 * 0")], [x]) as network:
        (gradient,) = torch.autograd.grad(network(own).sum(), own)
    assert not gradient.any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("0[9] * 0", "6 channels"),
        ("nowhere[0] * 0", "no layer is called 'nowhere'"),
        ("0.weights[0] = 1", "did you mean '0.weight'"),
        ("0.weight[0, 0] = 1, 2", "9 numbers"),
        ("0.weight[6, 0] = 1", "is not in it"),
        ("0#3[0] * 0", "nothing that can be scaled"),
        ("0[1] * much", "numbers"),
        ("0[1] * inf", "finite"),
        ("0[1] * 1 2", "one factor"),
        ("0[1]", "a change like"),
        ("0:add[1] * 2", "operation"),
        ("0.weight#1[0] = 1", "a parameter like"),
    ],
)
def test_changes_that_cannot_be_are_told(change: str, said: str, x: Tensor) -> None:
    with pytest.raises(InputError, match=said):
        answer(convolutional(), x, change)


@pytest.mark.parametrize(
    ("address", "source", "said"),
    [("1[0]", 0, "no kernels"), ("0", 0, r"\[0\]"), ("0[7]", 0, "6 channels"), ("0[1]", 3, "3 inputs")],
)
def test_kernels_that_do_not_exist(address: str, source: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        kernel_at(convolutional(), address, source)


def test_a_change_is_its_text() -> None:
    for text in ("layer4.1.conv2[37] * 0.5", "conv1.weight[3, 0] = 1, 0, -1", "relu#1[2, 3, 4] * -1"):
        assert str(parse_change(text)) == text
    assert parse_change("a[1]*0") == parse_change(" a[1] * 0 ")
