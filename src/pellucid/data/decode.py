"""A picture file becomes a uint8 tensor: decoded, upright, in the channels asked for, cropped, resized.

Speed comes from decoding no more than is needed. JPEG is a sum of cosines over 8 × 8 blocks, so a picture
of 1/2, 1/4 or 1/8 of the size is read straight from the low frequencies; that is done where the crop
still has at least the pixels asked for. Rows are decoded from the top, so those below the crop are never
touched.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.crops import Box, centre_box, random_box
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

# Pillow reads more; these are what people photograph, scan and export. None runs another program (EPS does).
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp"}
    | {".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"}
)

# What Pillow raises at damaged files. A fuzzing test keeps these lists honest.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
# The same and what else its parsers stumble over; anywhere but at them these are mistakes of ours.
_STUMBLED = (IndexError, KeyError, TypeError, AttributeError, ArithmeticError)

# Pillow refuses pictures of more than 179 million pixels, and would warn on the terminal from half of that.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # what turns a picture with this EXIF orientation upright
_ROW_MARGIN = 32  # rows below a crop that its last chroma rows are interpolated from, at any scale


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded. `size` is (height, width) of the upright picture."""

    format: str
    mode: str
    size: tuple[int, int]


def decode(source: Path | bytes, channels: str = "RGB") -> Tensor:
    """The whole picture, (3, h, w) for "RGB" and (1, h, w) for "L", uint8.

    The first frame of an animation; upright by its EXIF orientation; transparent parts over white, as on
    paper; 16-bit grey scaled to 8 (65535 becomes 255, nothing is clipped). `InputError` says which file
    has what wrong.
    """
    data = _bytes(source)
    try:
        return _tensor(_upright(_open(data)), channels)
    except _DAMAGED as error:
        raise _damaged(source, error) from error


def decode_stored(source: Path | bytes) -> NDArray[np.uint8] | NDArray[np.int32]:
    """The numbers a label map stores: (h, w) palette indices or grey values as they are, whatever their
    colours, or (h, w, 3) for a coloured one. As it lies in the file: labels are not turned by EXIF.

    `InputError` for a JPEG, whose compression blurs labels into others.
    """
    data = _bytes(source)
    try:
        opened = _open(data)
        if opened.format == "JPEG":
            raise ValueError(
                "labels are blurred into others by JPEG, which is not supported for them; use PNG"
            )
        opened.load()
        image: Image.Image = opened
        if image.mode in ("RGBA", "PA", "LA", "La", "CMYK", "YCbCr"):
            image = image.convert({"PA": "P", "LA": "L", "La": "L"}.get(image.mode, "RGB"))
        if image.mode == "1":
            image = image.convert("L")
        values = np.asarray(image)
    except _DAMAGED as error:
        raise _damaged(source, error) from error
    return values if values.dtype == np.uint8 else values.astype(np.int32)


def header(source: Path | bytes) -> Header:
    """Format, mode and size, from the first bytes alone."""
    try:
        with _parsed(source if isinstance(source, Path) else io.BytesIO(source)) as image:
            height, width = _size(image)
            return Header(image.format or "", image.mode, (height, width))
    except _DAMAGED as error:
        raise _damaged(source, error) from error


def decode_thumbnail(source: Path | bytes, side: int) -> tuple[Header, Tensor]:
    """Its header, and the whole picture averaged down to (3, side, side). All of the file is read."""
    data = _bytes(source)
    try:
        image = _open(data)
        found = Header(image.format or "", image.mode, _size(image))
        image.draft(None, (4 * side, 4 * side))
        pixels = _tensor(_upright(image), "RGB").permute(1, 2, 0).numpy()
        small = Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX)
    except _DAMAGED as error:
        raise _damaged(source, error) from error
    return found, torch.from_numpy(np.array(small)).permute(2, 0, 1)


def decode_centre(
    source: Path | bytes,
    size: tuple[int, int],
    channels: str = "RGB",
    *,
    keep: float = 1.0,
    interpolation: str = "bilinear",
) -> Tensor:
    """(c, *size), resized from `centre_box`; keep = 224/256 is the usual evaluation of ImageNet networks."""
    return _decode_part(
        source, size, channels, interpolation, lambda height, width: centre_box(height, width, size, keep)
    )


def decode_random(
    source: Path | bytes,
    size: tuple[int, int],
    channels: str,
    draws: Sequence[float],
    smallest: float,
    interpolation: str = "bilinear",
) -> Tensor:
    """(c, *size): a random part resized, as `random_box` draws it from numbers of `crop_draws`."""
    return _decode_part(
        source,
        size,
        channels,
        interpolation,
        lambda height, width: random_box(height, width, size, draws, smallest),
    )


def load_picture(source: Path | bytes, preprocessing: Preprocessing) -> Tensor:
    """One picture as the network of this preprocessing expects it before normalisation: (c, h, w) uint8."""
    channels = "L" if preprocessing.channels == "L" else "RGB"
    if preprocessing.size is None:
        return decode(source, channels)
    return decode_centre(
        source,
        preprocessing.size,
        channels,
        keep=preprocessing.keep,
        interpolation=preprocessing.interpolation,
    )


