import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.data.dataset import ShardDataset, collate, epoch_batches, ordered_batches
from fer_core.data.sample import Sample, one_hot
from fer_core.data.shards import Shard, build_shard, encode_crop
from fer_core.data.transforms import Augmentation
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.labels import ACTION_UNITS, EXPRESSIONS


def made_shard(name: str, train: int, test: int, level: int) -> Shard:
    rng = np.random.default_rng(level)
    samples, jpegs = [], []
    for i in range(train + test):
        va = np.array([level / 100, i / 100], np.float32)
        samples.append(
            Sample(name, f"{i}.png", "train" if i < train else "test", votes=one_hot(EXPRESSIONS[i % 8]), va=va)
        )
        jpegs.append(encode_crop(rng.integers(level, level + 40, (48, 48, 3), np.uint8)))
    return build_shard(name, DEFAULT_GEOMETRY.scaled(48), samples, jpegs, ["detector"] * len(samples))


@pytest.fixture(scope="module")
def shards():
    return [made_shard("one", 11, 3, 20), made_shard("two", 5, 2, 160)]


def ids(batches) -> list[list[tuple[float, float]]]:
    return [[tuple(round(float(v), 3) for v in pair) for pair in batch.va] for batch in batches]


def test_shard_dataset_holds_one_split_with_repeats(shards):
    assert len(ShardDataset(shards, "train", None, 1)) == 16
    assert len(ShardDataset(shards, "test", None, 1)) == 5
    assert len(ShardDataset(shards, "train", None, 1, {"two": 3, "absent": 9})) == 26
    assert len(ShardDataset(shards, "valid", None, 1)) == 0


def test_shard_dataset_item_is_crop_and_labels(shards):
    crop, votes, va, au, weight = ShardDataset(shards, "test", None, 1)[3]
    np.testing.assert_array_equal(crop, shards[1].image(5))
    np.testing.assert_array_equal(votes, shards[1].votes[5])
    np.testing.assert_allclose(va, (1.6, 0.05))
    assert np.isnan(au).all()
    assert weight.tolist() == [1]


def test_shard_dataset_item_depends_on_seed_epoch_and_index_alone(shards):
    first, second = (ShardDataset(shards, "train", Augmentation(), 7) for _ in range(2))
    for i in (15, 3, 0):
        first[i]
    np.testing.assert_array_equal(first[3][0], second[3][0])
    np.testing.assert_array_equal(first[3][0], first[3][0])
    other_seed = ShardDataset(shards, "train", Augmentation(), 8)
    assert not np.array_equal(first[3][0], other_seed[3][0])
    second.epoch = 1
    assert not np.array_equal(first[3][0], second[3][0])
    twice = ShardDataset(shards, "train", Augmentation(), 7, {"one": 2})
    assert not np.array_equal(twice[3][0], twice[14][0])  # the same image, differently augmented


def test_collate_stacks_with_channels_first(shards):
    data = ShardDataset(shards, "test", None, 1)
    batch = collate([data[0], data[4]])
    assert batch.image_rgb.shape == (2, 3, 48, 48)
    assert batch.image_rgb.dtype == torch.float32
    np.testing.assert_array_equal(batch.image_rgb[1].permute(1, 2, 0).numpy(), data[4][0])
    assert batch.votes.shape == (2, len(EXPRESSIONS))
    assert batch.va.shape == (2, 2)
    assert batch.au.shape == (2, len(ACTION_UNITS))
    assert batch.au_weight.shape == (2, 1)
    moved = batch.to(torch.device("cpu"))
    torch.testing.assert_close(moved.va, batch.va)


def test_epoch_batches_visit_full_batches_in_a_new_order_each_epoch(shards):
    data = ShardDataset(shards, "train", None, 1)
    first, again, later = (ids(epoch_batches(data, 5, epoch, 1)) for epoch in (0, 0, 1))
    assert [len(b) for b in first] == [5, 5, 5]
    assert len({i for b in first for i in b}) == 15
    assert first == again
    assert first != later


def test_epoch_batches_start_in_the_middle(shards):
    data = ShardDataset(shards, "train", Augmentation(), 1)
    whole = list(epoch_batches(data, 4, 2, 1))
    rest = list(epoch_batches(ShardDataset(shards, "train", Augmentation(), 1), 4, 2, 1, first_batch=2))
    assert len(whole) == 4
    assert len(rest) == 2
    for expected, got in zip(whole[2:], rest, strict=True):
        torch.testing.assert_close(got.image_rgb, expected.image_rgb, rtol=0, atol=0)
        torch.testing.assert_close(got.va, expected.va, rtol=0, atol=0)


def test_batches_leave_the_global_random_state_alone(shards):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    data = ShardDataset(shards, "train", Augmentation(), 1)
    list(epoch_batches(data, 4, 0, 1))
    list(ordered_batches(data, 4))
    assert torch.equal(torch.get_rng_state(), before)


def test_ordered_batches_visit_everything_once_in_order(shards):
    data = ShardDataset(shards, "train", None, 1)
    seen = [pair for batch in ids(ordered_batches(data, 6)) for pair in batch]
    assert seen == [(0.2, i / 100) for i in range(11)] + [(1.6, i / 100) for i in range(5)]
