from dataclasses import replace

import pytest
import torch
from torch import nn

from pellucid.models.naming import build_model
from pellucid.ops.diffusion import noised
from pellucid.ops.random import keys, normal
from pellucid.tasks.diffusion import DiffusionSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError

HALF = Preprocessing((0.5,), (0.5,), channels="L", size=(8, 8))
INFO = DataInfo("some", (1, 8, 8), ("a",), {"train": 6, "test": 6}, (6,), HALF, "")
SMALL = DiffusionSettings(steps=40, sampling_steps=8, schedule="cosine")


def batch(count: int = 6) -> Batch:
    pictures = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Batch(pictures, torch.zeros(count, dtype=torch.int64), torch.arange(count))


def ddpm() -> nn.Module:
    torch.manual_seed(0)
    return build_model("ddpm-32", inputs=(1, 8, 8), outputs=1).eval()


def test_a_silent_network_has_the_loss_of_pure_noise():
    task, model = SMALL.build(INFO), ddpm()
    torch.manual_seed(0)
    (loss,) = task.loss(model, batch()).values()
    torch.manual_seed(0)
    torch.randint(40, (6,))
    assert float(loss.detach()) == pytest.approx(float(torch.randn(6, 1, 8, 8).square().mean()), rel=1e-5)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_who_knows_the_noise_of_one_picture_samples_that_picture(eta):
    """With all data at one picture the best prediction is exact: (x − √ᾱ x₀) / √(1 − ᾱ)."""
    task, clean = replace(SMALL, eta=eta).build(INFO), batch(1).inputs

    def oracle(x, steps):
        alpha = task.kept[steps].float().view(-1, 1, 1, 1)
        return (x - alpha.sqrt() * clean) / (1 - alpha).sqrt()

    path = task.sample(oracle, torch.randn(3, 1, 8, 8), torch.arange(3))
    assert len(path) == 9
    torch.testing.assert_close(path[-1], clean.expand(3, -1, -1, -1), rtol=1e-4, atol=1e-4)


def test_sampling_is_the_naive_sampler():
    """DDIM written out, step by step, with another way of indexing."""
    task, model = DiffusionSettings(steps=20, sampling_steps=20).build(INFO), ddpm()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, 0, 0.05)
    x = start = torch.randn(2, 1, 8, 8)
    alphas = [1.0]
    for t in range(20):
        alphas.append(alphas[-1] * (1 - min(0.999, 50 * (1e-4 + (0.02 - 1e-4) * t / 19))))
    with torch.no_grad():
        for t in range(20, 0, -1):
            now, then = alphas[t], alphas[t - 1]
            noise = model(x, torch.full((2,), t - 1))
            clean = ((x - (1 - now) ** 0.5 * noise) / now**0.5).clamp(-1, 1)
            noise = (x - now**0.5 * clean) / (1 - now) ** 0.5
            x = then**0.5 * clean + (1 - then) ** 0.5 * noise
        found = task.sample(model, start, torch.arange(2))[-1]
    torch.testing.assert_close(found, x, rtol=1e-3, atol=1e-3)


def test_evaluation_is_a_function_of_the_index():
    task, model = SMALL.build(INFO), ddpm()
    with torch.inference_mode():
        whole, part = task.forward(model, batch()), task.forward(model, batch().slice(2, 4))
        torch.testing.assert_close(whole.errors[2:4], part.errors)
        shown = task.exhibits(part, batch().slice(2, 4))
    assert shown["generated"].shape == (2, 8, 8)
    assert shown["sequence"].shape == (2, 8, 9 * 8)
    metric = task.metrics()[0]
    metric.update(whole, batch())
    assert metric.compute()["loss"] == pytest.approx(float(whole.errors.mean()), rel=1e-6)
    assert task.probe(whole, batch()).shape == (6, 2)


def test_the_error_is_that_of_the_closed_form():
    task, model = SMALL.build(INFO), ddpm()
    nn.init.normal_(model.noise.weight, 0, 0.1)
    output, samples = task.forward(model, batch()), batch()
    noise = normal(keys(12, samples.indices), 64).view(6, 1, 8, 8)
    noisy = noised(samples.inputs, noise, task.kept[output.steps].float())
    expected = (model(noisy, output.steps) - noise).square().mean((1, 2, 3))
    torch.testing.assert_close(output.errors, expected)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"schedule": "square"}, "schedule must be linear or cosine"),
        ({"steps": 3}, "steps must be at least 20"),
        ({"sampling_steps": 2000}, "sampling-steps must be from 1 to 1000"),
        ({"eta": 2.0}, r"eta must be in \[0, 1\]"),
    ],
)
def test_settings_that_cannot_be(wrong, words):
    with pytest.raises(InputError, match=words):
        DiffusionSettings(**wrong)


def test_data_and_networks_that_do_not_fit():
    with pytest.raises(InputError, match="no pictures of one size"):
        DiffusionSettings().build(replace(INFO, shape=(2,)))
    with pytest.raises(InputError, match="told the step, such as ddpm"):
        SMALL.build(INFO).loss(nn.Linear(2, 2), batch())
