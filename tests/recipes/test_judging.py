"""A GAN's run from the recipe to its report, judged by a classifier."""

from pathlib import Path

import pytest

from pellucid import cli
from pellucid.data.settings import DataSettings
from pellucid.recipes.experiment import run_recipe
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.tasks.generation import GenerationSettings
from pellucid.training.settings import HardwareSettings, RecorderSettings, Settings


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "digits-dcgan"
    recipe = Recipe(
        "digits-dcgan",
        model=ModelSettings("dcgan-32", mean=(0.5,), std=(0.5,)),
        data=DataSettings(name="digits"),
        task=GenerationSettings(critic_steps=2),
        training=Settings(
            epochs=1,
            batch_size=256,
            hardware=HardwareSettings(device="cpu", threads=1, precision="fp32"),
            recorder=RecorderSettings(probes=16, per_decade=1),
        ),
    )
    list(run_recipe(recipe, path))
    return path


def test_the_report_shows_samples_losses_and_the_critic(run):
    page = (run / "report.html").read_text()
    for words in ("Generated", "Along training", "Greatest slope", "Norm of the gradient", "critic.real"):
        assert words in page
    assert "FID (pixels 16×16)" in page


def test_every_number_stands_beside_whose_features_it_is_of(run, capsys):
    assert cli.main(["judge", str(run), "--by", "lenet5", "--samples", "40"]) == 0
    said, noted = capsys.readouterr()
    assert "40 samples beside 40 real ones, by lenet5, layer" in said
    assert {"FID", "KID", "precision", "coverage", "Inception"} <= set(said.split())
    assert "not to be trusted" in noted
    assert "seen as: class 0" in said


def test_what_cannot_be_judged(run, capsys):
    assert cli.main(["judge", str(run), "--by", "lenet5", "--samples", "3"]) == 2
    assert "at least 10" in capsys.readouterr().err
