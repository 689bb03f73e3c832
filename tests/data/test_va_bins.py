import math

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.data.va_bins import SECTORS, class_histogram, soft_labels, va_cell, va_sector

NAN = float("nan")


def made_va(rows: int = 200, seed: int = 0) -> torch.Tensor:
    va = torch.rand(rows, 2, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    va[5] = NAN
    va[6, 1] = NAN
    return va


def naive_cell(v: float, a: float, bins: int) -> int:
    if math.isnan(v) or math.isnan(a):
        return -1
    width = 2 / bins
    column = max(i for i in range(bins) if i == 0 or v >= -1 + i * width)
    row = max(i for i in range(bins) if i == 0 or a >= -1 + i * width)
    return column * bins + row


@pytest.mark.parametrize("bins", [1, 5, 10])
def test_va_cell_equals_naive_loop(bins):
    va = made_va()
    assert va_cell(va, bins).tolist() == [naive_cell(float(v), float(a), bins) for v, a in va]


def test_va_cell_counts_the_upper_edge_and_what_lies_outside_to_the_outer_cells():
    va = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.3, -4.0]])
    assert va_cell(va, 5).tolist() == [24, 0, 20]


def test_class_histogram_equals_naive_loop():
    va = made_va(400, 1)
    probs = torch.rand(400, 3, generator=torch.Generator().manual_seed(2)).softmax(dim=1)
    probs[9] = NAN
    found = class_histogram(va, probs, 4)
    for cell in range(16):
        inside = [
            i
            for i in range(400)
            if naive_cell(float(va[i, 0]), float(va[i, 1]), 4) == cell and not probs[i].isnan().any()
        ]
        expected = sum(probs[i] for i in inside) / len(inside)
        torch.testing.assert_close(found[cell], expected)


def test_class_histogram_of_single_labels_counts_them():
    va = torch.tensor([[-0.5, -0.5], [-0.4, -0.6], [-0.5, -0.1], [0.5, 0.5]])
    found = class_histogram(va, torch.eye(2)[[0, 0, 1, 1]], 2)
    torch.testing.assert_close(found[0], torch.tensor([2 / 3, 1 / 3]))
    torch.testing.assert_close(found[3], torch.tensor([0.0, 1.0]))
    assert found[[1, 2]].isnan().all()


def test_soft_labels_look_up_the_cell_and_miss_what_is_missing():
    va = torch.tensor([[-0.5, -0.5], [-0.4, -0.6], [-0.5, -0.1], [0.5, 0.5]])
    histogram = class_histogram(va, torch.eye(2)[[0, 0, 1, 1]], 2)
    asked = torch.tensor([[-0.9, -0.9], [0.1, 0.9], [NAN, 0.1], [0.5, -0.5]])
    found = soft_labels(asked, histogram)
    torch.testing.assert_close(found[0], torch.tensor([2 / 3, 1 / 3]))
    torch.testing.assert_close(found[1], torch.tensor([0.0, 1.0]))
    assert found[2:].isnan().all()  # no label, and a cell without training samples


def test_va_sector_of_four_is_the_quadrant_by_sign():
    va = made_va(seed=3)
    for (v, a), sector in zip(va.tolist(), va_sector(va, 4).tolist(), strict=True):
        if math.isnan(v) or math.isnan(a):
            assert sector == -1
        else:
            assert sector == {(True, True): 0, (False, True): 1, (False, False): 2, (True, False): 3}[(v >= 0, a >= 0)]


@pytest.mark.parametrize("sectors", [4, 8, 12])
def test_va_sector_equals_naive_angles(sectors):
    va = made_va(seed=4)
    for (v, a), sector in zip(va.tolist(), va_sector(va, sectors).tolist(), strict=True):
        if math.isnan(v) or math.isnan(a):
            assert sector == -1
            continue
        degrees = math.degrees(math.atan2(a, v)) % 360
        assert sector == int(degrees // (360 / sectors))


def test_va_sector_visits_all_sectors_anticlockwise_and_equally():
    angle = torch.arange(3600) / 3600 * 2 * math.pi + 1e-4
    va = torch.stack([angle.cos(), angle.sin()], dim=1) * 0.7
    for sectors in SECTORS[1:]:
        found = va_sector(va, sectors)
        assert (found.diff() >= 0).all()
        assert found.bincount().tolist() == [3600 // sectors] * sectors


def test_va_sector_borders_belong_to_the_sector_they_begin():
    axes = torch.tensor([[0.5, 0.0], [0.5, 0.5], [0.0, 0.5], [-0.5, 0.5], [-0.5, 0.0], [-0.5, -0.5], [0.0, -0.5]])
    assert va_sector(axes, 8).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert va_sector(torch.tensor([[0.5, -1e-30]]).float(), 8).tolist()[0] in (0, 7)


def test_va_sector_refines_the_quadrants():
    va = made_va(seed=5)
    quarter = va_sector(va, 4)
    known = quarter >= 0
    for sectors in (8, 12):
        assert torch.equal(va_sector(va, sectors)[known] // (sectors // 4), quarter[known])


def test_va_sector_of_two_is_a_sign():
    va = torch.tensor([[0.3, -0.2], [-0.3, 0.2], [0.0, -0.4]])
    assert va_sector(va, 2).tolist() == [0, 1, 0]
    assert va_sector(va, 2, half="arousal").tolist() == [1, 0, 1]


@pytest.mark.parametrize("sectors", SECTORS)
def test_va_sector_leaves_out_the_origin_and_what_is_close_to_it_on_demand(sectors):
    va = torch.tensor([[0.0, 0.0], [0.05, -0.05], [0.4, 0.4]])
    assert (va_sector(va, sectors) >= 0).tolist() == [False, True, True]
    assert (va_sector(va, sectors, least_radius=0.1) >= 0).tolist() == [False, False, True]


def test_va_bins_name_what_does_not_fit():
    with pytest.raises(ValueError, match="va must be"):
        va_sector(torch.zeros(3), 8)
    with pytest.raises(ValueError, match="bins"):
        va_cell(torch.zeros(3, 2), 0)
    with pytest.raises(ValueError, match="sectors"):
        va_sector(torch.zeros(3, 2), 1)
    with pytest.raises(ValueError, match="class_probs"):
        class_histogram(torch.zeros(3, 2), torch.zeros(2, 4), 5)
    with pytest.raises(ValueError, match="histogram"):
        soft_labels(torch.zeros(3, 2), torch.zeros(7, 4))
