import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="reports need the extra 'train'")

from fer_core.evaluate.figures import save_png
from fer_core.evaluate.label_similarity import cosine_similarity, label_similarity_figure


def test_cosine_similarity_equals_the_formula():
    vectors = np.random.default_rng(0).normal(size=(4, 6))
    got = cosine_similarity(vectors)
    for i in range(4):
        for j in range(4):
            norms = np.linalg.norm(vectors[i]) * np.linalg.norm(vectors[j])
            assert got[i, j] == pytest.approx(vectors[i] @ vectors[j] / norms)


def test_cosine_similarity_of_zeros_is_nan():
    got = cosine_similarity(np.array([[1.0, 0], [0, 0]]))
    np.testing.assert_array_equal(np.isnan(got), [[False, True], [True, True]])


def test_label_similarity_figure_shows_every_pair(tmp_path):
    vectors = np.array([[1.0, 0], [1, 1], [-1, 0], [0, 0]])
    names = ["happiness", "surprise", "valence", "arousal"]
    figure = label_similarity_figure(vectors, names)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == names
    texts = {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in axes.texts}
    assert texts[0, 1] == "0.71"
    assert texts[2, 0] == "-1.00"
    assert len(texts) == 9  # none for the vector of zeros
    save_png(figure, tmp_path / "similarity.png")
    assert (tmp_path / "similarity.png").read_bytes().startswith(b"\x89PNG")


def test_label_similarity_figure_needs_a_name_a_vector():
    with pytest.raises(ValueError, match=r"got 1 names and vectors \(2, 3\)"):
        label_similarity_figure(np.ones((2, 3)), ["a"])
