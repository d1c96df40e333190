"""Which up-samplings draw patterns of their own, before any training.

One network with each of them: a decoder that doubles a small map several times, with a rectifier after each,
and gives some maps in the end. Every pixel of what it gets is the same, so that whatever is not the same in
what it gives, away from the edges, is the decoder's own. Odena, Dumoulin & Olah, "Deconvolution and
checkerboard artifacts", Distill 2016.

What the decoder repeats lies, in the spectrum of its output, at the frequencies of its strides: once in
2^steps pixels, and the multiples of that. Of an output's energy the share there, without its mean, is the
*checkerboard*; the share at all other frequencies is uneven, but no pattern. Energies are summed over the
maps of several networks before they are divided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.blocks.upsample import UPSAMPLINGS, MakeUpsampling, SubPixel, Transposed
from pellucid.inspection.cost import parameter_count
from pellucid.ops.random import seed_of
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError, unknown_name
from pellucid.views.contents import Table
from pellucid.views.upsampling import Response, responses

MAPS = 4  # that each decoder gives
SIDE = 16  # of the map that it gets
EDGE = 4  # pixels of that map on each side under which the output is not looked at
PERIODS = 4  # of the slowest pattern that are shown


@dataclass(frozen=True)
class Pattern:
    """What the decoders with one up-sampling give. `checkerboard` and `other` are shares of energy in [0, 1];
    `contributions` are how many input pixels the least and the most favoured output pixel of one step gets,
    None where these are the same by construction. `response` (h, w) is a map in units of its root mean
    square.
    """

    upsampling: str
    parameters: int
    contributions: tuple[int, int] | None
    checkerboard: float
    other: float
    response: NDArray[np.float64]


def careless_sub_pixel(inputs: int, outputs: int) -> SubPixel:
    """A sub-pixel convolution whose four maps begin independently, as they did before ICNR."""
    block = SubPixel(inputs, outputs)
    block.conv.reset_parameters()
    return block


STUDIED: dict[str, MakeUpsampling] = {**UPSAMPLINGS, "sub-pixel-careless": careless_sub_pixel}


@dataclass(frozen=True)
class UpsamplingStudy(Study):
    upsampling: tuple[str, ...] = tuple(STUDIED)
    """Which up-samplings; sub-pixel-careless begins without ICNR."""
    steps: int = 3
    """How often the decoder doubles its map, from 1 to 5."""
    width: int = 16
    """Channels of its maps."""
    networks: int = 16
    """How many decoders of each kind are averaged over."""
    seed: int = 0
    """The one seed of all weights and inputs."""

    def run(self) -> Findings:
        for name in self.upsampling:
            if name not in STUDIED:
                raise unknown_name("up-sampling", name, STUDIED)
        if not self.upsampling:
            raise InputError("--upsampling needs at least one name")
        if not 1 <= self.steps <= 5 or self.width < 1 or self.networks < 1:
            raise InputError(
                f"expected 1 to 5 steps, and a width and networks from 1 on; got {self.steps}, {self.width} "
                f"and {self.networks}"
            )
        return _told(self, [pattern(self, name) for name in self.upsampling])


class Decoder(nn.Module):
    """(b, c, h, w) → (b, `MAPS`, 2^steps · h, 2^steps · w). Biases, which are the same everywhere, begin as
    0. Unpooling gets the switches of a pooling of noise.
    """

    def __init__(self, make: MakeUpsampling, *, steps: int, width: int) -> None:
        super().__init__()
        self.ups = nn.ModuleList(make(width, width) for _ in range(steps))
        self.head = nn.Conv2d(width, MAPS, 1)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        for up in self.ups:
            height, width = x.shape[-2:]
            noise = torch.rand(*x.shape[:2], 2 * height, 2 * width)
            x = up(x, F.max_pool2d(noise, 2, return_indices=True)[1]).relu()
        maps: Tensor = self.head(x)
        return maps


@torch.no_grad()
def pattern(study: UpsamplingStudy, name: str) -> Pattern:
    """Measure one up-sampling."""
    period = 2**study.steps
    with torch.random.fork_rng(devices=[]):
        found = [_maps(study, name, number) for number in range(study.networks)]
        count = parameter_count(Decoder(STUDIED[name], steps=study.steps, width=study.width))
        overlap = contributions(STUDIED[name])
    energies = sum((shares(maps, period) for maps in found), np.zeros(3))
    _, checkerboard, other = energies / energies.sum()
    first = found[0][0]
    window = (first / first.square().mean().sqrt())[: PERIODS * period, : PERIODS * period]
    return Pattern(name, count, overlap, float(checkerboard), float(other), window.numpy())


def _maps(study: UpsamplingStudy, name: str, number: int) -> Tensor:
    """What decoder `number` gives away from the edges, (`MAPS`, s, s)."""
    torch.manual_seed(seed_of(study.seed, number))
    decoder = Decoder(STUDIED[name], steps=study.steps, width=study.width)
    given = torch.rand(1, study.width, 1, 1).expand(-1, -1, SIDE, SIDE)
    edge = EDGE * 2**study.steps
    return decoder(given)[0, :, edge:-edge, edge:-edge].double()


def shares(maps: Tensor, period: int) -> NDArray[np.float64]:
    """The energy of maps (n, s, s), where s is a multiple of `period`: of their means, of what repeats every
    `period` pixels, and the rest.
    """
    spectrum = torch.fft.fft2(maps).abs().square().sum(0) / maps[0].numel()
    lines = maps.shape[-1] // period
    repeated = spectrum[::lines, ::lines].sum()
    mean = spectrum[0, 0]
    parts = (mean, repeated - mean, spectrum.sum() - repeated)
    return np.array([max(0.0, float(part)) for part in parts])  # rounding makes zeros negative


def contributions(make: MakeUpsampling) -> tuple[int, int] | None:
    """How many input pixels an output pixel of a transposed convolution gets, at least and at most."""
    block = make(1, 1)
    if not isinstance(block, Transposed):
        return None
    block.conv.weight.data.fill_(1)
    nn.init.zeros_(block.conv.get_parameter("bias"))
    ones = torch.ones(1, 1, 8, 8)
    counts = block(ones, ones)[..., 4:-4, 4:-4].detach()
    return int(counts.min()), int(counts.max())


def _told(study: UpsamplingStudy, found: Sequence[Pattern]) -> Findings:
    rows = tuple(
        (
            each.upsampling,
            f"{each.parameters:,}",
            None if each.contributions is None else "–".join(map(str, dict.fromkeys(each.contributions))),
            round(100 * each.checkerboard, 2),
            round(100 * each.other, 2),
        )
        for each in found
    )
    columns = ("up-sampling", "parameters", "contributions", "checkerboard, %", "other, %")
    caption = (
        "Per cent of the output's energy: at the frequencies of the strides, and elsewhere; the rest is the "
        "mean. Contributions: how many input pixels an output pixel of one transposed convolution gets."
    )
    return Findings(
        "What up-sampling draws by itself",
        f"Decoders that double a map {study.steps} times, {study.width} channels wide, before any training: "
        f"what {study.networks} of each kind make of an input that is the same everywhere, with seed "
        f"{study.seed}.",
        Table(columns, rows, caption),
        responses([Response(each.upsampling, each.response, each.checkerboard) for each in found]),
        {**asdict(study), "patterns": [_numbers(each) for each in found]},
        heading="In a picture",
    )


def _numbers(pattern: Pattern) -> dict[str, Any]:
    return {**asdict(pattern), "response": pattern.response.tolist()}


STUDIES: dict[str, type[Study]] = {"upsampling": UpsamplingStudy}
