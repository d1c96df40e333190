"""Operations on batches of stored pictures: (b, 1 or 3, h, w) uint8 in, the same out, without state.

Every amount is a tensor (b,) with one number a picture, on the CPU or with the pictures, so a whole batch is
worked on at once whatever was drawn for each. Values are clamped to [0, 255] and truncated, as torchvision's
kernels do. "Grey" is the ITU-R 601 luma.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA = (0.2989, 0.587, 0.114)


def shift_and_flip(
    images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, *, padding: int, fill: int
) -> Tensor:
    """Cut each picture's own window out of the padded picture, then mirror some of them left to right.

    `images` is (b, …, h, w) of any type, `top` and `left` (b,) int64 in [0, 2 · padding] (both `padding`: the
    picture itself), `mirrored` (b,) bool. What lies outside is `fill`.
    """
    height, width = images.shape[-2:]
    if padding:
        windows = F.pad(images, (padding,) * 4, value=fill).unfold(-2, height, 1).unfold(-2, width, 1)
        batch, top, left = (part.to(images.device) for part in (torch.arange(len(images)), top, left))
        images = windows[batch, ..., top, left, :, :]
    # Taking rows from the pictures and their mirror images is many times faster than `where` on bytes.
    rows = torch.arange(len(images), device=mirrored.device) + len(images) * mirrored
    return torch.cat([images, images.flip(-1)]).index_select(0, rows.to(images.device))


def translate(images: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Move by whole pixels; black comes in."""
    height, width = images.shape[-2:]
    moves = zip(right.clamp(-width, width).tolist(), down.clamp(-height, height).tolist(), strict=True)
    return torch.stack(
        [F.pad(picture, (x, -x, y, -y)) for picture, (x, y) in zip(images, moves, strict=True)]
    )


def affine(images: Tensor, matrix: Tensor) -> Tensor:
    """Nearest-neighbour resampling; outside is black.

    `matrix` (b, 2, 3) takes an output pixel's (column, row, 1) to the (column, row) it is read from.
    """
    height, width = images.shape[-2:]
    matrix = matrix.to(torch.float32).to(images.device)[..., None]  # (b, 2, 3, 1)
    columns, rows = (
        torch.arange(size, dtype=torch.float32, device=images.device) for size in (width, height)
    )
    # (b, 2, h, w): the part that depends on the column, plus the part that depends on the row
    source = (matrix[:, :, 0] * columns + matrix[:, :, 2])[:, :, None, :] + (matrix[:, :, 1] * rows)[
        ..., None
    ]
    x, y = source.round_().unbind(1)
    # A black border of one pixel takes every read from outside.
    position = (y.clamp_(-1, height).int() + 1).mul_(width + 2).add_(x.clamp_(-1, width).int() + 1)
    flat = F.pad(images, (1, 1, 1, 1)).flatten(2)
    index = position.long().flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return flat.gather(2, index).view(images.shape)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """0 is black, 1 the picture itself."""
    return _stored(images.float() * _each(factor, images))


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """0 is the grey picture, 1 the picture itself."""
    if images.shape[1] == 1:
        return images.clone()
    values = images.float()
    return _stored(_blend(values, _grey(values).floor_(), factor))


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """0 is the picture's mean grey everywhere, 1 the picture itself."""
    values = images.float()
    grey = _grey(values).floor_()
    return _stored(_blend(values, grey.copy_(grey.mean((-3, -2, -1), keepdim=True)), factor))


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """0 is the picture smoothed by [[1, 1, 1], [1, 5, 1], [1, 1, 1]] / 13, 1 itself; its border is kept."""
    width = images.shape[-1]
    if min(images.shape[-2:]) <= 2:
        return images.clone()
    values = images.float()
    smooth = values.clone()
    # Sums over the flattened batch run at full speed; what they mix up at the borders is put back.
    flat, inner = values.flatten(), smooth.view(-1)[width + 1 : -width - 1]
    down = (flat[: -2 * width] + flat[width:-width]).add_(flat[2 * width :])
    torch.add(down[:-2], down[1:-1], out=inner)
    inner.add_(down[2:]).add_(flat[width + 1 : -width - 1], alpha=4).mul_(1 / 13).round_()
    for edge in (0, -1):
        smooth[..., edge, :], smooth[..., edge] = values[..., edge, :], values[..., edge]
    return _stored(values.addcmul_(smooth.sub_(values), _each(1 - factor, values)))


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the `bits` (0…8) highest bits of every value."""
    mask = (255 << (8 - bits.to(torch.int64))) & 255
    return images & mask.to(torch.uint8).to(images.device)[:, None, None, None]


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert the values that are `threshold` (0…255) or more."""
    limit = threshold.ceil().to(torch.int16).to(images.device)
    above = images.to(torch.int16) - limit[:, None, None, None]
    # The sign, shifted over all bits, is 0 where the value is inverted and −1 elsewhere.
    return images ^ above.bitwise_right_shift_(15).bitwise_not_().to(torch.uint8)


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel to [0, 255]; a constant channel stays."""
    low, high = (extreme.float() for extreme in (images.amin((2, 3), True), images.amax((2, 3), True)))
    flat = low == high
    scale = torch.where(flat, 1.0, (high - low) * (1 / 255))
    return _stored(images.float().sub_(torch.where(flat, 0.0, low)).div_(scale))


def equalize(images: Tensor) -> Tensor:
    """Flatten each channel's histogram by Pillow's integer rule."""
    batch, channels = images.shape[:2]
    start = torch.arange(0, batch * channels * 256, 256, dtype=torch.int32, device=images.device)
    position = (images.to(torch.int32) + start.view(batch, channels, 1, 1)).flatten()
    histogram = torch.bincount(position, minlength=batch * channels * 256).view(-1, 256)
    cumulative = histogram.cumsum(1)
    last = histogram.gather(1, cumulative.argmax(1, keepdim=True))  # how many have the highest value
    step = (cumulative[:, -1:] - last) // 255
    table = (cumulative - histogram + step // 2) // step.clamp(min=1)
    table = torch.where(step > 0, table.clamp_(0, 255), torch.arange(256, device=images.device))
    return table.to(torch.uint8).flatten().index_select(0, position).view(images.shape)


def invert(images: Tensor) -> Tensor:
    return images.bitwise_not()


def jitter(images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """All three at once: each is linear and they commute, so only the end is clamped and rounded.

    x → β (γ (σ x + (1 − σ) g) + (1 − γ) m), with g the pixel's grey and m the picture's mean grey.
    """
    values = images.float()
    beta, gamma, sigma = (_each(f, images) for f in (brightness, contrast, saturation))
    grey = _grey(values)
    mean = grey.mean((-3, -2, -1), keepdim=True)
    grey = grey * (beta * gamma * (1 - sigma)) + mean * (beta * (1 - gamma))
    return _stored(values.mul_(beta * gamma * sigma).add_(grey).round_())


def _each(amount: Tensor, images: Tensor) -> Tensor:
    # In this order: not every device has float64.
    return amount.to(torch.float32).to(images.device)[:, None, None, None]


def _grey(values: Tensor) -> Tensor:
    """(b, 1 or 3, h, w) float → (b, 1, h, w), a new tensor."""
    if values.shape[1] == 1:
        return values.clone()
    red, green, blue = (values[:, i : i + 1] for i in range(3))
    return (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])


def _blend(values: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return values.mul_(_each(factor, values)).addcmul_(other, _each(1 - factor, values))


def _stored(values: Tensor) -> Tensor:
    # By way of int16, for which there are vector instructions.
    return values.clamp_(0, 255).to(torch.int16).to(torch.uint8)
