"""How many samples of the generated world one core renders in a second, with every map. Aim: 2,000 at 64².

python bench/shapes_throughput.py [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from pellucid.data.shapes_render import render
from pellucid.data.shapes_scene import layouts

SIZES = (32, 64, 128, 256, 512)
SECONDS = 0.2  # a round; the sizes take turns, so that a busy machine slows all alike
ROUNDS = 9


def samples_per_second(size: int, start: int) -> float:
    """Processor time of this thread alone, so that other programs count as little as possible."""
    count = 0
    begin = time.thread_time()
    while (spent := time.thread_time() - begin) < SECONDS:
        indices = torch.arange(start + count, start + count + 20)
        for layout in layouts(0, indices):
            scene = render(layout, size)
            _ = scene.semantic, scene.panoptic
        count += len(indices)
    return count / spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    out = parser.parse_args().json
    torch.set_num_threads(1)
    samples_per_second(64, 0)  # the noise tile and the colours are made once
    rates: dict[int, list[float]] = {size: [] for size in SIZES}
    for number in range(ROUNDS):
        for size in SIZES:
            rates[size].append(samples_per_second(size, 10_000 * number))
    print(f"{'size':>6}{'median':>10}{'best':>10}   samples/s on one core")
    for size, rate in rates.items():
        print(f"{size:>5}²{statistics.median(rate):>10,.0f}{max(rate):>10,.0f}")
    if out:
        out.write_text(json.dumps({str(size): statistics.median(rate) for size, rate in rates.items()}))


if __name__ == "__main__":
    main()
