"""Layer-wise relevance propagation against the papers' formulas written out, and against its axiom."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision
from tests.explain.networks import Plain, Small, pictures
from torch import Tensor, nn

from pellucid.explain.lrp import PRESETS, lrp
from pellucid.explain.relevance.propagation import Propagation
from pellucid.explain.relevance.rules import (
    Weighted,
    alpha_beta_rule,
    box_rule,
    epsilon_rule,
    flat_rule,
    gamma_rule,
)
from pellucid.explain.target import Target, class_logit
from pellucid.types.errors import InputError


def dense(seed: int = 0) -> tuple[Weighted, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, weight, bias, relevance = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((1, 4), (3, 4), (3,), (1, 3))
    )
    return Weighted(F.linear, x, weight, bias, 0, True), relevance


def plus(value: float) -> float:
    return max(value, 0.0)


def minus(value: float) -> float:
    return min(value, 0.0)


def written_out(layer: Weighted, relevance: Tensor, share: str) -> Tensor:
    """R_i = Σ_j z_ij / Σ_i z_ij · R_j in loops, for the contributions that a rule counts."""
    x, w, b, R = layer.x[0].tolist(), layer.weight.tolist(), layer.bias.tolist(), relevance[0].tolist()
    given = [0.0] * len(x)
    for j, row in enumerate(w):
        z = [x_i * w_ij for x_i, w_ij in zip(x, row, strict=True)]
        groups = {
            "epsilon": [(1.0, z, b[j])],
            "z-plus": [(1.0, [plus(each) for each in z], plus(b[j]))],
            "alpha-beta": [
                (2.0, [plus(each) for each in z], plus(b[j])),
                (-1.0, [minus(each) for each in z], minus(b[j])),
            ],
            "flat": [(1.0, [1.0] * len(z), 0.0)],
            "box": [
                (
                    1.0,
                    [each + 3 * plus(w_ij) - 2 * minus(w_ij) for each, w_ij in zip(z, row, strict=True)],
                    b[j],
                )
            ],
        }
        more = plus if sum(z) + b[j] > 0 else minus
        groups["gamma"] = [(1.0, [each + 0.5 * more(each) for each in z], b[j] + 0.5 * more(b[j]))]
        for part, counted, bias in groups[share]:
            total = sum(counted) + bias or 1.0  # where nothing counts, nothing is shared
            for i, each in enumerate(counted):
                given[i] += part * each / total * R[j]
    return torch.tensor([given], dtype=torch.float64)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("epsilon", epsilon_rule(1e-12)),
        ("z-plus", alpha_beta_rule(1, 0)),
        ("alpha-beta", alpha_beta_rule(2, 1)),
        ("gamma", gamma_rule(0.5)),
        ("flat", flat_rule),
        ("box", box_rule(torch.full((1, 4), -3.0).double(), torch.full((1, 4), 2.0).double())),
    ],
)
def test_rules_are_the_papers(name: str, rule: object, seed: int) -> None:
    layer, relevance = dense(seed)
    torch.testing.assert_close(
        rule(layer, relevance),
        written_out(layer, relevance, name),
        rtol=1e-4,
        atol=1e-4,  # type: ignore[operator]
    )


def by_hand(model: Small, x: Tensor, number: int) -> Tensor:
    """LRP-ε of `Small`, one operation after the other, with plain tensors and its batch norms folded."""

    def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        bias = 0 if conv.bias is None else conv.bias
        return conv.weight * scale.view(-1, 1, 1, 1), (bias - norm.running_mean) * scale + norm.bias

    w1, b1 = folded(model.conv1, model.norm1)
    w2, b2 = folded(model.conv2, model.norm2)
    z1 = F.conv2d(x, w1, b1, padding=1)
    pooled, places = F.max_pool2d(z1.relu(), 2, return_indices=True)
    z2 = F.conv2d(pooled, w2, b2, padding=1)
    y = z2 + pooled
    mean = y.relu().mean((2, 3))
    out = model.head(mean)
    R = mean * model.head.weight[number] / out[:, number, None] * out[:, number, None]
    share = y.relu() / y.relu().sum((2, 3), keepdim=True).clamp(min=1e-12)
    R = R[:, :, None, None] * share
    R2 = R * z2 / y
    back = pooled * F.conv_transpose2d(R2 / z2, w2, padding=1) + R * pooled / y
    unpooled = F.max_unpool2d(back, places, 2)
    result: Tensor = x * F.conv_transpose2d(unpooled / z1, w1, padding=1)
    return result.sum(1)


def test_a_residual_network_is_as_by_hand() -> None:
    model, x = Small().eval(), pictures()
    found = lrp(model, x, class_logit(3), rules="epsilon", epsilon=1e-9)
    with torch.no_grad():
        torch.testing.assert_close(found.values, by_hand(model, x, 3), rtol=1e-3, atol=1e-4)


def test_zero_rule_on_rectifiers_is_input_times_gradient() -> None:
    model, x = Plain(), pictures()
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)
    found = lrp(model, x, class_logit(1), rules="epsilon", epsilon=1e-9)
    torch.testing.assert_close(found.values, (x * gradient).sum(1), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rules", PRESETS)
def test_without_biases_all_relevance_reaches_the_pixels(rules: str) -> None:
    model, x = Plain(), pictures(3)
    found = lrp(model, x, rules=rules, epsilon=1e-6)
    expected = model(x).amax(1).detach().double()
    torch.testing.assert_close(found.values.double().sum((1, 2)), expected, rtol=2e-3, atol=1e-4)
    torch.testing.assert_close(
        torch.tensor(found.scores["reached the pixels"]).double(), expected, rtol=2e-3, atol=1e-4
    )


NETWORKS = ("resnet18", "vgg11_bn", "densenet121", "googlenet", "squeezenet1_1", "mobilenet_v3_small")


def built(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        extra = {"init_weights": False} if name == "googlenet" else {}
        if name == "vgg11_bn":  # without its 120 million dense weights
            return nn.Sequential(
                torchvision.models.vgg11_bn().features, nn.Flatten(), nn.Linear(2048, 5)
            ).eval()
        model = torchvision.models.get_model(name, weights=None, **extra).eval()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.2)
        return model


@pytest.mark.parametrize("rules", ["epsilon", "composite"])
@pytest.mark.parametrize("name", NETWORKS)
def test_relevance_is_conserved_on_networks_as_they_are(name: str, rules: str) -> None:
    """Nothing is known of these networks: sums, concatenations, gates and norms are met as they run."""
    model = built(name)
    x = pictures(1, 64)
    target = Target("sum", lambda output: output.sum(1))
    found = lrp(model, x, target, rules=rules)
    assert found.scores["conservation error"][0] < 1e-3
    assert not any("no rule" in note for note in found.notes)
    assert found.values.abs().sum() > 0
    with torch.no_grad():
        assert found.scores["target"][0] == pytest.approx(float(model(x).sum()), rel=1e-3, abs=1e-5)


class Attentive(nn.Module):
    """A transformer's block over pixels, with torch's own attention and a fused one."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.token = nn.Parameter(torch.randn(1, 1, 8))
            self.embed = nn.Conv2d(3, 8, 4, stride=4)
            self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.qkv = nn.Linear(8, 24)
            self.head = nn.Linear(8, 5)
            nn.init.normal_(self.norm1.bias)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1)
        normed = self.norm1(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        q, k, v = self.qkv(self.norm2(tokens)).chunk(3, -1)
        tokens = F.gelu(tokens + F.scaled_dot_product_attention(q, k, v))
        out: Tensor = self.head(tokens.mean(1))
        return out


def test_attention_is_conserved_and_the_network_says_the_same() -> None:
    model, x = Attentive().eval(), pictures(2, 16)
    found = lrp(model, x, rules="epsilon")
    assert max(found.scores["conservation error"]) < 1e-4
    torch.testing.assert_close(torch.tensor(found.scores["target"]), model(x).amax(1).detach())
    with torch.enable_grad():
        mode = Propagation(2, lambda layer, count: epsilon_rule())
        with mode:
            propagated = model(x.clone().requires_grad_())
        torch.testing.assert_close(propagated, model(x))


def test_an_operation_without_a_rule_is_said() -> None:
    class Odd(Plain):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.conv2(self.conv1(x)).prod(-1).mean(-1))
            return out

    found = lrp(Odd(), pictures())
    assert any("prod" in note for note in found.notes)
    assert max(found.scores["conservation error"]) > 0.01
    assert any("not conserved" in note for note in found.notes)


def test_a_softmax_at_the_end_is_refused() -> None:
    with pytest.raises(InputError, match="softmax"):
        lrp(nn.Sequential(Plain(), nn.Softmax(1)), pictures())


def test_pictures_do_not_mix() -> None:
    model, x = Small().eval(), pictures(3)
    together = lrp(model, x).values
    alone = torch.cat([lrp(model, x[place : place + 1]).values for place in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-5)


def test_unknown_rules_are_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="z-plus"):
        lrp(Plain(), pictures(), rules="z+plus")
