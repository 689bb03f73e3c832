import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core.data.dataset import Batch
from fer_core.models.multitask import Outputs
from fer_core.train.recipe import Recipe
from fer_core.train.task import multitask_losses

NAN = float("nan")


def made(rows: int = 6) -> tuple[Outputs, Batch]:
    rng = np.random.default_rng(0)

    def leaf(*shape: int) -> torch.Tensor:
        return torch.tensor(rng.normal(0, 0.5, shape), dtype=torch.float32, requires_grad=True)

    batch = Batch(
        torch.zeros(rows, 3, 4, 4),
        torch.tensor(rng.dirichlet(np.ones(8), rows), dtype=torch.float32),
        torch.tensor(rng.uniform(-1, 1, (rows, 2)), dtype=torch.float32),
        torch.tensor(rng.random((rows, 18)) < 0.3, dtype=torch.float32),
        torch.ones(rows, 1),
    )
    return Outputs(leaf(rows, 8), leaf(rows, 2), leaf(rows, 18)), batch


def gradients(outputs: Outputs, loss: torch.Tensor) -> list[torch.Tensor | None]:
    leaves = [outputs.expression_logits, outputs.va, outputs.au_logits]
    return list(torch.autograd.grad(loss, leaves, allow_unused=True))


def test_multitask_losses_total_is_the_weighted_sum():
    outputs, batch = made()
    losses = multitask_losses(outputs, batch, Recipe(expression_weight=2.0, va_weight=0.5, au_weight=3.0))
    expected = 2 * losses.expression + 0.5 * losses.va + 3 * losses.au
    torch.testing.assert_close(losses.total, expected)
    assert min(losses.expression.item(), losses.va.item(), losses.au.item()) > 0


def test_multitask_losses_use_only_rows_with_the_label():
    outputs, batch = made()
    batch.votes[3:] = NAN
    batch.va[:2] = NAN
    batch.va[5, 1] = NAN  # half a label is none
    batch.au[0], batch.au[:, 4] = NAN, NAN
    losses = multitask_losses(outputs, batch, Recipe())
    logits, votes = outputs.expression_logits[:3].detach().numpy(), batch.votes[:3].numpy()
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert losses.expression.item() == pytest.approx(-(votes * log_probs).sum(axis=1).mean(), rel=1e-5)
    x, y = outputs.va[2:5].detach().numpy().astype(float), batch.va[2:5].numpy().astype(float)
    ccc = [
        2 * np.cov(x[:, d], y[:, d], bias=True)[0, 1]
        / (x[:, d].var() + y[:, d].var() + (x[:, d].mean() - y[:, d].mean()) ** 2)
        for d in (0, 1)
    ]  # fmt: skip
    assert losses.va.item() == pytest.approx(1 - np.mean(ccc), rel=1e-4)
    kept = np.delete(np.arange(18), 4)
    p = 1 / (1 + np.exp(-outputs.au_logits[1:, kept].detach().numpy()))
    t = batch.au[1:, kept].numpy()
    assert losses.au.item() == pytest.approx(-(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(), rel=1e-4)
    for gradient in gradients(outputs, losses.total):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("task", [0, 1, 2])
def test_multitask_losses_without_a_label_leave_that_head_alone(task):
    outputs, batch = made()
    (batch.votes, batch.va, batch.au)[task][:] = NAN
    losses = multitask_losses(outputs, batch, Recipe())
    assert (losses.expression, losses.va, losses.au)[task].item() == 0
    assert torch.isfinite(losses.total)
    for head, gradient in enumerate(gradients(outputs, losses.total)):
        assert (gradient.abs().max() > 0) == (head != task)


def test_multitask_losses_survive_a_batch_without_any_label():
    outputs, batch = made()
    for labels in (batch.votes, batch.va, batch.au):
        labels[:] = NAN
    losses = multitask_losses(outputs, batch, Recipe())
    losses.total.backward()
    assert losses.total.item() == 0
    assert outputs.au_logits.grad.abs().max() == 0


def test_multitask_losses_count_weak_units_less():
    outputs, batch = made()
    strong = multitask_losses(outputs, batch, Recipe()).au
    batch.au_weight[:] = 0.25
    torch.testing.assert_close(multitask_losses(outputs, batch, Recipe()).au, strong / 4)
