import pytest
import torch

from fer_core.losses.rows import check_mask, class_sums, labelled_features, masked_rows, pair_distances


def test_masked_rows_keeps_the_graph_of_nothing() -> None:
    values = torch.full((3, 2), torch.nan, requires_grad=True)
    rows = masked_rows(values, torch.zeros(3, dtype=torch.bool))
    assert rows.shape == (0, 2)
    rows.sum().backward()
    assert values.grad is not None
    assert (values.grad == 0).all()


@pytest.mark.parametrize(
    ("given", "got"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_masked_rows_are_single_precision_or_better(given: torch.dtype, got: torch.dtype) -> None:
    assert masked_rows(torch.zeros(2, 2, dtype=given), torch.ones(2, dtype=torch.bool)).dtype == got


def test_labelled_features_names_what_does_not_fit() -> None:
    features, labels, mask = torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64), torch.ones(3, dtype=torch.bool)
    with pytest.raises(ValueError, match="need features"):
        labelled_features(features, labels[:2], mask)
    with pytest.raises(ValueError, match="float32"):
        labelled_features(features, labels.float(), mask)
    with pytest.raises(ValueError, match="mask must be bool"):
        labelled_features(features, labels, mask.float())
    with pytest.raises(ValueError, match=r"\(3,\)"):
        check_mask(mask[:2], 3)


def test_class_sums_equal_naive_loop_and_ignore_autocast() -> None:
    rows = torch.linspace(0, 1.7, 12).view(6, 2)
    labels = torch.tensor([2, 0, 2, 2, 0, 3])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sums, count = class_sums(rows, labels, 4)
    assert sums.dtype == torch.float32
    assert count.tolist() == [2, 0, 3, 1]
    for c in range(4):
        expected = torch.zeros(2)
        for i in range(6):
            if labels[i] == c:
                expected += rows[i]
        torch.testing.assert_close(sums[c], expected)


@pytest.mark.parametrize("rows", [0, 1, 2, 40])
def test_pair_distances_equal_naive_loop_and_have_a_gradient_for_any_number_of_rows(rows: int) -> None:
    values = torch.randn(rows, 3, dtype=torch.float64, requires_grad=True)
    found = pair_distances(values)
    for i in range(rows):
        for j in range(rows):
            expected = sum((a - b) ** 2 for a, b in zip(values[i].tolist(), values[j].tolist(), strict=True)) ** 0.5
            assert found[i, j].item() == pytest.approx(expected, abs=1e-12)
    found.sum().backward()
    assert values.grad is not None
    assert torch.isfinite(values.grad).all()
