import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.augment.semantic.covariance import class_covariances


def test_class_covariances_equal_numpys():
    generator = torch.Generator().manual_seed(0)
    encodings, labels = torch.randn(50, 3, generator=generator), torch.randint(0, 3, (50,), generator=generator)
    found = class_covariances(encodings, labels, 4)
    for label in range(3):
        own = encodings[labels == label].numpy()
        assert found.count[label] == len(own)
        np.testing.assert_allclose(found.covariance[label].numpy(), np.cov(own, rowvar=False), rtol=1e-5, atol=1e-7)


def test_class_covariances_of_one_or_no_sample_are_zero():
    found = class_covariances(torch.ones(1, 2), torch.tensor([1]), 3)
    assert found.count.tolist() == [0, 1, 0]
    assert not found.covariance.any()


def test_roots_squared_are_the_covariances_even_where_singular():
    encodings = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))  # rank 3 of 6
    found = class_covariances(encodings, torch.zeros(4, dtype=torch.int64), 1)
    root = found.roots()[0]
    torch.testing.assert_close(root @ root, found.covariance[0], rtol=0, atol=1e-10)
    outside = torch.linalg.svd(encodings.double() - encodings.double().mean(0)).Vh[3:]
    assert (root @ outside.T).abs().max() < 1e-6


def test_class_covariances_refuse_what_is_not_finite_or_does_not_fit():
    with pytest.raises(ValueError, match="the encoder diverged"):
        class_covariances(torch.tensor([[float("nan")]]), torch.tensor([0]), 1)
    with pytest.raises(ValueError, match=r"need encodings \(N, L\)"):
        class_covariances(torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64), 1)
