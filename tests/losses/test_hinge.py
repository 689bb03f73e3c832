import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.losses.hinge import discriminator_hinge_loss, generator_hinge_loss


def test_discriminator_hinge_equals_a_naive_loop():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.25])
    naive = sum(max(0.0, 1 - r) for r in real.tolist()) / 3 + sum(max(0.0, 1 + f) for f in fake.tolist()) / 2
    assert discriminator_hinge_loss(real, fake).item() == pytest.approx(naive)


def test_discriminator_hinge_is_zero_once_all_are_told_apart():
    assert discriminator_hinge_loss(torch.tensor([1.0, 4.0]), torch.tensor([-1.0, -2.0])).item() == 0


def test_generator_hinge_falls_as_scores_rise():
    scores = torch.tensor([0.5, -1.5], requires_grad=True)
    loss = generator_hinge_loss(scores)
    loss.backward()
    assert loss.item() == pytest.approx(0.5)
    assert scores.grad.tolist() == [-0.5, -0.5]


def test_hinge_gradients():
    real = torch.tensor([0.3, -0.8, 1.7], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([0.2, -2.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(discriminator_hinge_loss, (real, fake))
    assert torch.autograd.gradcheck(generator_hinge_loss, (fake,))


@pytest.mark.parametrize("scores", [torch.zeros(2, 1), torch.zeros(0)])
def test_hinge_refuses_what_is_no_vector_of_scores(scores):
    with pytest.raises(ValueError, match=r"scores must be \(B,\)"):
        generator_hinge_loss(scores)
    with pytest.raises(ValueError, match=r"scores must be \(B,\)"):
        discriminator_hinge_loss(torch.zeros(1), scores)
