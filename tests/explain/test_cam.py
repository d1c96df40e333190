"""The class activation maps against their papers' formulas written out, Captum and pytorch-grad-cam."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_grad_cam import AblationCAM, EigenCAM, GradCAM, GradCAMPlusPlus, LayerCAM, XGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from pellucid.explain import METHODS
from pellucid.explain.cam import cam
from pellucid.explain.cam_eigen import eigen_cam, eigen_grad_cam, first_component
from pellucid.explain.cam_gradient import (
    grad_cam,
    grad_cam_plus_plus,
    hires_cam,
    layer_cam,
    xgrad_cam,
)
from pellucid.explain.cam_score import ablation_cam, score_cam
from pellucid.explain.target import class_logit
from pellucid.types.errors import InputError


def close(ours: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=tolerance * float(expected.abs().max()))


def body(averaged: nn.Module, x: Tensor) -> Tensor:
    y = averaged.norm(averaged.stem(x)).relu()
    return averaged.body[0](3 * y).relu()


def parts(averaged: nn.Module, x: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Activation and gradient at `body`, by hand."""
    activation = body(averaged, x).detach().requires_grad_()
    score = averaged.fc(activation.mean((2, 3)))[:, number].sum()
    return activation.detach(), torch.autograd.grad(score, activation)[0]


def test_cam_is_the_class_weights_times_the_maps(averaged: nn.Module, pictures: Tensor) -> None:
    found = cam(averaged, pictures, class_logit(2))
    assert found.layers == ("body",)
    activation = body(averaged, pictures).detach()
    close(found.values, torch.einsum("k,bkhw->bhw", averaged.fc.weight[2].detach(), activation))
    # The axiom: the mean of the map and the bias are the score.
    score = averaged(pictures)[:, 2].detach()
    close(found.values.mean((1, 2)) + averaged.fc.bias[2].detach(), score)
    close(torch.tensor(found.scores["target"]), score)


def test_cam_of_several_classes_at_once(averaged: nn.Module, pictures: Tensor) -> None:
    both = cam(averaged, pictures, class_logit(2) - 0.5 * class_logit(3))
    apart = [cam(averaged, pictures, class_logit(n)).values for n in (2, 3)]
    close(both.values, apart[0] - 0.5 * apart[1])


def test_cam_does_not_pretend_to_fit_another_head(flat: nn.Module, vit: nn.Module, pictures: Tensor) -> None:
    for model in (flat, vit):
        with pytest.raises(InputError, match=r"averaged into one linear layer.*grad-cam"):
            cam(model, pictures)


def test_formulas(averaged: nn.Module, pictures: Tensor) -> None:
    a, g = (part.double() for part in parts(averaged, pictures, 1))
    expected = {"grad-cam": [], "grad-cam++": [], "xgrad-cam": [], "hires-cam": [], "layer-cam": []}
    for picture in range(len(a)):
        maps = {name: torch.zeros(a.shape[2:], dtype=torch.float64) for name in expected}
        for k in range(a.shape[1]):
            A, G = a[picture, k], g[picture, k]
            maps["grad-cam"] += G.mean() * A
            alpha = torch.where(G != 0, G**2 / (2 * G**2 + A.sum() * G**3), 0)
            maps["grad-cam++"] += (alpha * G.relu()).sum() * A
            maps["xgrad-cam"] += ((G * A).sum() / A.sum() if A.sum() else 0) * A
            maps["hires-cam"] += G * A
            maps["layer-cam"] += G.relu() * A
        for name, values in maps.items():
            expected[name].append(values)
    for name, values in expected.items():
        close(METHODS[name](averaged, pictures, class_logit(1)).values, torch.stack(values).float())


def test_negative_evidence_stays(flat: nn.Module, pictures: Tensor) -> None:
    target = class_logit(1) - class_logit(2)
    maps = grad_cam(flat, pictures, target).values
    assert float(maps.min()) < 0 < float(maps.max())
    close(grad_cam(flat, pictures, -target).values, -maps)


def test_the_layer_maps_add_up_to_the_score(averaged: nn.Module, pictures: Tensor) -> None:
    """HiRes-CAM and XGrad-CAM before one linear layer: the sum of the map and the bias is the score."""
    score = averaged(pictures)[:, 1].detach() - averaged.fc.bias[1].detach()
    for method in (hires_cam, xgrad_cam):
        close(method(averaged, pictures, class_logit(1)).values.sum((1, 2)), score)


