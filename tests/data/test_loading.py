"""Which batches come, whatever the workers, processes and restarts; and what happens when a worker fails."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.data.augment import Augmentation
from pellucid.data.loading import (
    Order,
    Pipeline,
    choose_workers,
    evaluation_batches,
    normalise,
    training_batches,
)
from pellucid.data.tensors import InMemory
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

EVERYTHING = Augmentation(
    flip=True, crop=2, colour=0.4, cutout=3, policy="randaugment", mixup=0.4, cutmix=1.0
)
PREPROCESSING = Preprocessing(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))

# A module of its own, as a user's would be: workers import it by name.
SOURCES = """
    import os, signal
    from dataclasses import dataclass
    import torch
    from pellucid.ops.random import uniform
    from pellucid.types.batch import Batch
    from pellucid.types.errors import InputError

    @dataclass(frozen=True)
    class Drawn:
        streamed = True
        count: int
        broken: int = -1
        how: str = ""

        def __len__(self):
            return self.count

        def fetch(self, indices, keys=None):
            if (indices == self.broken).any():
                if self.how == "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise {
                    "input": InputError("sample 17 has no label; remove it"),
                    "file": FileNotFoundError(2, "No such file", "17.png"),
                    "bug": ZeroDivisionError("one over nothing"),
                }[self.how]
            crop = torch.zeros(len(indices)) if keys is None else uniform(keys, 1)[:, 0]
            planes = torch.arange(3 * 64).view(3, 8, 8) + indices.view(-1, 1, 1, 1) * 5
            pictures = (planes + (crop * 255).view(-1, 1, 1, 1)).to(torch.int64) % 256
            return Batch(pictures.to(torch.uint8), indices % 4, indices)

        def to(self, device):
            return self
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("sources")
    (folder / "drawn_sources.py").write_text(textwrap.dedent(SOURCES))
    sys.path.insert(0, str(folder))
    yield __import__("drawn_sources")
    sys.path.remove(str(folder))


def in_memory(count: int = 50) -> InMemory:
    random = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=random)
    return InMemory(inputs, torch.arange(count) % 4)


def pipeline(augmentation: Augmentation | None = EVERYTHING, **settings: Any) -> Pipeline:
    return Pipeline(PREPROCESSING, augmentation, seed=3, classes=4, **settings)


def equal(one: Batch, other: Batch) -> bool:
    pairs = ((one.inputs, other.inputs), (one.targets, other.targets), (one.indices, other.indices))
    return all(torch.equal(a, b) for a, b in pairs)


def epoch_of(order: Order, epoch: int) -> Tensor:
    steps = range(epoch * order.steps_per_epoch, (epoch + 1) * order.steps_per_epoch)
    return torch.cat([order.at(step)[1] for step in steps])


def test_an_epoch_takes_every_sample_once_and_the_next_in_another_order():
    order = Order(count=60, batch=12, seed=1)
    assert order.steps_per_epoch == 5
    first, second = epoch_of(order, 0), epoch_of(order, 1)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(60))
    assert not torch.equal(first, second)
    assert not torch.equal(first, epoch_of(Order(60, 12, seed=2), 0))
    assert [order.at(step)[0] for step in (0, 4, 5, 14)] == [0, 0, 1, 2]


def test_what_does_not_fill_a_batch_is_left_out_but_not_always_the_same():
    order = Order(count=10, batch=4, seed=0)
    assert order.steps_per_epoch == 2
    left_out = [set(range(10)) - set(epoch_of(order, epoch).tolist()) for epoch in range(30)]
    assert all(len(out) == 2 for out in left_out)
    assert set.union(*left_out) == set(range(10))


def test_fewer_samples_than_a_batch_are_one_batch():
    order = Order(count=5, batch=8, seed=0)
    assert order.steps_per_epoch == 1
    assert sorted(order.at(7)[1].tolist()) == list(range(5))
    assert order.at(7)[0] == 7


