"""Does the automatic precision learn as well as fp32? `python -m bench precision --data FOLDER`

cifar-resnet20 is trained for some epochs on the folder, once in fp32 and once with whatever Pellucid chooses, for several seeds.
The accuracies on the test split agree if their means differ by less than two standard errors of the difference.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Literal

from bench.measure import Options, Turn, Turns, Work, timed
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.models.naming import build_model
from pellucid.ops.random import seed_of
from pellucid.recipes import RECIPES
from pellucid.recipes.recipe import Recipe, expected_by
from pellucid.training.events import Diverged, Evaluated, Started
from pellucid.training.loop import fit
from pellucid.training.settings import HardwareSettings, RecorderSettings
from pellucid.types.errors import InputError

SEEDS, EPOCHS = 3, 5
Precision = Literal["fp32", "auto"]
