from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor


@dataclass
class Rows:
    """A batch in which every third row lacks its class."""

    features: Tensor
    labels: Tensor
    mask: Tensor

    @property
    def kept(self) -> list[tuple[list[float], int]]:
        """Feature vector and class of the rows that count, for loops."""
        return [(self.features[i].tolist(), int(self.labels[i])) for i in range(len(self.mask)) if bool(self.mask[i])]


@pytest.fixture
def made_rows() -> Callable[..., Rows]:
    def make(seed: int = 0, rows: int = 9, features: int = 4, classes: int = 3) -> Rows:
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(rows, features, generator=generator, dtype=torch.float64)
        labels = torch.randint(0, classes, (rows,), generator=generator)
        mask = torch.arange(rows) % 3 != 1
        labels[~mask] = -1
        return Rows(x, labels, mask)

    return make


@pytest.fixture
def check_masking() -> Callable[[Callable[[Tensor, Tensor], Tensor], Tensor, Tensor], None]:
    """Rows without a label must not matter, get no gradient, and a batch of them alone must give 0 with a graph."""

    def check(loss: Callable[[Tensor, Tensor], Tensor], predictions: Tensor, mask: Tensor) -> None:
        leaf = predictions.detach().clone().requires_grad_(True)
        value = loss(leaf, mask)
        value.backward()
        assert leaf.grad is not None
        assert value.item() > 0
        assert torch.isfinite(leaf.grad).all()
        assert (leaf.grad[~mask] == 0).all()
        assert (leaf.grad[mask] != 0).any()
        spoilt = predictions.detach().clone()
        spoilt[~mask] = torch.nan
        assert loss(spoilt, mask).item() == value.item()
        empty = predictions.detach().clone().requires_grad_(True)
        nothing = loss(empty, torch.zeros_like(mask))
        nothing.backward()
        assert nothing.item() == 0
        assert empty.grad is not None
        assert (empty.grad == 0).all()

    return check