def test_captum_has_the_same_grad_cam(flat: nn.Module, pictures: Tensor) -> None:
    expected = LayerGradCam(flat, flat[4]).attribute(pictures, target=1)[:, 0].detach()
    found = grad_cam(flat, pictures, class_logit(1))
    assert found.layers == ("4",)  # before the last pooling
    close(found.values, expected)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (grad_cam, GradCAM),
        (grad_cam_plus_plus, GradCAMPlusPlus),
        (layer_cam, LayerCAM),
        (xgrad_cam, XGradCAM),
    ],
    ids=lambda each: each.__name__,
)
def test_pytorch_grad_cam_has_the_same_values(ours, theirs, flat: nn.Module, pictures: Tensor) -> None:
    """Before it cuts, stretches and enlarges them. Its Grad-CAM++ and XGrad-CAM add 1e-6 and 1e-7 below the
    fraction.
    """
    targets = [ClassifierOutputTarget(1)] * 3
    with theirs(flat, [flat[4]]) as tool:
        tool(pictures, targets)
        layers = tool.activations_and_grads
        a, g = layers.activations[0].numpy(), layers.gradients[0].numpy()
        expected = tool.get_cam_image(pictures, flat[4], targets, a, g, False)
    found = ours(flat, pictures, class_logit(1)).values
    close(found, torch.as_tensor(np.asarray(expected, np.float32)), 1e-3)


def test_eigen_cam_is_the_first_singular_vector(flat: nn.Module, pictures: Tensor) -> None:
    activation = flat[:5](pictures).detach()
    for centred in (False, True):
        rows = activation.flatten(2).transpose(1, 2).double()
        rows = rows - centred * rows.mean(1, keepdim=True)
        _, _, right = torch.linalg.svd(rows, full_matrices=False)
        expected = (rows @ right[:, 0, :, None])[..., 0].float().reshape(3, 8, 8)
        found = eigen_cam(flat, pictures, centred=centred)
        assert found.notes
        close(found.values.abs(), expected.abs(), 1e-4)
        # The decomposition alone does not say the sign.
        assert bool(((found.values * activation.sum(1)).sum((1, 2)) > 0).all())


def test_eigen_cam_equals_pytorch_grad_cam_but_for_its_sign(flat: nn.Module, pictures: Tensor) -> None:
    """Theirs subtracts means, and comes with whatever sign the decomposition gives: inverted maps."""
    with EigenCAM(flat, [flat[4]]) as tool:
        expected = tool.get_cam_image(pictures, flat[4], [], flat[:5](pictures).detach().numpy(), None, False)
    found = eigen_cam(flat, pictures, centred=True).values
    close(found.abs(), torch.as_tensor(np.asarray(expected, np.float32)).abs(), 1e-3)


def test_eigen_grad_cam_agrees_with_gradient_times_activation(flat: nn.Module, pictures: Tensor) -> None:
    found = eigen_grad_cam(flat, pictures, class_logit(1)).values
    product = hires_cam(flat, pictures, class_logit(1)).values
    assert bool(((found * product).sum((1, 2)) > 0).all())
    opposite = eigen_grad_cam(flat, pictures, -class_logit(1)).values
    close(opposite, -found, 1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(2, 9), st.integers(2, 9), st.sampled_from([1e-12, 1.0, 1e12]))
def test_a_component_does_not_depend_on_which_gram_matrix(
    seed: int, channels: int, side: int, scale: float
) -> None:
    values = torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(seed)).relu() + 0.01
    rows = values.flatten(2).transpose(1, 2).double()
    _, strengths, right = torch.linalg.svd(rows, full_matrices=False)
    expected = (rows @ right[:, 0, :, None])[..., 0].float().reshape(2, side, side)
    expected = expected * expected.sum((1, 2), keepdim=True).sign() * scale
    found = first_component(values * scale, values.sum(1))
    gap = float((strengths[:, 0] / strengths[:, 1].clamp(min=1e-9)).min())
    if gap > 1.05:  # otherwise the first component is not well defined
        close(found, expected, 1e-2)


def test_score_cam_by_hand(flat: nn.Module, pictures: Tensor) -> None:
    activation = flat[:5](pictures).detach()
    expected = []
    for x, maps in zip(pictures, activation, strict=True):
        scores = []
        for channel in maps:
            mask = (channel - channel.min()) / (channel.max() - channel.min())
            mask = nn.functional.interpolate(mask[None, None], (16, 16), mode="bilinear")[0, 0]
            scores.append(flat((x * mask)[None])[0, 1].detach())
        expected.append((torch.stack(scores).softmax(0)[:, None, None] * maps).sum(0))
    for batch in (1, 4, 100):
        close(score_cam(flat, pictures, class_logit(1), batch=batch).values, torch.stack(expected))


def test_a_channel_without_extent_weighs_nothing(flat: nn.Module, pictures: Tensor) -> None:
    with torch.no_grad():
        flat[3].weight[2] = 0
        flat[3].bias[2] = 3  # the same everywhere: stretched to [0, 1] it would be 0 / 0
        flat[3].weight[0], flat[3].bias[0] = 0, -1
    found = score_cam(flat, pictures)
    assert bool(found.values.isfinite().all())
    assert not any(found.empty)


