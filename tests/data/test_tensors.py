"""One tensor as a source: what is fetched, and its statistics against numpy's in float64."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.data import tensors
from pellucid.data.tensors import InMemory, channel_statistics, class_counts, fingerprint, image_info


def pictures(count: int, channels: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, 5, 4), dtype=torch.uint8, generator=generator)


def test_fetch_gives_the_asked_samples_in_the_asked_order() -> None:
    source = InMemory(pictures(7, 3), torch.arange(7) * 10)
    batch = source.fetch(torch.tensor([6, 0, 6]))
    assert torch.equal(batch.inputs, source.inputs[[6, 0, 6]])
    assert batch.targets.tolist() == [60, 0, 60]
    assert batch.indices.tolist() == [6, 0, 6]
    assert len(source) == 7
    assert not source.streamed


def test_fetch_ignores_keys() -> None:
    source = InMemory(pictures(4, 1), torch.arange(4))
    asked = torch.tensor([1, 2])
    assert torch.equal(source.fetch(asked).inputs, source.fetch(asked, torch.tensor([5, 9])).inputs)


def test_fetch_refuses_a_position_outside_the_split() -> None:
    with pytest.raises(IndexError):
        InMemory(pictures(4, 1), torch.arange(4)).fetch(torch.tensor([4]))


def test_to_moves_both() -> None:
    moved = InMemory(pictures(2, 1), torch.arange(2)).to("meta")
    assert moved.inputs.device.type == moved.targets.device.type == "meta"


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="3 inputs, but 2 targets"):
        InMemory(pictures(3, 1), torch.arange(2))


@settings(deadline=None, max_examples=20)
@given(count=st.integers(1, 40), channels=st.sampled_from([1, 3]), seed=st.integers(0, 99))
def test_statistics_equal_numpy(count: int, channels: int, seed: int) -> None:
    images = pictures(count, channels, seed)
    mean, std = channel_statistics(images)
    reference = images.numpy().astype(np.float64) / 255
    np.testing.assert_allclose(mean, reference.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, reference.std((0, 2, 3)), rtol=1e-12)


def test_statistics_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(23, 3)
    whole = channel_statistics(images)
    monkeypatch.setattr(tensors, "CHUNK_BYTES", 200)
    assert channel_statistics(images) == whole


def test_a_constant_channel_can_be_divided_by() -> None:
    assert channel_statistics(torch.full((3, 1, 2, 2), 51, dtype=torch.uint8)) == ((0.2,), (1.0,))


def test_class_counts() -> None:
    assert class_counts(torch.tensor([0, 2, 2]), 4) == (1, 0, 2, 0)
    assert class_counts(torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]), 3) == (1, 2, 0)


def test_fingerprint_sees_bytes_shape_and_type() -> None:
    a = torch.arange(6, dtype=torch.uint8)
    digests = {
        fingerprint(a),
        fingerprint(a.flip(0)),
        fingerprint(a.view(2, 3)),
        fingerprint(a.view(torch.int8)),
        fingerprint(a, a),
        fingerprint(a[:0]),
    }
    assert len(digests) == 6
    assert fingerprint(a.view(2, 3).t()) == fingerprint(a.view(2, 3).t().contiguous())


def test_fingerprint_is_the_digest_of_little_endian_bytes() -> None:
    content = b"int64(3,)" + struct.pack("<3q", 1, 2, 3)
    assert fingerprint(torch.tensor([1, 2, 3])) == hashlib.sha256(content).hexdigest()


def test_image_info_describes_the_training_split() -> None:
    train = InMemory(pictures(4, 1), torch.tensor([0, 1, 1, 1]))
    test = InMemory(pictures(2, 1, seed=1), torch.tensor([0, 0]))
    info = image_info("noise", ["no", "yes"], {"train": train, "test": test})
    assert info.counts == {"train": 4, "test": 2}
    assert info.class_counts == (1, 3)
    assert info.shape == (1, 5, 4)
    assert info.classes == ("no", "yes")
    assert (info.preprocessing.mean, info.preprocessing.std) == channel_statistics(train.inputs)
    assert info.preprocessing.channels == "L"
    assert info.preprocessing.size == (5, 4)
    assert info.preprocessing.scale == 1 / 255
