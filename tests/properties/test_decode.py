"""Whatever the bytes are, decoding gives a picture or one line that says why not."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pellucid.data.crops import crop_draws
from pellucid.data.decode import decode, decode_centre, decode_random, decode_thumbnail, header
from pellucid.types.errors import InputError


def _whole(kind: str, **options: object) -> bytes:
    coarse = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    extra = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP", "TIFF") else {}
    file = io.BytesIO()
    Image.fromarray(coarse).resize((60, 44)).save(file, kind, **extra, **options)
    return file.getvalue()


WHOLE = [
    _whole("JPEG"),
    _whole("JPEG", progressive=True),
    *(_whole(kind) for kind in ("PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")),
]
DRAWS = crop_draws(torch.arange(8)).tolist()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(WHOLE)))
    if draw(st.booleans()):
        return bytes(data[: draw(st.integers(0, len(data)))])
    near_start = st.integers(0, min(200, len(data) - 1))
    for _ in range(draw(st.integers(1, 8))):
        data[draw(near_start | st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


# Pillow warns of damaged tags and goes on; what it then says or gives is what is tested.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@settings(deadline=None, max_examples=150)
@given(damaged() | st.binary(max_size=60), st.integers(0, 7), st.sampled_from(["RGB", "L"]))
def test_a_picture_or_one_line(data: bytes, key: int, channels: str) -> None:
    size = (12, 10)
    for read in (
        lambda: decode(data, channels),
        lambda: decode_centre(data, size, channels),
        lambda: decode_random(data, size, channels, DRAWS[key], 0.08),
        lambda: decode_thumbnail(data, 8)[1],
    ):
        try:
            pixels = read()
        except InputError as error:
            said = str(error)
        else:
            said = f"{pixels.dtype}, {pixels.ndim} dimensions"
        assert "\n" not in said
        assert said.startswith("this picture: ") or said == "torch.uint8, 3 dimensions"
    try:
        height, width = header(data).size
    except InputError:
        return
    assert height >= 1
    assert width >= 1


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from(["JPEG", "PNG"]),
    st.integers(0, 7),
)
def test_every_crop_of_every_shape_has_the_size_asked_for(
    height: int, width: int, size: tuple[int, int], kind: str, key: int
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (90, 140, 40)).save(file, kind, quality=95)
    data = file.getvalue()
    for pixels in (decode_centre(data, size), decode_random(data, size, "RGB", DRAWS[key], 0.05)):
        assert pixels.shape == (3, *size)
        assert (pixels.float().mean((1, 2)) - torch.tensor([90.0, 140, 40])).abs().max() < 4
