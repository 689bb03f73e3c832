import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from fer_core.losses.class_weights import balanced_class_weights
from fer_core.losses.vote_cross_entropy import vote_cross_entropy

#: Seven classes of AffectNet's training set, most to least.
COUNTS = torch.tensor([134415, 74874, 25459, 24882, 14090, 6378, 3803])


def test_class_weights_are_the_reciprocal_of_the_printed_formula() -> None:
    weights = balanced_class_weights(COUNTS)
    printed = COUNTS / COUNTS.min()
    torch.testing.assert_close(weights * printed, (weights * printed)[:1].expand(7))


def test_class_weights_make_errors_on_rare_classes_cost_more() -> None:
    weights = balanced_class_weights(COUNTS)
    assert (weights.diff() > 0).all()
    wrong = torch.zeros(7, 7) - 5 * torch.eye(7)  # every row sure that it is anything but its class
    losses = [
        vote_cross_entropy(wrong[c : c + 1], torch.eye(7)[c : c + 1], torch.tensor([True]), weights) for c in range(7)
    ]
    assert losses == sorted(losses)


def test_class_weights_have_mean_one_over_the_samples() -> None:
    weights = balanced_class_weights(COUNTS).double()
    assert ((weights * COUNTS).sum() / COUNTS.sum()).item() == pytest.approx(1)


def test_class_weights_equal_scikit_learn() -> None:
    labels = np.repeat(np.arange(7), COUNTS.numpy() // 100)
    counts = torch.from_numpy(np.bincount(labels))
    expected = compute_class_weight("balanced", classes=np.arange(7), y=labels)
    np.testing.assert_allclose(balanced_class_weights(counts).numpy(), expected, rtol=1e-6)


def test_class_weights_with_cross_entropy_have_the_gradient_of_pytorch_up_to_its_normalisation() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 7, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 7, (40,), generator=generator)
    weights = balanced_class_weights(COUNTS).double()
    ours = vote_cross_entropy(logits, torch.eye(7).double()[labels], torch.ones(40, dtype=torch.bool), weights)
    theirs = functional.cross_entropy(logits, labels, weights)
    assert ours.item() == pytest.approx((theirs * weights[labels].mean()).item())


def test_class_weights_of_an_absent_class_are_zero_and_do_not_disturb_the_others() -> None:
    with_hole = balanced_class_weights(torch.tensor([6.0, 0.0, 2.0]))
    assert with_hole.tolist() == pytest.approx([8 / 12, 0, 2])


@pytest.mark.parametrize("counts", [[0.0, 0.0], [1.0, -1.0], [1.0, torch.nan], [[1.0]]])
def test_class_weights_refuse_what_cannot_be_counted(counts: list[float]) -> None:
    with pytest.raises(ValueError, match=r"counts must be|no class occurs"):
        balanced_class_weights(torch.tensor(counts))
