"""Decoding against Pillow's own conversions, torchvision's resizing, and arithmetic done by hand."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tvf

from pellucid.data import decode as module
from pellucid.data.crops import centre_box, crop_draws, random_box
from pellucid.data.decode import decode, decode_centre, decode_random, decode_thumbnail, header, load_picture
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError


def photo(height: int, width: int, seed: int = 0) -> Image.Image:
    """Smooth colours, as in a photograph, so that lossy formats stay close to it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def stored(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.permute(1, 2, 0).numpy()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_give_the_pixels_back(kind: str) -> None:
    image = photo(13, 17)
    assert np.array_equal(array(decode(stored(image, kind))), np.asarray(image))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_come_close(kind: str) -> None:
    image = photo(40, 48)
    difference = array(decode(stored(image, kind, quality=95))).astype(int) - np.asarray(image)
    assert np.abs(difference).mean() < 3


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pixels = decode(stored(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert pixels[:, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = stored(photo(24, 40), kind, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert np.array_equal(array(decode(data)), expected)
    assert header(data).size == expected.shape[:2]
    middle = decode_centre(data, (8, 8))
    alone = decode_centre(stored(Image.fromarray(expected), "PNG"), (8, 8))
    assert (middle.int() - alone.int()).abs().float().mean() < 3


def test_transparent_parts_are_over_white() -> None:
    image = Image.new("RGBA", (2, 1))
    image.putpixel((0, 0), (10, 20, 30, 255))
    image.putpixel((1, 0), (10, 20, 30, 51))  # a fifth of it, four fifths of white
    pixels = decode(stored(image, "PNG"))
    assert pixels[:, 0, 0].tolist() == [10, 20, 30]
    assert pixels[:, 0, 1].tolist() == [206, 208, 210]


def test_a_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 200, 100, 50] + [0] * 762)
    image.putpixel((1, 0), 1)
    pixels = decode(stored(image, "PNG", transparency=0))
    assert pixels[:, 0].T.tolist() == [[255, 255, 255], [200, 100, 50]]


def test_grey_with_alpha_and_one_bit() -> None:
    image = Image.new("LA", (1, 1), (100, 0))
    assert decode(stored(image, "PNG"), "L").tolist() == [[[255]]]
    bits = Image.new("1", (2, 1))
    bits.putpixel((1, 0), 1)
    assert decode(stored(bits, "PNG"), "L").tolist() == [[[0, 255]]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    values = np.array([[0, 257, 32896, 65535, 1000]], dtype=np.uint16)
    pixels = decode(stored(Image.fromarray(values), kind), "L")
    assert pixels.flatten().tolist() == [0, 1, 128, 255, round(1000 / 257)]


def test_floats_outside_their_range_have_no_known_white() -> None:
    data = stored(Image.fromarray(np.array([[0.0, 2.0]], dtype=np.float32)), "TIFF")
    with pytest.raises(InputError, match="reach outside 0…1"):
        decode(data)


def test_cmyk_becomes_colour() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = decode(stored(image, "JPEG", quality=100))[:, 8, 8].int()
    assert red[0] > 240
    assert red[1:].max() < 15


def test_grey_from_colour_is_pillows() -> None:
    image = photo(9, 9)
    assert np.array_equal(decode(stored(image, "PNG"), "L")[0].numpy(), np.asarray(image.convert("L")))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello, world", "not a JPEG"),
        (stored(photo(64, 64), "JPEG")[:700], "cut short"),
        (stored(photo(64, 64), "PNG")[:300], "cut short"),
        (stored(photo(64, 64), "JPEG").replace(b"\xff\xdb", b"\xff\xfe"), "damaged"),
    ],
    ids=["empty", "text", "short JPEG", "short PNG", "JPEG without its tables"],
)
def test_a_broken_file_is_named_with_its_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    for read in (decode, lambda path: decode_centre(path, (8, 8)), lambda path: decode_thumbnail(path, 4)):
        with pytest.raises(InputError, match=reason) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "none.jpg")


def test_a_picture_that_claims_to_be_huge_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(InputError, match="too large"):
        decode(stored(photo(8, 8), "PNG"))


def test_a_large_picture_says_nothing_on_the_terminal(tmp_path: Path) -> None:
    Image.new("1", (10000, 9000)).save(tmp_path / "large.png")  # more than Pillow warns of
    code = (
        "import sys; from pathlib import Path; from pellucid.data.decode import decode, header;"
        "print(header(Path(sys.argv[1])).size, tuple(decode(Path(sys.argv[1]), 'L').shape))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "large.png")], capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("(9000, 10000) (1, 9000, 10000)\n", "")


@pytest.mark.parametrize("error", [TypeError, KeyError, MemoryError])
def test_a_mistake_of_ours_is_no_damaged_file(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def mistaken(*_: object) -> torch.Tensor:
        raise error

    monkeypatch.setattr(module, "_tensor", mistaken)
    with pytest.raises(error):
        decode(stored(photo(8, 8), "PNG"))


def test_only_picture_formats_are_opened() -> None:
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"
    with pytest.raises(InputError, match="not a JPEG"):
        decode(eps)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_rows_below_a_crop_are_not_needed(progressive: bool, subsampling: int) -> None:
    data = stored(photo(400, 200), "JPEG", progressive=progressive, subsampling=subsampling)
    whole = decode(data)
    part = Image.open(io.BytesIO(module._without_rows_below(data, 132)))
    assert part.size == (200, 132)
    assert np.array_equal(np.asarray(part)[:100], array(whole)[:100])


def test_a_jpeg_with_fill_bytes_before_its_markers() -> None:
    data = stored(photo(400, 200), "JPEG")
    filled = data.replace(b"\xff\xdb\x00", b"\xff\xff\xff\xdb\x00").replace(
        b"\xff\xc0\x00", b"\xff\xff\xc0\x00"
    )
    assert len(filled) > len(data)
    draws = [0.02, 0.5, 0.2, 0.05] * 10
    assert random_box(400, 200, (32, 32), draws, 0.01).top < 100
    assert Image.open(io.BytesIO(module._without_rows_below(filled, 132))).size == (200, 132)
    assert torch.equal(
        decode_random(filled, (32, 32), "RGB", draws, 0.01), decode_random(data, (32, 32), "RGB", draws, 0.01)
    )


def test_a_crop_is_the_same_whether_or_not_the_rest_is_decoded() -> None:
    image = photo(400, 300)
    draws = [0.1, 0.5, 0.2, 0.05] * 10
    box = random_box(400, 300, (32, 32), draws, 0.01)
    assert box.top + box.height < 300
    assert min(box.width, box.height) < 2 * 64  # so that it is not read smaller
    jpeg = stored(image, "JPEG")
    lossless = stored(Image.open(io.BytesIO(jpeg)), "PNG")
    assert torch.equal(
        decode_random(jpeg, (64, 64), "RGB", draws, 0.01),
        decode_random(lossless, (64, 64), "RGB", draws, 0.01),
    )


def test_a_large_jpeg_is_read_smaller_but_never_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    data = stored(photo(640, 800), "JPEG", quality=95)
    seen: list[tuple[int, int]] = []
    tensor = module._tensor

    def watched(image: Image.Image, channels: str) -> torch.Tensor:
        seen.append((image.height, image.width))
        return tensor(image, channels)

    monkeypatch.setattr(module, "_tensor", watched)
    small = decode_centre(data, (100, 100))
    assert seen == [(160, 160)]  # a quarter of 640: an eighth would be fewer than asked for
    full = tvf.resize(decode(data)[:, :, 80:720], [100, 100], antialias=True)
    assert (small.int() - full.int()).abs().float().mean() < 1


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_centre_equals_torchvisions_protocol(interpolation: str) -> None:
    image = photo(300, 400)
    ours = decode_centre(stored(image, "PNG"), (224, 224), keep=224 / 256, interpolation=interpolation)
    mode = v2.InterpolationMode(interpolation)
    usual = v2.Compose([v2.Resize(256, mode, antialias=True), v2.CenterCrop(224), v2.PILToTensor()])(image)
    assert (ours.int() - usual.int()).abs().float().mean() < 1


@pytest.mark.parametrize(("height", "width"), [(10, 10), (7, 31), (100, 3)])
@pytest.mark.parametrize("size", [(5, 5), (8, 16), (64, 64)])
def test_boxes_lie_in_the_picture(height: int, width: int, size: tuple[int, int]) -> None:
    boxes = [centre_box(height, width, size, keep) for keep in (1.0, 0.875)]
    for draws in crop_draws(torch.arange(200)).tolist():
        boxes.append(random_box(height, width, size, draws, 0.08))
    for box in boxes:
        assert box.left >= 0
        assert box.top >= 0
        assert box.width >= 1
        assert box.height >= 1
        assert box.left + box.width <= width
        assert box.top + box.height <= height


def test_random_boxes_are_distributed_as_torchvisions() -> None:
    ours = np.array(
        [
            (box.left, box.top, box.width, box.height)
            for box in (
                random_box(375, 500, (224, 224), draws, 0.08)
                for draws in crop_draws(torch.arange(3000)).tolist()
            )
        ]
    )
    torch.manual_seed(0)
    crop = v2.RandomResizedCrop(224)
    blank = torch.zeros(3, 375, 500)
    made = [crop.make_params([blank]) for _ in range(3000)]
    theirs = np.array([(p["left"], p["top"], p["width"], p["height"]) for p in made])
    assert np.allclose(ours.mean(0), theirs.mean(0), rtol=0.05)
    assert np.allclose(ours.std(0), theirs.std(0), rtol=0.06)


def test_a_crop_is_a_function_of_its_key_alone() -> None:
    keys = torch.tensor([5, 9, 5])
    draws = crop_draws(keys)
    assert torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[1])
    assert torch.equal(crop_draws(keys[1:2])[0], draws[1])


def test_thumbnail_is_the_average(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    photo(32, 64).save(path)
    head, small = decode_thumbnail(path, 8)
    assert (head.format, head.mode, head.size) == ("PNG", "RGB", (32, 64))
    expected = torch.nn.functional.adaptive_avg_pool2d(decode(path).float(), 8)
    assert (small - expected).abs().max() <= 1


def test_load_picture_prepares_as_the_preprocessing_says(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    photo(32, 64).save(path)
    grey = load_picture(path, Preprocessing((0.5,), (0.5,), channels="L", size=(16, 16)))
    assert torch.equal(grey, decode_centre(path, (16, 16), "L"))
    colour = load_picture(path, Preprocessing((0.5,) * 3, (0.5,) * 3))
    assert torch.equal(colour, decode(path))
