"""Gradient methods against autograd by hand, Captum, and their axioms."""

from __future__ import annotations

import captum.attr
import pytest
import torch
import torch.nn.functional as F
from tests.explain.networks import Plain, Small, pictures
from torch import Tensor, nn

from pellucid.explain.baselines import BASELINES, baseline
from pellucid.explain.gradients import input_x_gradient, saliency
from pellucid.explain.integrated_gradients import integrated_gradients
from pellucid.explain.rectifiers import deconvolution, guided_backpropagation
from pellucid.explain.smooth_grad import smooth_grad, var_grad
from pellucid.explain.target import class_logit
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

TARGET = class_logit(2)


def gradient(model: nn.Module, x: Tensor) -> Tensor:
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(model(leaf)[:, 2].sum(), leaf)[0]


def test_saliency_is_the_gradient_of_the_channel_that_reacts_most() -> None:
    model, x = Small().eval(), pictures()
    expected = gradient(model, x)
    torch.testing.assert_close(saliency(model, x, TARGET).values, expected.abs().max(1).values)
    signed = saliency(model, x, TARGET, channels="sum")
    torch.testing.assert_close(signed.values, expected.sum(1))
    assert any("magnitudes" in note for note in saliency(model, x, TARGET).notes)
    assert not signed.notes
    with pytest.raises(InputError, match="'largest' or their 'sum'"):
        saliency(model, x, channels="mean")  # type: ignore[arg-type]


def test_input_x_gradient_is_captums() -> None:
    model, x = Plain(), pictures()
    expected = captum.attr.InputXGradient(model).attribute(x.clone().requires_grad_(), target=2)
    torch.testing.assert_close(input_x_gradient(model, x, TARGET).values, expected.sum(1).detach())


def test_smooth_grad_is_the_mean_over_noise_of_its_seed() -> None:
    model, x = Small().eval(), pictures()
    found = smooth_grad(model, x, TARGET, samples=40, channels="sum", seed=3)
    again = smooth_grad(model, x, TARGET, samples=40, channels="sum", seed=3)
    other = smooth_grad(model, x, TARGET, samples=40, channels="sum", seed=4)
    assert torch.equal(found.values, again.values)
    assert not torch.equal(found.values, other.values)
    assert found.options["seed"] == 3
    still = smooth_grad(model, x, TARGET, samples=3, noise=0.0, channels="sum")
    torch.testing.assert_close(still.values, gradient(model, x).sum(1))
    torch.testing.assert_close(
        var_grad(model, x, TARGET, noise=0.0).values, torch.zeros(2, 10, 10), atol=1e-6, rtol=0
    )


class Quadratic(nn.Module):
    """f = ½ Σ a x², whose gradient a · x is known at every noisy copy."""

    def forward(self, x: Tensor) -> Tensor:
        a = torch.arange(1.0, 4.0).view(1, 3, 1, 1)
        score = 0.5 * (a * x.square()).sum((1, 2, 3))
        return torch.stack([score] * 3, 1)


def test_var_grad_is_the_variance_that_theory_says() -> None:
    x = pictures(1, 6)
    span = float(x.max() - x.min())
    found = var_grad(Quadratic(), x, TARGET, samples=400, noise=0.2)
    assert float(found.values.mean()) == pytest.approx((0.2 * span) ** 2 * (1 + 4 + 9), rel=0.1)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.GELU()])
def test_integrated_gradients_are_captums_and_complete(activation: nn.Module) -> None:
    model, x = Plain(activation, bias=True), pictures(3)
    base = baseline(x, "mean")
    ours = integrated_gradients(model, x, TARGET, steps=20, tolerance=1e9)
    theirs = captum.attr.IntegratedGradients(model).attribute(x, base.contiguous(), target=2, n_steps=20)
    torch.testing.assert_close(ours.values, theirs.sum(1).float(), rtol=1e-3, atol=1e-5)
    exact = integrated_gradients(model, x, TARGET, tolerance=0.01, most_steps=1024)
    with torch.no_grad():
        change = model(x)[:, 2] - model(base)[:, 2]
    torch.testing.assert_close(exact.values.sum((1, 2)), change, rtol=0.011, atol=1e-3)
    assert max(exact.scores["completeness error"]) <= 0.01


def test_steps_grow_only_as_far_as_a_picture_needs() -> None:
    model, x = Plain(bias=True), pictures(4)
    found = integrated_gradients(model, x, TARGET, steps=1, tolerance=0.02, most_steps=64)
    assert len(set(found.scores["steps"])) > 1
    capped = integrated_gradients(model, x, TARGET, steps=1, tolerance=1e-7, most_steps=2)
    assert any("not complete: after 2 steps" in note for note in capped.notes)
    assert set(capped.scores["steps"]) == {2}


def test_memory_of_integrated_gradients_does_not_grow_with_steps() -> None:
    most = 0

    class Counting(Plain):
        def forward(self, x: Tensor) -> Tensor:
            nonlocal most
            most = max(most, len(x))
            return super().forward(x)

    one = integrated_gradients(Counting(), pictures(3), TARGET, steps=100, tolerance=1e9, batch=7)
    assert most == 7
    whole = integrated_gradients(Plain(), pictures(3), TARGET, steps=100, tolerance=1e9, batch=1000)
    torch.testing.assert_close(one.values, whole.values, rtol=1e-4, atol=1e-6)


