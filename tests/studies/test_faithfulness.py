"""The study of faithfulness: what it tells is what the parts say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data.shapes import open_shapes, scene
from pellucid.models.weights import save_weights
from pellucid.recipes import RECIPES
from pellucid.recipes.recipe import prepare
from pellucid.studies.faithfulness import FaithfulnessStudy, _masks
from pellucid.types.errors import InputError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network for the digits, not trained."""
    recipe = RECIPES["digits-lenet5"]()
    prepared = prepare(recipe)
    path = tmp_path_factory.mktemp("weights") / "lenet.safetensors"
    info = prepared.data.info
    save_weights(prepared.model, path, preprocessing=info.preprocessing, classes=info.classes, name="lenet5")
    return path


def test_a_table_of_methods_beside_a_random_map(weights: Path) -> None:
    study = FaithfulnessStudy(
        network="digits-lenet5",
        weights=str(weights),
        pictures=10,
        methods=("grad-cam", "saliency", "attention"),
        scores=("deletion", "infidelity"),
        steps=4,
        samples=5,
    )
    found = study.run()
    assert "random, 32 × 32" in (row[0] for row in found.table.rows[:2])
    assert found.numbers["random"]["grad-cam"] != found.numbers["random"]["saliency"] == "random, 32 × 32"
    assert [row[0] for row in found.table.rows[2:]] == ["grad-cam", "saliency"]
    assert "Left out attention" in found.table.caption
    numbers = found.numbers["found"]
    assert all(len(each) == 10 for scores in numbers.values() for each in scores.values())
    deletion = np.array(numbers["saliency"]["deletion"])
    wins = int((deletion < np.array(numbers["random, 32 × 32"]["deletion"])).sum())
    row = found.table.rows[3]
    assert row[1] == pytest.approx(deletion.mean())
    assert row[2] == f"{wins}/10"
    assert "Which explanations are true" in found.page().to_html()


def test_the_masks_of_shapes_are_those_of_their_pictures() -> None:
    data = open_shapes(size=32, train=3, test=4)
    indices = torch.tensor([0, 3])
    batch = data.splits["test"].fetch(indices)
    masks = _masks(data, "test", indices, batch.inputs)
    assert masks is not None
    np.testing.assert_array_equal(masks[1].numpy(), scene(0, 6, 32).masks[0])
    other = open_shapes(size=32, train=3, test=4, seed=1)
    assert _masks(other, "test", indices, other.splits["test"].fetch(indices).inputs) is None


def test_bad_settings_are_one_sentence(weights: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'saliency'"):
        FaithfulnessStudy(methods=("saliancy",)).run()
    with pytest.raises(InputError, match="did you mean 'deletion'"):
        FaithfulnessStudy(scores=("deletions",)).run()
    with pytest.raises(InputError, match="no trained weights"):
        FaithfulnessStudy(network="digits-lenet5").run()
    with pytest.raises(InputError, match="no split 'validate'"):
        FaithfulnessStudy(network="digits-lenet5", weights=str(weights), split="validate").run()