@pytest.mark.parametrize("world", [2, 3, 7])
def test_processes_share_the_same_global_batch(world):
    whole = Order(count=61, batch=20, seed=4)
    for step in (0, 2, 3, 10):
        shares = [Order(61, 20, 4, rank, world).at(step) for rank in range(world)]
        assert torch.equal(torch.cat([indices for _, indices in shares]), whole.at(step)[1])
        sizes = [len(indices) for _, indices in shares]
        assert max(sizes) - min(sizes) <= 1
        assert {epoch for epoch, _ in shares} == {whole.at(step)[0]}


def test_changing_what_was_handed_out_changes_nothing():
    order = Order(20, 5, 0)
    kept = order.at(1)[1].clone()
    order.at(1)[1].zero_()
    assert torch.equal(order.at(1)[1], kept)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 4, 0), "empty"),
        ((9, 0, 0), "batch-size"),
        ((9, 4, 0, 0, 5), "5 processes cannot share a batch of 4"),
    ],
)
def test_orders_that_cannot_be(arguments, words):
    with pytest.raises(InputError, match=words):
        Order(*arguments)


def test_normalise_is_the_formula():
    batch = in_memory().fetch(torch.arange(6))
    out = normalise(batch, PREPROCESSING).inputs
    mean, std = (
        torch.tensor(n, dtype=torch.float64).view(3, 1, 1) for n in (PREPROCESSING.mean, PREPROCESSING.std)
    )
    assert out.dtype == torch.float32
    assert torch.allclose(out.double(), (batch.inputs.double() / 255 - mean) / std, atol=1e-5)


def test_normalise_puts_blue_first_where_a_network_takes_it_so():
    """One pixel by hand: mean and deviation are in the network's order, the picture stays as it is stored."""
    stored = torch.tensor([[10, 20, 30], [200, 100, 0]], dtype=torch.uint8).view(2, 3, 1, 1)
    caffe = Preprocessing((104.0, 117.0, 123.0), (1.0, 2.0, 4.0), scale=1.0, channels="BGR")
    out = normalise(Batch(stored, torch.zeros(2), torch.arange(2)), caffe).inputs
    assert out.flatten(1).tolist() == [
        [30 - 104, (20 - 117) / 2, (10 - 123) / 4],
        [0 - 104, (100 - 117) / 2, (200 - 123) / 4],
    ]
    assert stored[1].flatten().tolist() == [200, 100, 0]


def test_normalise_tables_feature_by_feature_and_leaves_the_source_alone():
    table = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    preprocessing = Preprocessing(mean=(2.0, 20.0), std=(1.0, 10.0), scale=1.0, channels="")
    out = normalise(Batch(table, torch.zeros(2), torch.arange(2)), preprocessing).inputs
    assert out.tolist() == [[-1.0, -1.0], [1.0, 1.0]]
    assert table[0, 1] == 10


@pytest.mark.parametrize("channels_last", [False, True])
def test_memory_format_is_what_was_asked_for(channels_last):
    flow = training_batches(
        in_memory(), Order(50, 10, 3), 0, 12, pipeline(channels_last=channels_last), "cpu", 0
    )
    for batch in flow:
        assert batch.inputs.is_contiguous(
            memory_format=torch.channels_last if channels_last else torch.contiguous_format
        )


@pytest.mark.parametrize("kind", ["memory", "streamed"])
def test_batches_are_the_same_for_any_workers_and_from_any_step(sources, kind):
    source = in_memory() if kind == "memory" else sources.Drawn(50)
    order = Order(len(source), 12, seed=3)
    whole = list(training_batches(source, order, 0, 14, pipeline(), "cpu", 0))
    assert len(whole) == 14
    for start, workers in ((0, 0), (9, 0), (3, 2), (5, 1)):
        part = list(training_batches(source, order, start, 14, pipeline(), "cpu", workers))
        assert len(part) == 14 - start
        assert all(equal(a, b) for a, b in zip(part, whole[start:], strict=True))
    assert not any(equal(a, b) for a, b in itertools.combinations(whole, 2))


