"""A unit as the page shows it: its numbers lie where they are said to, on the maps they came from."""

from __future__ import annotations

import io

import PIL.Image
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.inspection.looking import Looking
from pellucid.studio.maps import layer_info, maps_of, sheet_of
from pellucid.studio.schemas.seeing import KernelRow
from pellucid.studio.units import unit_info


class Everything(nn.Module):
    """Convolutions of several kinds, pooling, attention over tokens with one before them, a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.wide = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(8, 16, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(self.pool(self.wide(self.conv(x))))
        tokens = torch.cat([self.token, x.flatten(2).transpose(1, 2)], 1)
        tokens = self.norm(tokens)
        tokens = tokens + F.scaled_dot_product_attention(tokens, tokens, tokens)
        pooled: Tensor = self.head(tokens[:, 0])
        return pooled


@pytest.fixture(scope="module")
def looking() -> Looking:
    torch.manual_seed(0)
    return Looking(Everything().eval(), torch.randn(1, 3, 12, 12))


@pytest.mark.parametrize(
    "address",
    [
        "conv[1, 0, 0]", "wide[5, 3, 7]", "wide[5, 0, 0]", "pool[2, 1, 4]", "up[3, 4, 5]",
        "norm[2, 9]", ":scaled_dot_product_attention[3, 4]", "head[2]", ":add[1, 6]",
    ],
)  # fmt: skip
def test_each_number_lies_at_its_spot(looking: Looking, address: str) -> None:
    unit = unit_info(looking, address)
    assert unit.agrees
    found = 0
    for operand in unit.operands:
        maps = maps_of(looking, operand.reads) if operand.reads else None
        for row in operand.rows:
            assert len(row.spots) == (len(row.values) if operand.reads else 0)
            for value, (channel, y, x) in zip(row.values, row.spots, strict=False):
                if channel < 0:
                    continue  # a token that lies on no map
                assert maps is not None
                inside = 0 <= y < maps.shape[1] and 0 <= x < maps.shape[2]
                assert value == pytest.approx(float(maps[channel, y, x]) if inside else 0.0, abs=1e-5)
                found += inside
    assert found > 0


def test_a_token_before_the_grid_lies_on_no_map(looking: Looking) -> None:
    for operand in unit_info(looking, "norm[2, 0]").operands:
        assert {tuple(spot) for row in operand.rows for spot in row.spots} == {(-1, -1, -1)}


def places(row: KernelRow) -> list[tuple[int, int]]:
    return [(y, x) for _, y, x in row.spots]


def test_a_window_goes_on_into_the_padding(looking: Looking) -> None:
    corner = unit_info(looking, "wide[5, 0, 0]").operands[0].rows[0]
    assert places(corner) == [(y, x) for y in (-2, 0, 2) for x in (-2, 0, 2)]
    assert [bool(source) for source in corner.sources] == [False] * 4 + [True, True, False, True, True]


def test_a_window_of_one_channel_is_one_row(looking: Looking) -> None:
    (window,) = unit_info(looking, "pool[2, 1, 4]").operands
    assert [len(row.values) for row in window.rows] == [4]
    assert places(window.rows[0]) == [(2, 8), (2, 9), (3, 8), (3, 9)]


class Affinity(nn.Module):
    """Tokens that are alike: a tensor without channels on the way, and one that is long and thin."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        alike = (tokens @ tokens.transpose(1, 2)).softmax(-1)
        return (alike @ tokens).transpose(0, 1).mean((0, 1))


def test_a_tensor_without_channels_is_seen_down_to_its_units() -> None:
    looking = Looking(Affinity(), torch.randn(1, 3, 12, 12))
    maps = maps_of(looking, ":softmax")
    assert maps.shape == (1, 144, 144)
    info = layer_info(looking, ":softmax", maps)
    assert (info.channelled, info.extent) == (False, [144, 144])
    assert looking.channel(":softmax[0]").strongest.count(",") == 1
    unit = unit_info(looking, ":softmax[5, 7]")
    assert unit.agrees
    assert unit.value == pytest.approx(float(maps[0, 5, 7]))
    thin = maps_of(looking, ":transpose#2")
    assert PIL.Image.open(io.BytesIO(sheet_of(thin))).size[0] > 0


def test_rows_can_be_kept(looking: Looking) -> None:
    kept = unit_info(looking, "head[2]", [3, 1, 99]).operands[0]
    assert [row.row for row in kept.rows] == [1, 3]
    assert kept.rest + sum(row.sum for row in kept.rows) == pytest.approx(sum(kept.sums))


def test_attention_tells_what_leads_to_its_weights(looking: Looking) -> None:
    row = unit_info(looking, ":scaled_dot_product_attention[3, 4]").operands[0].rows[0]
    assert list(row.leads) == ["q · k", "scaled", "score"]
    assert row.leads["scaled"][0] == pytest.approx(row.leads["q · k"][0] / 4)
