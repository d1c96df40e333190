"""Small data sets on disk for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeFolder = Callable[[Mapping[str, int]], Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Makes folders of different smooth PNG pictures, 20 × 24: {"train/cat": 3} has 000.png to 002.png."""

    def make(counts: Mapping[str, int]) -> Path:
        for number, (folder, count) in enumerate(counts.items()):
            (tmp_path / folder).mkdir(parents=True)
            for index in range(count):
                coarse = np.random.default_rng((number, index)).integers(0, 256, (4, 5, 3), dtype=np.uint8)
                picture = Image.fromarray(coarse).resize((24, 20), Image.Resampling.BICUBIC)
                picture.save(tmp_path / folder / f"{index:03d}.png")
        return tmp_path

    return make


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data beside the checkout (../shared/data)")
    return folder
