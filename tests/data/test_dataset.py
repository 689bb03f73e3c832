import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.data.dataset import ShardDataset, collate, epoch_batches, ordered_batches, previous_frames
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


def test_epoch_batches_share_each_batch_among_processes(shards):
    data = ShardDataset(shards, "train", Augmentation(), 1)
    whole = list(epoch_batches(data, 4, 0, 1))
    parts = [list(epoch_batches(data, 4, 0, 1, share=(rank, 2))) for rank in (0, 1)]
    for batch, first, second in zip(whole, *parts, strict=True):
        torch.testing.assert_close(torch.cat([first.image_rgb, second.image_rgb]), batch.image_rgb, rtol=0, atol=0)


def test_epoch_batches_augment_a_sample_anew_each_time_it_is_drawn(shards):
    data = ShardDataset(shards, "train", Augmentation(), 1)
    order = np.array([3, 5, 3, 0, 3, 5])
    (batch,) = epoch_batches(data, 6, 0, 1, order=order)
    np.testing.assert_allclose(batch.va[:, 1].numpy(), order / 100, atol=1e-6)
    plain = torch.from_numpy(np.stack([data[i][0] for i in (3, 5)])).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(batch.image_rgb[:2], plain)  # the first time as without a sampler
    for again, first in ((2, 0), (4, 0), (4, 2), (5, 1)):
        assert not torch.equal(batch.image_rgb[again], batch.image_rgb[first])


def test_shard_dataset_makes_clips_of_frames_of_one_video():
    rng = np.random.default_rng(0)
    paths = ["a.mp4#7", "b.mp4#0", "a.mp4#2", "still.png", "a.mp4#10"]
    samples = [Sample("video", path, "train", va=np.full(2, i / 10, np.float32)) for i, path in enumerate(paths)]
    jpegs = [encode_crop(rng.integers(0, 255, (48, 48, 3), np.uint8)) for _ in paths]
    shard = build_shard("video", DEFAULT_GEOMETRY.scaled(48), samples, jpegs, ["none"] * 5)
    data = ShardDataset([shard], "train", None, 1, frames=3)
    for index, rows in ((4, (2, 0, 4)), (0, (2, 2, 0)), (1, (1, 1, 1)), (3, (3, 3, 3))):
        clip, _, va, *_ = data[index]
        np.testing.assert_array_equal(clip, np.stack([shard.image(r) for r in rows]))
        assert va[0] == np.float32(index / 10)
    assert collate([data[0], data[4]]).image_rgb.shape == (2, 3, 3, 48, 48)
    moved = ShardDataset([shard], "train", Augmentation(), 1, frames=3)[1][0]
    np.testing.assert_array_equal(moved[0], moved[2])  # all frames alike


def test_shard_dataset_makes_clips_of_frames_in_folders():
    """A path such as ``clip/00007.jpg`` says nothing of its video; the sample does."""
    places = [("a", 7), ("b", 7), ("a", 2), ("", -1), ("a", 10), ("", -1)]
    samples = [
        Sample("video", f"{i}.jpg", "train", va=np.zeros(2, np.float32), sequence=sequence, frame=frame)
        for i, (sequence, frame) in enumerate(places)
    ]
    jpegs = [encode_crop(np.full((16, 16, 3), 40 * i, np.uint8)) for i in range(len(places))]
    shard = build_shard("video", DEFAULT_GEOMETRY.scaled(16), samples, jpegs, ["none"] * len(places))
    np.testing.assert_array_equal(previous_frames(shard), [2, 1, 2, 3, 0, 5])


def test_shard_dataset_moves_the_region_with_the_crop(shards):
    still = Augmentation(light=0, colour=0, grey=0, resolution=0, blur=0, noise=0, jpeg=0, erase=0, flip=1)
    region = np.zeros((48, 48), np.float32)
    region[10:20, 5:15] = 1
    marked = (np.repeat(region[..., None], 3, axis=2) * 255).astype(np.uint8)
    samples = [Sample("one", "a.png", "train")]
    shard = build_shard("one", DEFAULT_GEOMETRY.scaled(48), samples, [encode_crop(marked)], ["none"])
    crop, *_, moved = ShardDataset([shard], "train", still, 1, region=region)[0]
    assert moved[:, 30:].sum() > 50  # mirrored
    assert np.abs(crop[..., 0] / 255 - moved).mean() < 0.02
    batch = collate([ShardDataset([shard], "train", still, 1, region=region)[0]])
    assert batch.region.shape == (1, 1, 48, 48)


def test_shard_dataset_gathers_the_labels_of_all_items(shards):
    data = ShardDataset(shards, "train", None, 1, {"two": 2})
    labels = data.labels()
    assert labels.votes.shape == (21, 8)
    np.testing.assert_array_equal(labels.va[12], data[12][2])
    assert data.places()[12] == ("two", "1.png")
    assert ShardDataset(shards, "valid", None, 1).labels().votes.shape == (0, 0)
