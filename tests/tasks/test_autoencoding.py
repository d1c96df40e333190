"""Autoencoding: what is minimised, that a linear autoencoder finds the principal components, and what is
refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import nn

from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.tensors import InMemory, image_info
from pellucid.models.naming import build_model
from pellucid.models.published import key_maps
from pellucid.models.weights import load_state, read_weights
from pellucid.recipes.recipe import ModelSettings, Recipe, prepare
from pellucid.tasks.autoencoding import AutoencodingSettings
from pellucid.tasks.autoencoding_views import carried
from pellucid.training.events import Evaluated
from pellucid.training.loop import fit
from pellucid.training.settings import HardwareSettings, OptimSettings, ScheduleSettings, Settings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError

SHAPE = (1, 6, 6)
INFO = DataInfo(
    "made up", SHAPE, ("a", "b"), {"train": 8}, (4, 4), Preprocessing((0.3,), (0.5,), channels="L"), ""
)


def batch(count: int = 8) -> Batch:
    pixels = torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(0))
    return Batch((pixels - 0.3) / 0.5, torch.arange(count) % 2, torch.arange(count))


def test_pixels_and_what_the_network_sees_are_each_others_inverse() -> None:
    task, given = AutoencodingSettings().build(INFO), batch()
    pixels = task.pixels(given.inputs)
    assert 0 <= float(pixels.min()) <= float(pixels.max()) <= 1
    torch.testing.assert_close(task._shown(pixels), given.inputs, rtol=1e-5, atol=1e-5)


def test_the_loss_of_a_variational_network_is_the_bound() -> None:
    """One draw from the posterior by the task, and the same expectation from many by torch's own."""
    torch.manual_seed(0)
    model, given = build_model("vae", inputs=SHAPE, outputs=3), batch(2)
    task = AutoencodingSettings(code=3, beta=2.0).build(INFO)
    with torch.no_grad():
        mean, log_variance = model.posterior(given.inputs)
        posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
        found = [task.loss(model, given) for _ in range(400)]
        logits = model.decode(posterior.sample((400,)).flatten(0, 1))
    wanted = task.pixels(given.inputs).repeat(400, 1, 1, 1)
    expected = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / 800
    assert float(torch.stack([each["reconstruction"] for each in found]).mean()) == pytest.approx(
        float(expected), rel=0.01
    )
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    assert float(found[0]["KL"]) == pytest.approx(2 * float(kl.sum(1).mean()), rel=1e-5)


def test_noise_is_seeded_by_the_loops_generator_and_new_in_every_step() -> None:
    model = build_model("autoencoder", inputs=SHAPE, outputs=3)
    task = AutoencodingSettings(code=3, noise=0.5).build(INFO)
    losses = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        losses.append(task.loss(model, batch())["reconstruction"].item())
    assert losses[0] == losses[1] != losses[2]


def test_a_linear_autoencoder_learns_the_principal_subspace() -> None:
    """Four directions of great variance in 36 pixels; trained through the loop, compared by angles."""
    random = np.random.default_rng(0)
    directions = np.linalg.qr(random.standard_normal((36, 36)))[0]
    spread = np.array([80.0, 70, 60, 50] + [3.0] * 32)
    pixels = 128 + (random.standard_normal((2000, 36)) * spread) @ directions.T
    stored = torch.from_numpy(pixels.clip(0, 255).round().astype(np.uint8)).view(-1, *SHAPE)
    split = InMemory(stored, torch.zeros(len(stored), dtype=torch.int64))
    splits = {"train": split, "test": split}
    data = Data(image_info("made up", ("a",), splits), splits)
    torch.manual_seed(0)
    model = build_model("autoencoder-linear", inputs=SHAPE, outputs=4)
    # At the mean, so that no number of the code need be spent on it; from elsewhere a direction was missed.
    nn.init.constant_(model.decoder.output.bias, 128 / 255)
    task = AutoencodingSettings(code=4, loss="mse").build(data.info)
    settings = Settings(
        epochs=100,
        batch_size=100,
        evaluate_every=100,
        optim=OptimSettings("adamw", lr=1e-2, weight_decay=0.0),
        schedule=ScheduleSettings("cosine"),
        hardware=HardwareSettings(device="cpu", threads=1),
    )
    (last,) = (event for event in fit(model, task, data, settings) if isinstance(event, Evaluated))
    fitted = PCA(4).fit(stored.flatten(1).numpy() / 255)
    learned = model.decoder.output.weight.detach().numpy()
    assert np.rad2deg(subspace_angles(learned, fitted.components_.T)).max() < 4
    flat = stored.flatten(1).numpy() / 255
    least = float(((fitted.inverse_transform(fitted.transform(flat)) - flat) ** 2).mean())
    assert least < last.metrics["MSE"] < 1.1 * least