def test_samples_are_cropped_anew_every_epoch_in_training_only(sources):
    source = sources.Drawn(8)
    plain = pipeline(None)
    seen = [b.inputs[b.indices == 3] for b in training_batches(source, Order(8, 8, 0), 0, 5, plain, "cpu", 0)]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(seen, 2))
    centre = normalise(source.fetch(torch.arange(8)), PREPROCESSING).inputs
    (evaluated,) = evaluation_batches(source, 8, pipeline(), "cpu", 0)
    assert torch.equal(evaluated.inputs, centre)


@pytest.mark.parametrize(("workers", "world"), [(0, 1), (0, 3), (2, 2), (0, 60)])
def test_evaluation_counts_every_sample_once(workers, world):
    source = in_memory(50)
    seen: list[int] = []
    for rank in range(world):
        for batch in evaluation_batches(source, 16, pipeline(), "cpu", workers, rank, world):
            assert 0 < len(batch) <= 16
            assert torch.equal(batch.targets, batch.indices % 4)
            seen += batch.indices.tolist()
    assert seen == list(range(50))


def test_nothing_touches_the_global_generators(sources):
    state = torch.get_rng_state()
    with closing(training_batches(sources.Drawn(20), Order(20, 5, 0), 0, 4, pipeline(), "cpu", 1)) as batches:
        next(batches)
    assert torch.equal(torch.get_rng_state(), state)


def test_closing_ends_the_workers(sources):
    gc.collect()
    assert multiprocessing.active_children() == []
    batches = training_batches(sources.Drawn(40), Order(40, 4, 0), 0, 1000, pipeline(), "cpu", 2)
    next(batches)
    assert len(multiprocessing.active_children()) == 2
    batches.close()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("input", InputError, "sample 17 has no label; remove it"),
        ("file", OSError, "[Errno 2] No such file: '17.png'"),
    ],
)
def test_an_error_in_a_worker_is_raised_in_its_own_words(sources, how, kind, message):
    batches = evaluation_batches(sources.Drawn(40, 17, how), 8, pipeline(), "cpu", 2)
    with pytest.raises(kind) as caught:
        list(batches)
    assert str(caught.value) == message
    assert multiprocessing.active_children() == []


def test_a_bug_in_a_worker_keeps_its_type_and_traceback(sources):
    with pytest.raises(ZeroDivisionError, match="one over nothing"):
        list(evaluation_batches(sources.Drawn(40, 17, "bug"), 8, pipeline(), "cpu", 1))


def test_a_worker_that_dies_is_one_clear_error(sources):
    with pytest.raises(OSError, match=r"a process that loads data died .*use fewer workers") as caught:
        list(evaluation_batches(sources.Drawn(40, 17, "killed"), 8, pipeline(), "cpu", 1))
    assert "\n" not in str(caught.value)


MAIN = """
    import itertools, sys
    import torch
    from drawn_sources import Drawn
    from pellucid.data.workers import stream

    if __name__ == "__main__":
        requests = (torch.tensor([n]) for n in itertools.count())
        for batch in stream(Drawn(9).fetch, requests, 2, pin=False):
            print(len(batch), flush=True)
"""


def test_no_process_outlives_a_killed_main_process(sources, tmp_path):
    script = tmp_path / "main.py"
    script.write_text(textwrap.dedent(MAIN))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        process.kill()
        # Its end is read only when everyone who inherited the pipe, workers and their server, is gone.
        process.communicate(timeout=30)


def test_workers_are_chosen_by_cores_and_obeyed_when_given(sources, monkeypatch):
    streamed = sources.Drawn(4)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    for cores, expected in ((1, 0), (2, 1), (4, 3), (64, 8)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: set(range(n)), raising=False)
        assert choose_workers(streamed) == expected
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "16")
    assert choose_workers(streamed) == 3
    assert choose_workers(in_memory()) == 0
    assert choose_workers(in_memory(), 2) == 2
    assert choose_workers(streamed, 0) == 0
    with pytest.raises(InputError, match="workers must be 0 or more, got -1"):
        choose_workers(streamed, -1)


def test_a_pipeline_travels_to_workers_whole():
    assert pickle.loads(pickle.dumps(pipeline())) == pipeline()  # noqa: S301  # our own bytes