def test_several_baselines_are_averaged_and_bf16_is_given_up_where_it_is_not_complete() -> None:
    model, x = Plain(bias=True), pictures()
    see = Preprocessing(mean=(0.5,) * 3, std=(0.25,) * 3)
    each = [
        integrated_gradients(model, x, TARGET, baselines=name, preprocessing=see).values
        for name in ("black", "white")
    ]
    both = integrated_gradients(model, x, TARGET, baselines="black+white", preprocessing=see)
    torch.testing.assert_close(both.values, (each[0] + each[1]) / 2)
    smooth = Plain(nn.GELU(), bias=True)
    strict = integrated_gradients(smooth, x, TARGET, precision="bf16", tolerance=1e-5, most_steps=64)
    assert any("full precision" in note for note in strict.notes)
    assert max(strict.scores["completeness error"]) <= 1e-5


def test_baselines_are_pixels() -> None:
    """0 is mean grey to a network that was trained on normalised pictures: black is another number."""
    see = Preprocessing(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.5))
    x = pictures(2, 6)
    black = baseline(x, "black", see)
    torch.testing.assert_close(black[0, :, 0, 0], torch.tensor([-2.0, -2.0, -1.2]))
    torch.testing.assert_close(baseline(x, "white", see)[1, :, 3, 3], torch.tensor([3.0, 2.0, 0.8]))
    caffe = Preprocessing(mean=(104.0, 117.0, 123.0), std=(1.0,) * 3, scale=1.0, channels="BGR")
    torch.testing.assert_close(baseline(x, "grey", caffe)[0, :, 0, 0], torch.tensor([23.5, 10.5, 4.5]))
    for name in BASELINES:
        assert baseline(x, name, see).shape == x.shape
    assert torch.equal(baseline(x, "noise", see, 1), baseline(x, "noise", see, 1))
    assert not torch.equal(baseline(x, "noise", see, 1), baseline(x, "noise", see, 2))
    with pytest.raises(InputError, match="preprocessing"):
        baseline(x, "black")
    with pytest.raises(InputError, match="did you mean 'blurred'"):
        baseline(x, "blured")


class Functional(Plain):
    """The same network with rectifiers that are no modules: a function, a method in place, a clamp."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        x = self.conv2(x)
        x.relu_()
        out: Tensor = self.head(x.clamp(min=0).mean((2, 3)))
        return out


def by_hand(model: Plain, x: Tensor, *, guided: bool) -> Tensor:
    a = model.conv1(x)
    b = model.conv2(a.relu())
    g = model.head.weight[2].view(1, -1, 1, 1).expand_as(b) / b[0, 0].numel()
    g = g.clamp(min=0) * (b > 0 if guided else 1)
    g = F.conv_transpose2d(g, model.conv2.weight, stride=2, output_padding=1)
    g = g.clamp(min=0) * (a > 0 if guided else 1)
    return F.conv_transpose2d(g, model.conv1.weight, padding=1)


@pytest.mark.parametrize("kind", [Plain, Functional])
@pytest.mark.parametrize("guided", [True, False])
def test_rectifiers_are_met_wherever_they_are(kind: type[Plain], guided: bool) -> None:
    model, x = kind(), pictures()
    method = guided_backpropagation if guided else deconvolution
    found = method(model, x, TARGET, channels="sum")
    with torch.no_grad():
        expected = by_hand(model, x, guided=guided).sum(1)
    torch.testing.assert_close(found.values, expected, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(found.values, gradient(model, x).sum(1), atol=1e-4)
    assert any("edge-like" in note for note in found.notes)


def test_guided_backpropagation_is_captums_where_captum_sees_the_rectifiers() -> None:
    class Modules(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            plain = Plain()
            self.body = nn.Sequential(plain.conv1, nn.ReLU(), plain.conv2, nn.ReLU())
            self.head = plain.head

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.body(x).mean((2, 3)))
            return out

    model, x = Modules(), pictures()
    with pytest.warns(UserWarning, match="backward hooks"):
        theirs = captum.attr.GuidedBackprop(model).attribute(x.clone().requires_grad_(), target=2)
    ours = guided_backpropagation(model, x, TARGET, channels="sum")
    torch.testing.assert_close(ours.values, theirs.sum(1).detach(), rtol=1e-4, atol=1e-6)


def test_a_clamp_at_six_is_a_rectifier_that_is_off_above() -> None:
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = guided_backpropagation(model, 50 * pictures(), class_logit(0), channels="sum")
    above = model[0](50 * pictures())[:, 0].detach() > 6
    assert bool(above.any())
    assert not bool(found.values[above].any())


@pytest.mark.parametrize("activation", [nn.GELU(), nn.SiLU(), nn.LeakyReLU(), nn.PReLU()])
def test_without_rectifiers_it_is_not_defined(activation: nn.Module) -> None:
    model, x = Plain(activation), pictures()
    with pytest.raises(InputError, match="defined for rectifiers") as raised:
        guided_backpropagation(model, x)
    assert type(activation).__name__.lower().replace("leakyrelu", "leaky_relu") in str(raised.value)


def test_other_activations_on_the_way_are_named() -> None:
    model = nn.Sequential(Plain(), nn.ReLU(), nn.Hardswish())
    assert any("not defined for hardswish" in note for note in deconvolution(model, pictures()).notes)
