"""Arrays as small files: maps as palette PNG, drawings as they are, photographs as JPEG."""

from __future__ import annotations

import base64
import io

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from pellucid.views.colours import MISSING, STEPS, ColourScale, class_colours, palette
from pellucid.views.marks import Tiles

SMALL = 128  # a picture whose sides are no longer is shown pixel by pixel


def png(pixels: NDArray[np.uint8]) -> bytes:
    """(h, w, 3) RGB or (h, w, 4) RGBA, uint8."""
    return _file(PIL.Image.fromarray(np.ascontiguousarray(pixels)))


def scaled_png(values: NDArray[np.floating], scale: ColourScale, *, fade: bool = False) -> bytes:
    """(h, w) numbers through a scale; a palette picture, a byte a pixel before compression. With `fade` those
    near the scale's zero are transparent.
    """
    picture = PIL.Image.fromarray(scale.indices(values))
    colours = np.zeros((256, 3), np.uint8)
    colours[:STEPS] = palette(scale.kind)
    picture.putpalette(colours.tobytes())
    return _file(picture, transparency=scale.opacities(fade=True).tobytes() if fade else MISSING)


def labelled_png(labels: NDArray[np.uint8]) -> bytes:
    """(h, w) class numbers as a palette picture: its indices are the numbers, its colours `class_colours`."""
    picture = PIL.Image.fromarray(np.ascontiguousarray(labels))
    picture.putpalette(class_colours(int(labels.max(initial=0)) + 1).tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG")  # to optimise would be to drop and renumber colours
    return stream.getvalue()


def sheet(tiles: Tiles) -> bytes:
    """All tiles in one PNG of rows × columns without gaps; places without a tile are transparent."""
    count, height, width = tiles.values.shape[:3]
    places = tiles.rows * tiles.columns
    shape = (tiles.rows, tiles.columns, height, width)
    if tiles.scale is not None:
        values = np.full((places, height, width), np.nan)
        values[:count] = tiles.values
        joined = values.reshape(shape).transpose(0, 2, 1, 3)
        return scaled_png(joined.reshape(tiles.rows * height, tiles.columns * width), tiles.scale)
    pixels = np.zeros((places, height, width, 4), np.uint8)
    pixels[:count, ..., :3], pixels[:count, ..., 3] = tiles.values, 255
    joined = pixels.reshape(*shape, 4).transpose(0, 2, 1, 3, 4)
    return png(joined.reshape(tiles.rows * height, tiles.columns * width, 4))


def photo(pixels: NDArray[np.uint8]) -> bytes:
    """(h, w, 3) RGB as a JPEG, where many pictures stand in one page."""
    stream = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def compact(pixels: NDArray[np.uint8]) -> bytes:
    """(h, w, 3) RGB or (h, w, 4) RGBA as a PNG, without loss; but photographs, which are less than half as
    long as a JPEG, as one. What is partly transparent, and small pictures, are never blurred.
    """
    exact = png(pixels)
    if pixels.shape[2] == 4 or max(pixels.shape[:2]) <= SMALL:
        return exact
    blurred = photo(pixels)
    return blurred if 2 * len(blurred) < len(exact) else exact


def data_uri(content: bytes) -> str:
    """Of a PNG or a JPEG."""
    kind = "jpeg" if content.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64," + base64.b64encode(content).decode()


def _file(picture: PIL.Image.Image, transparency: int | bytes | None = None) -> bytes:
    stream = io.BytesIO()
    options = {} if transparency is None else {"transparency": transparency}
    picture.save(stream, "PNG", optimize=True, **options)
    return stream.getvalue()
