import numpy as np
import pytest

from fer_core.models.texture_model import robust_components


@pytest.fixture
def made() -> tuple[np.ndarray, np.ndarray]:
    """Samples (80, 60, 2) of rank three with a little noise, and the directions (3, 120) they lie in."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(120, 3)))[0].T
    flat = rng.normal(size=(80, 3)) * [8, 5, 3] @ directions + 2 + 0.02 * rng.normal(size=(80, 120))
    return flat.reshape(80, 60, 2), directions


def lost(components: np.ndarray, directions: np.ndarray) -> float:
    """Largest share of a true direction that the found ones do not span."""
    flat = components.reshape(len(components), -1)
    return float(np.linalg.norm(directions - directions @ flat.T @ flat, axis=1).max())


def test_robust_components_of_whole_samples_are_principal_components(made: tuple[np.ndarray, np.ndarray]) -> None:
    samples, directions = made
    model, completed = robust_components(samples, np.ones((80, 60), bool), 3)
    assert lost(model.components, directions) < 0.02
    assert model.explained > 0.99
    assert completed.trusted.mean() > 0.97


def test_robust_components_fill_holes_and_leave_out_what_is_foreign(made: tuple[np.ndarray, np.ndarray]) -> None:
    samples, directions = made
    rng = np.random.default_rng(1)
    known = rng.random((80, 60)) > 0.3
    spoilt = samples.copy()
    spoilt[~known] = np.nan
    foreign = known & (rng.random((80, 60)) < 0.05)
    spoilt[foreign] += rng.choice([-9, 9], (int(foreign.sum()), 1))
    model, completed = robust_components(spoilt, known, 3, rounds=60)
    assert lost(model.components, directions) < 0.05
    assert np.sqrt(((completed.samples - samples) ** 2).mean()) < 0.15
    assert not completed.trusted[foreign].any()
    # Plain filling with the mean loses far more.
    filled = np.where(known[..., None], np.nan_to_num(spoilt), 2)
    plain, _ = robust_components(filled, np.ones((80, 60), bool), 3, rounds=1)
    assert lost(plain.components, directions) > 2 * lost(model.components, directions)


def test_robust_components_refuse_too_little(made: tuple[np.ndarray, np.ndarray]) -> None:
    samples, _ = made
    known = np.ones((80, 60), bool)
    with pytest.raises(ValueError, match="80 components of 80"):
        robust_components(samples, known, 80)
    with pytest.raises(ValueError, match=r"needed are \(M, N, C\)"):
        robust_components(samples, known[:, :5], 3)
    known[:, 7] = False
    with pytest.raises(ValueError, match="fewer than two"):
        robust_components(samples, known, 3)
