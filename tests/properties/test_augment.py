"""What must hold for any augmentation, any batch and any keys."""

from __future__ import annotations

from typing import get_args

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.data.augment import Augmentation, augment_pixels, augment_values, mix
from pellucid.data.policies import Policy
from pellucid.ops.random import keys
from pellucid.types.batch import Batch

augmentations = st.builds(
    Augmentation,
    flip=st.booleans(),
    crop=st.integers(0, 4),
    colour=st.sampled_from([0.0, 0.3, 1.0]),
    cutout=st.integers(0, 6),
    policy=st.sampled_from(get_args(Policy)),
    mixup=st.sampled_from([0.0, 0.2, 2.0]),
    cutmix=st.sampled_from([0.0, 1.0]),
)
shapes = st.tuples(st.integers(1, 9), st.sampled_from([1, 3]), st.integers(7, 17), st.integers(7, 17))


def batch_of(shape: tuple[int, int, int, int], seed: int) -> Batch:
    random = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
    return Batch(inputs, torch.arange(shape[0]) % 4, torch.arange(shape[0]))


@settings(max_examples=40, deadline=None)
@given(augmentations, shapes, st.integers(0, 2**40))
def test_shapes_types_inputs_and_the_global_generator_are_kept(augmentation, shape, seed):
    batch = batch_of(shape, seed)
    before, state = batch.inputs.clone(), torch.get_rng_state()
    own = keys(seed, 1, batch.indices)
    out = augment_pixels(batch, augmentation, own)
    assert (out.inputs.shape, out.inputs.dtype) == (batch.inputs.shape, torch.uint8)
    floats = Batch(out.inputs.float(), out.targets, out.indices)
    kept = floats.inputs.clone()
    mixed = mix(augment_values(floats, augmentation, own), augmentation, seed, 4)
    assert mixed.inputs.shape == batch.inputs.shape
    assert mixed.targets.shape == ((shape[0], 4) if augmentation.mixes else (shape[0],))
    assert mixed.inputs.min() >= 0
    assert mixed.inputs.max() <= 255.001
    assert torch.equal(batch.inputs, before)
    assert torch.equal(floats.inputs, kept)
    assert torch.equal(torch.get_rng_state(), state)


@settings(max_examples=40, deadline=None)
@given(augmentations, shapes, st.integers(0, 2**40), st.randoms(use_true_random=False))
def test_what_a_sample_becomes_does_not_depend_on_its_batch(augmentation, shape, seed, random):
    batch = batch_of(shape, seed)
    own = keys(seed, 0, batch.indices)
    whole = augment_pixels(batch, augmentation, own)
    floats = augment_values(Batch(whole.inputs.float(), None, batch.indices), augmentation, own)
    order = list(range(shape[0]))
    random.shuffle(order)
    part = torch.tensor(order[: max(1, len(order) // 2)])
    some = augment_pixels(Batch(batch.inputs[part], batch.targets[part], part), augmentation, own[part])
    assert torch.equal(some.inputs, whole.inputs[part])
    again = augment_values(Batch(some.inputs.float(), None, part), augmentation, own[part])
    assert torch.equal(again.inputs, floats.inputs[part])


@settings(max_examples=20, deadline=None)
@given(shapes, st.integers(0, 2**40))
def test_switching_one_on_leaves_the_draws_of_the_others(shape, seed):
    batch = batch_of(shape, seed)
    own = keys(seed, 0, batch.indices)
    flipped = augment_pixels(batch, Augmentation(flip=True), own)
    cut = Augmentation(cutout=3)
    with_flip = augment_values(Batch(flipped.inputs.float() + 1, None, batch.indices), cut, own)
    without = augment_values(Batch(batch.inputs.float() + 1, None, batch.indices), cut, own)
    assert torch.equal(with_flip.inputs == 0, without.inputs == 0)
