"""A painter's run: from a folder of pictures to its report, and a picture of another size painted."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from pellucid import cli
from pellucid.data.settings import DataSettings
from pellucid.models.naming import build_model
from pellucid.models.weights import save_weights
from pellucid.recipes.experiment import run_recipe
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.tasks.stylisation import StylisationSettings
from pellucid.training.settings import HardwareSettings, RecorderSettings, Settings
from pellucid.types.data_info import Preprocessing


def picture(path: Path, size: tuple[int, int], seed: int) -> Path:
    """Blobs of colour, `size` (width, height) pixels."""
    blobs = torch.randint(256, (4, 4, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blobs.numpy()).resize(size).save(path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("painter")
    for index in range(12):
        part = "test" if index % 3 == 0 else "train"
        picture(folder / "photos" / part / "ab"[index % 2] / f"{index}.png", (30, 26), index)
    judge = build_model("cifar-resnet8", inputs=(3, 32, 32), outputs=3)
    seen = Preprocessing((0.5,) * 3, (0.2,) * 3, size=(32, 32))
    save_weights(judge, folder / "judge.safetensors", preprocessing=seen, classes=("a", "b", "c"), name="j")
    recipe = Recipe(
        "painter",
        model=ModelSettings("style-transformer-16"),
        data=DataSettings(path=folder / "photos", size=24, channels="RGB"),
        task=StylisationSettings(
            picture(folder / "style.png", (40, 40), 99),
            32,
            "cifar-resnet8",
            str(folder / "judge.safetensors"),
        ),
        training=Settings(
            epochs=1,
            batch_size=4,
            hardware=HardwareSettings(device="cpu", threads=1, precision="fp32", workers=0),
            recorder=RecorderSettings(probes=2, per_decade=1),
        ),
    )
    list(run_recipe(recipe, folder / "run"))
    return folder / "run"


def test_the_report_shows_what_is_painted(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "Pictures that were not trained on" in page
    assert "Why it erred" not in page


def test_a_picture_is_painted_at_its_own_size(run: Path, tmp_path: Path, capsys) -> None:
    photo = picture(tmp_path / "photo.png", (46, 33), 5)
    assert cli.main(["predict", str(run), str(photo)]) == 0
    assert "content" in capsys.readouterr().out
    with Image.open(tmp_path / "photo.painted.png") as painted:
        assert painted.size == (46, 33)
