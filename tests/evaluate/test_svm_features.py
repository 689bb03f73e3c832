import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")
pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from fer_core.data.dataset import Batch
from fer_core.evaluate.svm_features import FrozenFeatures, SvmOptions, compare_svm, fit_svm, frozen_features
from fer_core.models.multitask import MultitaskNet, Outputs

E, A = 8, 3


class Pixels(torch.nn.Module):
    """A backbone whose features are the mean luminance of the quarters."""

    num_features = 4

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(image[:, :1], 2).flatten(1)


def made_batch(votes: list[int | None], seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    rows = torch.full((len(votes), E), torch.nan)
    for row, expression in enumerate(votes):
        if expression is not None:
            rows[row] = 0.1 / (E - 1)
            rows[row, expression] = 0.9
    image = torch.from_numpy(rng.uniform(0, 255, (len(votes), 3, 16, 16)).astype(np.float32))
    n = len(votes)
    return Batch(image, rows, torch.zeros(n, 2), torch.zeros(n, A), torch.ones(n, 1))


@pytest.fixture
def network() -> MultitaskNet:
    torch.manual_seed(0)
    return MultitaskNet(Pixels(), E, A, dropout=0.5).train()


def test_frozen_features_are_what_the_network_sees(network):
    batches = [made_batch([0, None, 3]), made_batch([7, 1], seed=1)]
    found = frozen_features(network, batches, 16)
    assert found.labels.tolist() == [0, 3, 7, 1]
    assert found.features.shape == (4, 4)
    outputs = network.eval()(batches[1].image_rgb)
    np.testing.assert_allclose(found.features[2:], outputs.features.detach().numpy(), atol=1e-6)
    assert found.predicted[2:].tolist() == outputs.expression_logits.argmax(dim=1).tolist()


def test_frozen_features_need_a_label_and_features(network):
    with pytest.raises(ValueError, match="no image has an expression label"):
        frozen_features(network, [made_batch([None, None])], 16)
    with pytest.raises(ValueError, match="no image has an expression label"):
        frozen_features(network, [], 16)

    class Silent(torch.nn.Linear):
        def forward(self, image: torch.Tensor) -> Outputs:
            return Outputs(*(torch.zeros(len(image), n) for n in (E, 2, A)))

    with pytest.raises(ValueError, match="Silent answers no features"):
        frozen_features(Silent(1, 1), [made_batch([0])], 16)


def rings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that no line parts, the outer one rare, and a feature of another scale."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < 0.25).astype(np.int64)
    angle, radius = rng.uniform(0, 2 * np.pi, count), 1 + 2 * labels + rng.normal(0, 0.2, count)
    noise = rng.normal(0, 1, count)
    return np.stack([radius * np.cos(angle), 1000 * radius * np.sin(angle), noise], axis=1).astype(np.float32), labels


def test_fit_svm_equals_scikit_learn_step_by_step():
    features, labels = rings(150, 0)
    other, _ = rings(80, 1)
    scaler = StandardScaler().fit(features)
    plain = SVC(C=2.0, class_weight="balanced").fit(scaler.transform(features), labels)
    got = fit_svm(features, labels, SvmOptions(c=2.0)).predict(other)
    np.testing.assert_array_equal(got, plain.predict(scaler.transform(other)))


def test_compare_svm_separates_what_a_linear_classifier_cannot():
    train, test = (
        FrozenFeatures(features, labels, np.zeros_like(labels)) for features, labels in (rings(300, 0), rings(300, 1))
    )
    radial = compare_svm(train, test)
    assert radial.softmax == pytest.approx(np.mean(test.labels == 0))
    assert radial.svm > 0.95
    assert compare_svm(train, test, SvmOptions(kernel="linear")).svm < 0.8


def test_fit_svm_says_what_is_wrong():
    features, labels = rings(20, 0)
    with pytest.raises(ValueError, match="20 rows of features do not fit 19 labels"):
        fit_svm(features, labels[1:])
    with pytest.raises(ValueError, match="all images have the same expression"):
        fit_svm(features, np.zeros(20))
