"""Who says how pictures are seen: the user before the weights, the weights before the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data.loading import normalise
from pellucid.data.settings import DataSettings
from pellucid.models.weights import Weights
from pellucid.recipes.fitting import InputSettings, open_fitting, sized_for
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

CAFFE = Preprocessing((104.0, 117.0, 123.0), (1.0, 2.0, 3.0), 1.0, "BGR", (12, 12), 0.75, "bicubic")
GREY = Preprocessing((0.5,), (0.25,), channels="L", size=(12, 12))


def weights(preprocessing: Preprocessing | None = None, classes: tuple[str, ...] = ()) -> Weights:
    return Weights({}, "the file", preprocessing, classes)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of each of three classes, 20 × 24."""
    root = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(("ant", "bee", "cat")):
        (root / name).mkdir()
        for index in range(10):
            pixels = np.random.default_rng((number, index)).integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def opened(
    photos: Path,
    found: Weights | None,
    *,
    inputs: InputSettings | None = None,
    own_classes: bool = False,
    **said: object,
) -> tuple[Preprocessing, list[str], tuple[str, ...]]:
    settings = DataSettings(path=photos, **said)
    data, notes = open_fitting(settings, inputs or InputSettings(), found, own_classes=own_classes)
    return data.info.preprocessing, notes, data.info.classes


def test_without_weights_it_is_the_data_and_the_user(photos: Path) -> None:
    own, notes, _ = opened(photos, None)
    assert own.size == (20, 24)
    assert own.scale == 1 / 255
    assert notes == []
    said = InputSettings(mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0), scale=1.0, channels="BGR")
    used, notes, _ = opened(photos, None, inputs=said)
    assert (used.mean, used.std, used.scale, used.channels) == (said.mean, said.std, 1.0, "BGR")
    assert (used.size, notes) == ((20, 24), [])


def test_the_weights_go_before_the_data(photos: Path) -> None:
    assert opened(photos, weights(CAFFE)) == (CAFFE, [], ("ant", "bee", "cat"))
    assert opened(photos, weights(GREY))[0].channels == "L"


def test_the_user_goes_before_the_weights_and_is_told(photos: Path) -> None:
    said = InputSettings(mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 3.0))
    used, notes, _ = opened(photos, weights(CAFFE), inputs=said, size=16, interpolation="bilinear")
    assert used == Preprocessing((1.0, 2.0, 3.0), (1.0, 2.0, 3.0), 1.0, "BGR", (16, 16), 0.75, "bilinear")
    assert notes == [
        "the file was trained with mean 104 117 123, here 1 2 3; size 12 12, here 16 16; "
        "interpolation bicubic, here bilinear"
    ]


def test_weights_without_a_record_are_told(photos: Path) -> None:
    used, (note,), _ = opened(photos, weights())
    assert used == opened(photos, None)[0]
    assert note.startswith("the file does not say how its network wants pictures; they are normalised by ")
    said = InputSettings(mean=(0.5,) * 3, std=(0.5,) * 3)
    assert opened(photos, weights(), inputs=said)[1] == []


def test_what_the_network_sees_by_hand(photos: Path) -> None:
    """From the file to the network: the centre, blue first, minus the mean."""
    data, _ = open_fitting(
        DataSettings(path=photos, size=None), InputSettings(), weights(CAFFE), own_classes=False
    )
    batch = data.splits["test"].fetch(torch.tensor([0]))
    seen = normalise(batch, data.info.preprocessing).inputs[0]
    expected = batch.inputs[0].flip(0) - torch.tensor(CAFFE.mean).view(3, 1, 1)
    assert torch.allclose(seen, expected / torch.tensor(CAFFE.std).view(3, 1, 1), atol=1e-5)
    assert seen.shape == (3, 12, 12)


def test_other_channels_than_the_network_takes(photos: Path) -> None:
    with pytest.raises(InputError, match=r"expects 1 channels \(its weights\), photos\d has 3"):
        opened(photos, weights(GREY), channels="RGB")
    with pytest.raises(InputError, match=r"\(model\.mean\), .* has 3; --data\.channels L"):
        opened(photos, None, inputs=InputSettings(mean=(0.5,), std=(0.5,)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mean": (0.5,)}, "need a number for each channel"),
        ({"mean": (0.5,), "std": (0.0,)}, "the latter positive"),
        ({"scale": 1.0}, "go with model.mean and model.std"),
        ({"channels": "BGR"}, "go with model.mean and model.std"),
        ({"scale": -1.0, "mean": (1.0,), "std": (1.0,)}, "model.scale must be positive, got -1"),
        ({"channels": "BGR", "mean": (1.0,), "std": (1.0,)}, "BGR, but model.mean has 1 numbers"),
    ],
)
def test_settings_that_cannot_be(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as error:
        InputSettings(**fields)
    assert words in str(error.value)


def test_a_record_that_says_little() -> None:
    asked = DataSettings(path=Path("x"), folds=5)
    assert sized_for(asked, None) == asked
    assert sized_for(asked, Preprocessing((0.0,) * 8, (1.0,) * 8, 1.0, "")) == asked  # of a table
    for size in (None, (20, 24)):  # pictures are brought to squares
        assert sized_for(asked, Preprocessing((0.5,), (0.5,), size=size)).size is None


@pytest.mark.parametrize(
    ("theirs", "classes", "note"),
    [
        (("ant", "bee", "cat"), ("ant", "bee", "cat"), ""),
        (("n00000001_Ant", "BEE", "cat"), ("ant", "bee", "cat"), ""),
        (("cat", "ant", "bee"), ("cat", "ant", "bee"), "are put into the order of the file"),
        (("x", "cat", "bee", "ant"), ("x", "cat", "bee", "ant"), "has 3 of the 4 classes of the file"),
        (
            ("emmet", "bee", "cat"),
            ("ant", "bee", "cat"),
            "1 of the 3 classes .* ('ant' for 'emmet'); they are",
        ),
        (("x", "y", "z"), ("ant", "bee", "cat"), "3 of the 3 classes"),
    ],
)
def test_classes_are_those_of_the_weights(
    photos: Path, theirs: tuple[str, ...], classes: tuple[str, ...], note: str
) -> None:
    _, notes, found = opened(photos, weights(CAFFE, theirs))
    assert found == classes
    first, _, rest = note.partition(" .* ")
    assert all(part in "".join(notes) for part in (first, rest))
    assert len(notes) == bool(note)
    assert opened(photos, weights(CAFFE, theirs), own_classes=True)[2] == ("ant", "bee", "cat")


@pytest.mark.parametrize("theirs", [("ant", "bee"), ("dog", "ant", "bee"), ("w", "x", "y", "z")])
def test_classes_that_the_weights_do_not_know(photos: Path, theirs: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=f"'cat'.* among its 3 classes; the network knows {len(theirs)}"):
        opened(photos, weights(CAFFE, theirs))
