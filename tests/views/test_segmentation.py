import base64
import io
import re

import numpy as np
import PIL.Image
import pytest

from pellucid.types.data_info import VOID
from pellucid.views import html, raster
from pellucid.views.colours import class_colours, light, rgb
from pellucid.views.marks import Image
from pellucid.views.segmentation import errors, overlay, segmented

CLASSES = ("sky", "road", "car")


@pytest.fixture
def picture() -> np.ndarray:
    """Like a photograph: smooth, with noise, (160, 200, 3)."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:160, :200]
    smooth = np.stack([y, x, x / 2 + y / 3], axis=2) + random.normal(0, 6, (160, 200, 3))
    return smooth.clip(0, 255).astype(np.uint8)


@pytest.fixture
def labels() -> np.ndarray:
    found = np.random.default_rng(1).integers(0, 3, (160, 200)).astype(np.uint8)
    found[:10] = VOID
    return found


def composed(marks: tuple[Image, ...]) -> np.ndarray:
    """What is seen of pictures that lie on one another."""
    below = PIL.Image.fromarray(marks[0].pixels).convert("RGBA")
    for mark in marks[1:]:
        below = PIL.Image.alpha_composite(below, PIL.Image.fromarray(mark.pixels))
    return np.asarray(below)[..., :3].astype(float)


def test_an_overlay_is_the_grey_picture_under_the_colours(picture: np.ndarray, labels: np.ndarray) -> None:
    grey = picture.mean(axis=2, keepdims=True)
    colours = class_colours(3)[np.where(labels == VOID, 0, labels)].astype(float)
    expected = np.where((labels == VOID)[..., None], 0.35 * grey, 0.62 * colours + 0.38 * grey)
    np.testing.assert_allclose(composed(overlay(picture, labels, 3)), expected, atol=2)


def test_errors_are_red_and_what_is_not_judged_is_dark(picture: np.ndarray, labels: np.ndarray) -> None:
    said = np.zeros_like(labels)
    grey = picture.mean(axis=2, keepdims=True)
    wrong = (labels != 0) & (labels != VOID)
    red = 0.8 * np.array(rgb(light("bad"))) + 0.2 * grey
    expected = np.where(wrong[..., None], red, 0.4 * grey + 139.8)
    expected = np.where((labels == VOID)[..., None], 0.2 * grey, expected)
    np.testing.assert_allclose(composed(errors(picture, said, labels, 3)), expected, atol=2)


def test_in_a_page_photographs_are_jpeg_and_labels_exact(picture: np.ndarray, labels: np.ndarray) -> None:
    said = np.zeros_like(labels)
    maps = {"said": said, "true": labels, "doubt": np.zeros_like(labels)}
    page = html.fragment(segmented(picture, maps, CLASSES))
    stored = re.findall(r"data:image/(\w+);base64,([^\"]+)", page)
    kinds = [kind for kind, _ in stored]
    assert kinds == ["jpeg", "jpeg", "png", "jpeg", "png", "jpeg", "png", "png"]
    content = base64.b64decode(stored[2][1])
    tints = np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGBA"))
    np.testing.assert_array_equal(tints, overlay(picture, labels, 3)[1].pixels)
    whole = PIL.Image.open(io.BytesIO(base64.b64decode(stored[0][1]))).convert("RGB")
    assert np.abs(np.asarray(whole).astype(float) - picture).mean() < 6
    assert len(base64.b64decode(stored[0][1])) < len(raster.png(picture)) / 2


def test_drawings_small_and_transparent_pictures_are_exact(picture: np.ndarray) -> None:
    drawn = np.zeros((300, 300, 3), np.uint8)
    drawn[100:200, 50:250] = 255, 0, 0
    glass = np.dstack([picture, np.full((160, 200), 128, np.uint8)])
    for pixels in (drawn, picture[:100, :128], glass):
        kept = np.asarray(PIL.Image.open(io.BytesIO(raster.compact(pixels))).convert("RGBA"))
        np.testing.assert_array_equal(kept[..., : pixels.shape[2]], pixels)