@pytest.mark.parametrize("ablation", ["zero", "mean", "resample"])
def test_ablation_cam_by_hand(averaged: nn.Module, pictures: Tensor, ablation: str) -> None:
    activation = body(averaged, pictures).detach()
    shuffled = torch.randperm(64, generator=torch.Generator().manual_seed(3))
    score = averaged.fc(activation.mean((2, 3)))[:, 1]
    expected = torch.zeros(3, 8, 8)
    for k in range(activation.shape[1]):
        without = activation.clone()
        stand_in = {"zero": 0 * without[:, k], "mean": without[:, k].mean((1, 2), keepdim=True)}
        stand_in["resample"] = without[:, k].flatten(1)[:, shuffled].reshape(3, 8, 8)
        without[:, k] = stand_in[ablation]
        loss = score - averaged.fc(without.mean((2, 3)))[:, 1]
        expected += (loss[:, None, None] * activation[:, k]).detach()
    found = ablation_cam(averaged, pictures, class_logit(1), ablation=ablation, seed=3, batch=3)
    torch.testing.assert_close(found.values, expected, rtol=1e-3, atol=1e-4)
    assert found.options["ablation"] == ablation


def test_ablation_does_not_turn_around_where_the_score_is_negative(
    averaged: nn.Module, pictures: Tensor
) -> None:
    """pytorch-grad-cam divides by the score, and so shows evidence against a class as evidence for it."""
    target = class_logit(1)
    expected = ablation_cam(averaged, pictures, target).values
    with torch.no_grad():
        averaged.fc.bias[1] -= 100  # the same network, all scores negative
    assert max(ablation_cam(averaged, pictures, target).scores["target"]) < 0
    close(ablation_cam(averaged, pictures, target).values, expected, 1e-3)
    wanted = [ClassifierOutputTarget(1)] * 3
    with AblationCAM(averaged, [averaged.body[1]]) as tool:
        weights = tool.get_cam_weights(
            pictures, averaged.body[1], wanted, body(averaged, pictures).detach(), None
        )
    losses = averaged.fc.weight[1].detach() * body(averaged, pictures).detach().mean((2, 3))
    sizeable = losses.abs() > 0.05
    wrong = torch.as_tensor(np.asarray(weights)).sign() == -losses.sign()
    assert bool(wrong[sizeable].all())


class Around(nn.Module):
    """What one layer gives is put beside what went past it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, padding=1)
        self.last, self.fc = nn.Conv2d(8, 4, 1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        y = torch.cat([y, self.second(y)], 1)
        out: Tensor = self.fc(self.last(y).relu().mean((2, 3)))
        return out


def test_ablation_where_something_goes_past_the_layer(pictures: Tensor) -> None:
    torch.manual_seed(0)
    model = Around().eval()
    y = model.first(pictures).detach()
    activation = model.second(y).detach()
    score = model(pictures)[:, 1]
    expected = torch.zeros(3, 16, 16)
    for k in range(4):
        without = activation.clone()
        without[:, k] = 0
        altered = model.fc(model.last(torch.cat([y, without], 1)).relu().mean((2, 3)))[:, 1]
        expected += ((score - altered)[:, None, None] * activation[:, k]).detach()
    found = ablation_cam(model, pictures, class_logit(1), layer="second", batch=3)
    torch.testing.assert_close(found.values, expected, rtol=1e-3, atol=1e-5)


def test_several_layers(averaged: nn.Module, pictures: Tensor) -> None:
    layers = ("norm", "body")
    fine, coarse = (grad_cam(averaged, pictures, layer=each).values for each in layers)
    coarse = nn.functional.interpolate(coarse[:, None], (16, 16), mode="bilinear")[:, 0]
    added = grad_cam(averaged, pictures, layer=layers, combine="sum")
    assert added.layers == layers
    close(added.values, fine + coarse)
    scaled = [each / each.abs().amax((1, 2), keepdim=True) for each in (fine, coarse)]
    close(grad_cam(averaged, pictures, layer=layers).values, (scaled[0] + scaled[1]) / 2)
    with pytest.raises(InputError, match="way to combine"):
        grad_cam(averaged, pictures, layer=layers, combine="max")


def test_no_evidence_is_zero_and_said(averaged: nn.Module, pictures: Tensor) -> None:
    with torch.no_grad():
        averaged.fc.weight[1] = 0
    for name in ("cam", "grad-cam", "grad-cam++", "xgrad-cam", "hires-cam", "layer-cam", "eigen-grad-cam"):
        found = METHODS[name](averaged, pictures, class_logit(1))
        assert found.empty == (True, True, True), name
        assert bool((found.values == 0).all()), name


def test_bad_options(flat: nn.Module, pictures: Tensor) -> None:
    with pytest.raises(InputError, match="no ablation is called 'min'"):
        ablation_cam(flat, pictures, ablation="min")
    with pytest.raises(InputError, match="1 or more; got 0"):
        score_cam(flat, pictures, batch=0)
    with pytest.raises(InputError, match="one layer"):
        cam(flat, pictures, layer=["1", "4"])
