import numpy as np
import pytest

from fer_core.data.samplers import age_weights, balanced_weights, expression_weights, sampled_batches

NAN = float("nan")


def naive_weights(groups: list[int]) -> list[float]:
    known = [g for g in groups if g >= 0]
    kinds = set(known)
    return [1.0 if g < 0 else len(known) / (len(kinds) * known.count(g)) for g in groups]


def test_balanced_weights_equal_naive_loop():
    groups = np.array([3, 3, 3, 0, 0, -1, 7, 3])
    assert balanced_weights(groups).tolist() == pytest.approx(naive_weights(groups.tolist()))


def test_balanced_weights_are_the_reciprocal_of_the_printed_formula():
    groups = np.repeat([0, 1, 2], [60, 30, 10])
    printed = np.repeat([6.0, 3.0, 1.0], [60, 30, 10])  # f_i / f_min, eq. 5.3.1
    np.testing.assert_allclose(balanced_weights(groups) * printed, (balanced_weights(groups) * printed)[0])


def test_balanced_weights_of_all_unknown_or_none_are_plain():
    assert balanced_weights(np.full(3, -1)).tolist() == [1, 1, 1]
    assert balanced_weights(np.empty(0, np.int64)).tolist() == []


def test_expression_weights_go_by_the_majority():
    votes = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [NAN, NAN]])
    assert expression_weights(votes).tolist() == pytest.approx([0.75, 0.75, 1.5, 1])


def test_age_weights_balance_groups_and_leave_unknown_ages():
    ages = np.array([5.0, 12.0, 19.9, 25.0, NAN, 90.0])
    weights = age_weights(ages)
    assert weights.tolist() == pytest.approx([1.25, 0.625, 0.625, 1.25, 1, 1.25])
    assert age_weights(ages, (50,)).tolist() == pytest.approx([0.625] * 4 + [1, 2.5])


def test_age_weights_refuse_ends_that_do_not_rise():
    with pytest.raises(ValueError, match="rise"):
        age_weights(np.array([1.0]), (20, 20))


def test_sampled_batches_draw_all_groups_equally_often():
    groups = np.repeat([0, 1, 2], [8000, 1500, 500])
    drawn = np.concatenate(sampled_batches(balanced_weights(groups), 50, 0, 1))
    shares = np.bincount(groups[drawn]) / len(drawn)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.02)


def test_sampled_batches_draw_what_is_unknown_as_often_as_without_a_sampler():
    groups = np.repeat([0, 1, -1], [5000, 1000, 4000])
    drawn = np.concatenate(sampled_batches(balanced_weights(groups), 50, 0, 1))
    assert np.mean(groups[drawn] == -1) == pytest.approx(0.4, abs=0.02)


def test_sampled_batches_depend_on_seed_and_epoch_alone():
    weights = np.linspace(1, 2, 40)
    first = sampled_batches(weights, 8, 3, 1)
    assert first == sampled_batches(weights, 8, 3, 1)
    assert first != sampled_batches(weights, 8, 4, 1)
    assert first != sampled_batches(weights, 8, 3, 2)
    assert [len(b) for b in first] == [8] * 5


def test_sampled_batches_start_in_the_middle():
    weights = np.linspace(1, 2, 43)
    assert sampled_batches(weights, 8, 3, 1, first_batch=2) == sampled_batches(weights, 8, 3, 1)[2:]
    assert sampled_batches(weights, 8, 3, 1, first_batch=5) == []


def test_sampled_batches_may_be_fewer_or_more_than_the_samples():
    weights = np.ones(10)
    assert len(sampled_batches(weights, 4, 0, 1)) == 2
    assert len(sampled_batches(weights, 4, 0, 1, samples=100)) == 25


def test_sampled_batches_leave_out_weight_zero():
    weights = np.array([1.0, 0.0, 1.0, 0.0])
    drawn = np.concatenate(sampled_batches(weights, 4, 0, 1, samples=200))
    assert set(drawn.tolist()) == {0, 2}


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [1.0, NAN]])
def test_sampled_batches_refuse_weights_that_are_none(weights):
    with pytest.raises(ValueError, match="weights must be"):
        sampled_batches(np.array(weights), 1, 0, 1)


def test_sampled_batches_say_when_no_batch_fits():
    with pytest.raises(ValueError, match="lower batch_size"):
        sampled_batches(np.ones(3), 4, 0, 1)


def test_sampled_batches_feed_a_loader():
    torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
    batches = sampled_batches(np.ones(12), 5, 0, 1)
    loader = torch.utils.data.DataLoader(torch.arange(12), batch_sampler=batches)
    assert [batch.tolist() for batch in loader] == batches