# How it is done, outermost first.


def _decode_part(
    source: Path | bytes,
    size: tuple[int, int],
    channels: str,
    interpolation: str,
    choose: Callable[[int, int], Box],
) -> Tensor:
    data = _bytes(source)
    try:
        image = _open(data)
        box = choose(*_size(image))
        image, shrink = _no_more_than_needed(data, image, box, size)
        left, top = box.left // shrink, box.top // shrink
        columns, rows = box.width // shrink, box.height // shrink
        part = _tensor(_upright(image).crop((left, top, left + columns, top + rows)), channels)
    except _DAMAGED as error:
        raise _damaged(source, error) from error
    if part.shape[1:] == size:
        return part
    return F.interpolate(part[None], size, mode=interpolation, antialias=True)[0]


def _no_more_than_needed(
    data: bytes, image: ImageFile, box: Box, size: tuple[int, int]
) -> tuple[ImageFile, int]:
    """The picture set to decode smaller, and not below the box; how many times smaller: 1, 2, 4 or 8."""
    if image.format != "JPEG":
        return image, 1
    bottom = box.top + box.height + _ROW_MARGIN
    if bottom < image.height and _orientation(image) == 1:
        image = _open(_without_rows_below(data, bottom))
    fits = min(box.height // size[0], box.width // size[1])
    shrink = next((factor for factor in (8, 4, 2) if factor <= fits), 1)
    if shrink > 1:
        image.draft(None, (image.width // shrink, image.height // shrink))
    return image, shrink


def _without_rows_below(data: bytes, rows: int) -> bytes:
    """The same JPEG, its frame header changed to say `rows`: the decoder stops there and skips the rest."""
    position = 2
    while position + 7 <= len(data):
        if data[position + 1] in (0xC0, 0xC1, 0xC2):  # baseline, extended, progressive frame
            return data[: position + 5] + rows.to_bytes(2, "big") + data[position + 7 :]
        filling = data[position + 1] == 0xFF  # any number of these may stand before a marker
        position += 1 if filling else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return data


def _bytes(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _open(data: bytes) -> ImageFile:
    image = _parsed(io.BytesIO(data))
    image.decodermaxblock = max(len(data), 1)  # the whole file at once instead of 64 KiB at a time
    return image


def _parsed(file: Path | io.BytesIO) -> ImageFile:
    try:
        return Image.open(file, formats=FORMATS)
    except _STUMBLED as error:
        raise ValueError("damaged") from error


def _orientation(image: Image.Image) -> int:
    """EXIF's number, 1 for upright. Pillow turns TIFF itself; a damaged note does not spoil a picture."""
    if image.format == "TIFF" or image.info.keys().isdisjoint({"exif", "xmp", "Raw profile type exif"}):
        return 1
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (*_DAMAGED, *_STUMBLED):
        return 1
    return orientation if orientation in _TURNS else 1


def _size(image: Image.Image) -> tuple[int, int]:
    """(height, width) of the upright picture."""
    return (image.width, image.height) if _orientation(image) >= 5 else (image.height, image.width)


def _upright(image: Image.Image) -> Image.Image:
    orientation = _orientation(image)
    try:
        image.load()
    except _STUMBLED as error:
        raise ValueError("damaged") from error
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def _tensor(image: Image.Image, channels: str) -> Tensor:
    if image.mode[0] in "IF":
        image = _eight_bit(image)
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    if image.mode != channels:
        image = image.convert(channels)
    pixels = torch.from_numpy(np.array(image))
    return pixels[None] if channels == "L" else pixels.permute(2, 0, 1)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 bits or more; 32-bit integers are taken for 16-bit ones, floats for [0, 1]."""
    values = np.asarray(image).astype(np.float64)
    white = 1.0 if image.mode[0] == "F" else 65535.0
    if not (values.min() >= 0 and values.max() <= white):
        raise ValueError(f"its {image.mode!r} values reach outside 0…{white:g}")
    return Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8))


def _damaged(source: Path | bytes, error: BaseException) -> BaseException:
    """The error to raise instead; a file that cannot be reached stays an `OSError`."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    where = str(source) if isinstance(source, Path) else "this picture"
    empty = (source.stat().st_size if isinstance(source, Path) else len(source)) == 0
    return InputError(f"{where}: {'the file is empty' if empty else reason(error)}")


def reason(error: BaseException) -> str:
    """What is wrong with a file, in words that say more than the decoder's own."""
    if isinstance(error, UnidentifiedImageError):
        return "not a JPEG, PNG, WebP, BMP, TIFF, GIF or PPM file"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return "it claims to be too large to decode safely"
    text = str(error)
    if any(word in text.lower() for word in ("truncated", "not enough", "unexpected end")):
        return "the file is cut short"
    if any(word in text.lower() for word in ("support", "values reach")):
        return text[0].lower() + text[1:]
    return "the file is damaged"
