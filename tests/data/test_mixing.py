import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.data.mixing import Mix, draw_mix, flip_some, label_groups, mix_batch


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_draw_mix_pairs_the_batch_with_a_permutation_of_itself():
    mix = draw_mix(50, 0.2, rng())
    assert sorted(mix.partner.tolist()) == list(range(50))
    assert mix.partner.tolist() != list(range(50))


def test_draw_mix_draws_one_share_per_batch_or_one_per_sample():
    assert len(set(draw_mix(20, 1.0, rng()).share.tolist())) == 1
    assert len(set(draw_mix(20, 1.0, rng(), per_sample=True).share.tolist())) == 20


@pytest.mark.parametrize("alpha", [0.1, 1.0, 4.0])
def test_draw_mix_shares_have_the_mean_and_variance_of_beta(alpha):
    share = draw_mix(40000, alpha, rng(1), per_sample=True).share.double()
    assert share.min() >= 0
    assert share.max() <= 1
    assert share.mean().item() == pytest.approx(0.5, abs=0.01)
    assert share.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)


def test_draw_mix_depends_on_the_generator_alone():
    first, again, other = (draw_mix(9, 0.4, rng(seed), per_sample=True) for seed in (3, 3, 4))
    assert torch.equal(first.partner, again.partner)
    assert torch.equal(first.share, again.share)
    assert not torch.equal(first.share, other.share)


def test_draw_mix_stays_inside_groups():
    groups = np.array([0, 1, 0, 1, 2, 0, 1, 0])
    for seed in range(20):
        partner = draw_mix(8, 1.0, rng(seed), groups=groups).partner.numpy()
        assert sorted(partner) == list(range(8))
        np.testing.assert_array_equal(groups[partner], groups)


def test_draw_mix_names_what_does_not_fit():
    with pytest.raises(ValueError, match="alpha must be above 0"):
        draw_mix(4, 0.0, rng())
    with pytest.raises(ValueError, match="groups"):
        draw_mix(4, 1.0, rng(), groups=np.zeros(3, np.int64))


@pytest.mark.parametrize("shape", [(6, 3, 4, 4), (6, 2, 3, 4, 4), (6, 5), (6,)])
def test_mix_batch_equals_naive_loop(shape):
    values = torch.randn(shape, dtype=torch.float64)
    mix = draw_mix(6, 1.0, rng(2), per_sample=True)
    mixed = mix_batch(values, mix)
    assert mixed.shape == values.shape
    for i in range(6):
        share = float(mix.share[i])
        torch.testing.assert_close(mixed[i], share * values[i] + (1 - share) * values[mix.partner[i]])


def test_mix_batch_keeps_distributions_and_ranges():
    votes = torch.rand(30, 8).softmax(dim=1)
    va = torch.rand(30, 2) * 2 - 1
    mix = draw_mix(30, 0.5, rng(3), per_sample=True)
    torch.testing.assert_close(mix_batch(votes, mix).sum(dim=1), torch.ones(30))
    assert mix_batch(va, mix).abs().max() <= 1


def test_mix_batch_has_a_label_only_where_both_faces_have_it_even_at_whole_shares():
    au = torch.tensor([[1.0, torch.nan], [0.0, 1.0]])
    mixed = mix_batch(au, Mix(torch.tensor([1, 0]), torch.tensor([1.0, 0.25])))
    torch.testing.assert_close(mixed, torch.tensor([[1.0, torch.nan], [0.75, torch.nan]]), equal_nan=True)


def test_mix_batch_refuses_whole_numbers_and_other_batches():
    mix = draw_mix(4, 1.0, rng())
    with pytest.raises(ValueError, match="floating-point"):
        mix_batch(torch.zeros(4, 3, dtype=torch.uint8), mix)
    with pytest.raises(ValueError, match="4 rows"):
        mix_batch(torch.zeros(5, 3), mix)


def test_label_groups_tell_patterns_apart():
    nan = torch.nan
    va = torch.tensor([[0.1, 0.2], [nan, nan], [0.3, 0.4], [nan, nan]])
    au = torch.tensor([[1.0], [1.0], [nan], [0.0]])
    groups = label_groups(va, au)
    assert groups[1] == groups[3]
    assert len(set(groups.tolist())) == 3
    for seed in range(5):  # nothing is lost
        mix = draw_mix(4, 1.0, rng(seed), groups=groups)
        assert torch.equal(mix_batch(va, mix).isnan(), va.isnan())


@pytest.mark.parametrize("shape", [(200, 3, 2, 5), (200, 4, 3, 2, 5), (200, 200, 1, 1, 3)])
def test_flip_some_mirrors_some_whole_images_and_clips(shape):
    images = torch.rand(shape)
    flipped = flip_some(images, rng(5))
    mirrored = [torch.equal(flipped[i], images[i].flip(-1)) for i in range(200)]
    kept = [torch.equal(flipped[i], images[i]) for i in range(200)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 70 < sum(mirrored) < 130
    assert torch.equal(flip_some(images, rng(), 0.0), images)
    assert torch.equal(flip_some(images, rng(), 1.0), images.flip(-1))
