"""A GAN's run from the recipe to its report, judged by a classifier."""

import json
from pathlib import Path

import pytest

from pellucid import cli
from pellucid.data.settings import DataSettings
from pellucid.recipes.experiment import run_recipe
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.tasks.generation import GenerationSettings
from pellucid.tasks.judges import of_run
from pellucid.training.settings import HardwareSettings, RecorderSettings, Settings
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError


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
    assert "Why it erred" not in page  # real pictures are no mistakes, whatever the critic says of them
    assert "What it finds alike" in page


def test_every_number_stands_beside_whose_features_it_is_of(run, capsys):
    assert cli.main(["judge", str(run), "--by", "lenet5", "--samples", "40"]) == 0
    said, noted = capsys.readouterr()
    assert "40 samples beside 40 real ones, by lenet5, layer" in said
    assert {"FID", "KID", "precision", "coverage", "Inception"} <= set(said.split())
    assert "not to be trusted" in noted
    assert "seen as: class 0" in said


def test_what_cannot_judge_is_told_in_a_line(run, capsys):
    assert cli.main(["judge", str(run), "--by", str(run)]) == 2
    assert "gives pictures no class of several" in capsys.readouterr().err
    assert cli.main(["judge", str(run), "--by", "lenet5", "--split", "night"]) == 2
    assert "has no split 'night'; it has train, test" in capsys.readouterr().err


def test_the_features_of_a_run_that_is_no_classifier_are_refused(run):
    with pytest.raises(InputError, match="no run of a classifier"):
        of_run(run, Preprocessing((0.5,), (0.5,), channels="L"))


def test_numbers_for_machines_name_the_features_and_the_samples_too(run, capsys):
    """LeNet-5's last features are 84: FID of 84 samples is warned of, that of 85 is not."""
    for samples, warnings in ((84, 1), (85, 0)):
        call = ["judge", str(run), "--by", "lenet5", "--samples", str(samples), "--json"]
        assert cli.main(call) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["judge"] == "lenet5, layer relu6"
        assert (found["real"], found["made"]) == (samples, samples)
        assert len(found["warnings"]) == warnings


def test_a_diverging_critic_ends_the_command_and_is_named(tmp_path, capsys):
    call = "train gaussians-gan --task.loss wasserstein --optim.lr 0.3 --task.critic-lr 0.3 --epochs 50"
    assert cli.main([*call.split(), "--recorder.probes", "0", "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert "gaussians-gan diverged before step" in said
    assert "the critic runs away" in said


def test_what_cannot_be_judged(run, capsys):
    assert cli.main(["judge", str(run), "--by", "lenet5", "--samples", "3"]) == 2
    assert "at least 10" in capsys.readouterr().err
