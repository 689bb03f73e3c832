import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.losses.gaussian_kl import gaussian_kl, linear_warmup


def test_gaussian_kl_equals_the_divergence_of_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 5, 7, generator=generator).unbind()
    own = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(own, torch.distributions.Normal(0.0, 1.0)).sum(dim=1).mean()
    assert gaussian_kl(mean, log_variance).item() == pytest.approx(expected.item(), rel=1e-5)


def test_gaussian_kl_of_the_standard_normal_is_zero():
    assert gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0


def test_gaussian_kl_gradient():
    mean, log_variance = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).unbind()
    assert torch.autograd.gradcheck(gaussian_kl, (mean.requires_grad_(), log_variance.requires_grad_()))


@pytest.mark.parametrize(("first", "second"), [((2, 3), (2, 4)), ((3,), (3,)), ((0, 3), (0, 3))])
def test_gaussian_kl_refuses_shapes_that_do_not_fit(first, second):
    with pytest.raises(ValueError, match=r"must both be \(B, L\)"):
        gaussian_kl(torch.zeros(first), torch.zeros(second))


def test_linear_warmup_rises_over_the_whole_run():
    assert [linear_warmup(step, 5) for step in range(5)] == [0, 0.25, 0.5, 0.75, 1]


def test_linear_warmup_stays_at_one_after_its_share():
    assert [linear_warmup(step, 9, 0.5) for step in (0, 2, 4, 8)] == [0, 0.5, 1, 1]
    assert linear_warmup(0, 9, 0.0) == 1
    assert linear_warmup(0, 1) == 1


def test_linear_warmup_refuses_what_is_no_share():
    with pytest.raises(ValueError, match=r"share in 0\.\.1"):
        linear_warmup(0, 5, 1.5)
    with pytest.raises(ValueError, match="at least 1"):
        linear_warmup(0, 0)
