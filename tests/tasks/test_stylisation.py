"""Painting any picture in one style, in one pass."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from pellucid.models.naming import build_model
from pellucid.models.weights import save_weights
from pellucid.ops.normalisation import normalised, shown
from pellucid.synthesis.style_loss import content_loss, total_variation
from pellucid.tasks.stylisation import Stylisation, StylisationSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation

SEEN = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.25, 0.3), size=(24, 24))
INFO = DataInfo("some", (3, 24, 24), ("a", "b"), {"train": 4}, (2, 2), SEEN, fingerprint="")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> StylisationSettings:
    folder = tmp_path_factory.mktemp("judge")
    torch.manual_seed(0)
    judge = build_model("cifar-resnet8", inputs=(3, 32, 32), outputs=3)
    seen = Preprocessing((0.5,) * 3, (0.2,) * 3, size=(32, 32))
    save_weights(judge, folder / "judge.safetensors", preprocessing=seen, classes=("a", "b", "c"), name="j")
    blobs = torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(1))
    pixels = (nn.functional.interpolate(blobs[None], (50, 40))[0] * 255).byte()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / "style.png")
    return StylisationSettings(
        folder / "style.png", 40, "cifar-resnet8", str(folder / "judge.safetensors"), variation=0.5
    )


@pytest.fixture(scope="module")
def task(settings: StylisationSettings) -> Stylisation:
    return settings.build(INFO)


@pytest.fixture
def painter() -> nn.Module:
    torch.manual_seed(0)
    return build_model("style-transformer-16", inputs=(3, 24, 24), outputs=3)


def batch(count: int = 3) -> Batch:
    pictures = torch.randint(256, (count, 3, 6, 6), generator=torch.Generator().manual_seed(2))
    pictures = nn.functional.interpolate(pictures.float(), 24, mode="bilinear").byte()
    return Batch(normalised(pictures, SEEN), torch.zeros(count, dtype=torch.long), torch.arange(count))


def test_shown_is_the_inverse_of_normalised() -> None:
    pictures = torch.randint(256, (2, 3, 4, 5), generator=torch.Generator().manual_seed(0))
    caffe = Preprocessing((104.0, 117.0, 123.0), (2.0, 1.0, 3.0), scale=1.0, channels="BGR")
    for seen in (SEEN, caffe):
        torch.testing.assert_close(shown(normalised(pictures, seen), seen) * 255, pictures.float())


def test_the_loss_is_what_the_judge_sees(task: Stylisation, painter: nn.Module) -> None:
    given = batch()
    with torch.no_grad():
        losses = task.loss(painter, given)
        painted = painter(given.inputs)
        wanted = task.judge(shown(given.inputs, SEEN), task.content)
        content = content_loss(task.judge(painted, task.content), wanted).mean()
    assert float(losses["content"]) == pytest.approx(float(content), rel=1e-4)
    assert float(losses["variation"]) == pytest.approx(0.5 * float(total_variation(painted).mean()), rel=1e-4)


def test_the_painter_learns_and_the_judge_does_not(task: Stylisation, painter: nn.Module) -> None:
    given, optimiser = batch(), torch.optim.Adam(painter.parameters(), 3e-3)
    before = [each.clone() for each in task.judge.model.state_dict().values()]
    first = None
    for _ in range(15):
        optimiser.zero_grad()
        total = torch.stack([*task.loss(painter, given).values()]).sum()
        total.backward()
        optimiser.step()
        first = first or float(total.detach())
    assert all(parameter.grad is not None for parameter in painter.parameters())
    assert float(total.detach()) < 0.8 * first
    assert all(map(torch.equal, before, task.judge.model.state_dict().values()))


def test_what_is_said_of_a_batch(task: Stylisation, painter: nn.Module) -> None:
    given = batch(4)
    with torch.no_grad():
        output = task.forward(painter, given)
    (metric,) = task.metrics()
    metric.update(output, given)  # type: ignore[arg-type]
    found = metric.compute()
    probed = task.probe(output, given)
    assert found["style"] == pytest.approx(float(probed[:, 1].mean()), rel=1e-4)
    weighted = sum(task.weights[name] * found[name] for name in task.weights)
    assert found["loss"] == pytest.approx(weighted)
    records = task.decode(output, given)
    assert records[2].pictures()["painted"].shape == (24, 24, 3)
    exhibits = task.exhibits(output, given)
    assert (exhibits["green"][1].numpy() == records[1].painted[..., 1]).all()
    kept = {at: {name: maps[at].numpy() for name, maps in exhibits.items()} for at in range(4)}
    indices, nothing = given.indices.numpy(), torch.empty(0).numpy()
    evaluation = Evaluation("test", 1, found, indices, nothing, probed.numpy(), kept)
    pictures = dict(enumerate((shown(given.inputs, SEEN) * 255).byte().numpy()))
    (section,) = task.sections(evaluation, pictures, None, [])
    assert section.heading == "Painted"


@pytest.mark.parametrize("sides", [(24, 24), (25, 31), (3, 9)])
def test_a_painter_gives_pictures_of_any_size(painter: nn.Module, sides: tuple[int, int]) -> None:
    with torch.no_grad():
        painted = painter(torch.randn(2, 3, *sides))
    assert painted.shape == (2, 3, *sides)
    assert 0 <= painted.min() < painted.max() <= 1


def test_a_painter_has_as_many_weights_as_published() -> None:
    model = build_model("style-transformer", inputs=(3, 64, 64), outputs=3)
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_679_235


def test_mistakes_are_told_in_a_line(
    settings: StylisationSettings, task: Stylisation, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="in whose style"):
        StylisationSettings().build(INFO)
    with pytest.raises(InputError, match="variation"):
        StylisationSettings(variation=-1)
    table = DataInfo("t", (7,), (), {}, (), Preprocessing((), (), channels=""), fingerprint="")
    with pytest.raises(InputError, match="RGB"):
        settings.build(table)
    with pytest.raises(InputError, match="style-transformer"):
        task.loss(build_model("cifar-resnet8", inputs=(3, 24, 24), outputs=3), batch())
