"""The two players and the diffusion network: published sizes, what they are told, what they refuse."""

import pytest
import torch

from pellucid.models import GENERATIVE
from pellucid.models.gan import Gan
from pellucid.models.naming import build_model
from pellucid.types.errors import InputError

GANS = sorted(GENERATIVE - {"ddpm", "ddpm-32"})


def shape_for(name: str) -> tuple[int, ...]:
    return (2,) if "points" in name else (1, 28, 28)


def build(name: str, outputs: int = 1, shape: tuple[int, ...] = ()) -> Gan:
    torch.manual_seed(0)
    model = build_model(name, inputs=shape or shape_for(name), outputs=outputs)
    assert isinstance(model, Gan)
    return model


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_dcgan_has_the_published_number_of_parameters():
    model = build("dcgan", shape=(3, 64, 64))
    assert (count(model.generator), count(model.critic)) == (3_576_704, 2_765_568)


def test_a_critic_with_spectral_norm_begins_with_slopes_of_one():
    """Its weights are drawn anew after the norm was put on; the singular value has to be that of the new."""
    model = build("dcgan-spectral-32", shape=(1, 28, 28)).eval()
    for layer in model.critic.modules():
        if isinstance(layer, torch.nn.Conv2d):
            matrix = layer.weight.flatten(1)
            assert float(torch.linalg.matrix_norm(matrix.detach(), 2)) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("side", [6, 7, 11, 28, 30, 63])
def test_dcgan_makes_pictures_of_any_side(side):
    model = build("dcgan-32", shape=(2, side, side)).eval()
    pictures = model.generate(torch.randn(2, model.latent))
    assert pictures.shape == (2, 2, side, side)
    assert model.score(pictures).shape == (2,)


@pytest.mark.parametrize(
    "name", [name for name in GANS if not name.startswith("dcgan") or name.endswith("32")]
)
@pytest.mark.parametrize("outputs", [1, 3])
def test_both_players_learn_with_every_parameter(name, outputs):
    model, shape = build(name, outputs), shape_for(name)
    labels = torch.tensor([0, 1, 2, 1]) if outputs > 1 else None
    samples = model.generate(torch.randn(4, model.latent), labels)
    assert samples.shape == (4, *shape)
    scores = model.score(samples, labels)
    assert scores.shape == (4,)
    scores.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model(samples.detach()).shape == (4, 1)


def test_a_conditional_gan_hears_the_class():
    model = build("dcgan-plain-32", 3).eval()
    codes = torch.randn(1, model.latent).expand(2, -1)
    one, other = model.generate(codes, torch.tensor([0, 2]))
    assert not torch.allclose(one, other)
    scores = model.score(one.expand(2, -1, -1, -1), torch.tensor([0, 2]))
    assert scores[0] != scores[1]


def test_a_plain_critic_sees_single_samples_and_a_published_one_does_not():
    x = torch.randn(3, 1, 28, 28)
    for name, apart in (("dcgan-plain-32", False), ("dcgan-spectral-32", False), ("dcgan-32", True)):
        critic = build(name).critic.train()
        critic(x)  # spectral norm's vectors move with every call in training
        with torch.no_grad():
            for module in critic.modules():
                if isinstance(module, torch.nn.utils.parametrizations._SpectralNorm):
                    module.eval()
            alone, together = critic(x[:1]), critic(x)[:1]
        assert torch.allclose(alone, together, atol=1e-5) != apart, name


def test_spectral_norm_brings_the_greatest_singular_value_to_one():
    """As torch's exact computation sees it, after the power iteration has had time."""
    model = build("gan-points-spectral")
    with torch.no_grad():
        for _ in range(100):
            model.critic(torch.randn(2, 2))
        for layer in model.critic.eval():
            if isinstance(layer, torch.nn.Linear):
                assert float(torch.linalg.matrix_norm(layer.weight, 2)) == pytest.approx(1, abs=2e-2)


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="at least 6 pixels; these are 5 × 5"):
        build("dcgan", shape=(3, 5, 5))
    with pytest.raises(InputError, match="squares"):
        build("dcgan", shape=(3, 32, 64))
    with pytest.raises(InputError, match="take 'gan' or 'dcgan'"):
        build("gan-points", shape=(1, 28, 28))


def test_the_diffusion_network_hears_the_step_and_takes_odd_sides():
    torch.manual_seed(0)
    model = build_model("ddpm-32", inputs=(1, 13, 10), outputs=1)
    x = torch.randn(2, 1, 13, 10)
    assert not model(x, torch.tensor([0, 5])).any()  # it begins by saying nothing
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.05) if parameter.ndim > 1 else None
    some, others = model(x, torch.tensor([3, 900])), model(x, torch.tensor([900, 3]))
    assert some.shape == x.shape
    assert not torch.allclose(some, others)
    torch.testing.assert_close(model(x[:1], torch.tensor([3])), some[:1], rtol=1e-4, atol=1e-5)
    some.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