def test_collapse_is_said() -> None:
    assert "All 3 numbers are active" in carried(np.array([1.0, 2, 3]), 0)
    assert "1 number of 3 is the same" in carried(np.array([1.0, 2, 0]), 1)
    assert "does not listen" in carried(np.zeros(3), 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"code": 0}, "code"),
        ({"loss": "l1"}, "bce, mse"),
        ({"noise": -1.0}, "noise"),
        ({"masking": 1.0}, "masking"),
        ({"rate": 0.0}, "rate"),
        ({"sparsity": "l2"}, "none, l1, kl"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        AutoencodingSettings(**options)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="table"):
        AutoencodingSettings().build(replace(INFO, shape=(4,)))
    sparse = AutoencodingSettings(code=3, sparsity="l1").build(INFO)
    with pytest.raises(InputError, match="autoencoder-sigmoid"):
        sparse.loss(build_model("autoencoder", inputs=SHAPE, outputs=3), batch())
    with pytest.raises(InputError, match="encodes and decodes"):
        sparse.loss(nn.Linear(3, 3), batch())
    digits = DataSettings(name="digits")
    with pytest.raises(InputError, match="gives pictures back"):
        prepare(Recipe("x", ModelSettings("mlp"), digits, AutoencodingSettings()))
    with pytest.raises(InputError, match="mnist-ae"):
        prepare(Recipe("x", ModelSettings("vae"), digits))


WEIGHTS = Path(__file__).parents[2].parent / "shared/data/weights/vae20_mnist.pth"
MNIST = Path(__file__).parents[2].parent / "shared/data/mnist"


@pytest.mark.skipif(not WEIGHTS.exists(), reason="no shared/data/weights/vae20_mnist.pth beside the checkout")
def test_published_weights_give_the_published_bound() -> None:
    """PyTorch's example on MNIST: 77.5 nats with sampled codes, 69.2 at the mean, KL 25.75, on all digits."""
    recipe = Recipe(
        "x",
        ModelSettings("vae", weights=str(WEIGHTS), mean=(0.0,), std=(1.0,)),
        DataSettings(name="mnist", path=MNIST),
        AutoencodingSettings(code=20),
    )
    data = open_data(recipe.data)
    record = replace(data.info.preprocessing, mean=(0.0,), std=(1.0,))
    model = build_model("vae", inputs=(1, 28, 28), outputs=20).eval()
    load_state(model, read_weights(WEIGHTS).state, str(WEIGHTS), maps=key_maps("vae"))
    task = recipe.task.build(replace(data.info, preprocessing=record))
    (_, scores) = task.metrics()
    with torch.inference_mode():
        for indices in torch.arange(10_000).split(2000):
            stored = data.splits["test"].fetch(indices)
            given = Batch(stored.inputs.float() / 255, stored.targets, indices)
            scores.update(task.forward(model, given), given)
    found = scores.compute()
    assert found["reconstruction"] == pytest.approx(77.5, abs=0.3)
    assert found["KL"] == pytest.approx(25.75, abs=0.05)
    assert found["reconstruction at the mean"] == pytest.approx(69.2, abs=0.1)
