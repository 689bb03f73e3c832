import numpy as np
import pytest

from fer_core.data.label_embeddings import node_words, read_embeddings
from fer_core.labels import EXPRESSIONS


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_node_words_are_expressions_then_dimensions():
    words = node_words(EXPRESSIONS)
    assert words[:4] == ("neutral", "happy", "surprise", "sad")
    assert words[-2:] == ("valence", "arousal")
    assert len(words) == len(EXPRESSIONS) + 2


def test_shipped_embeddings_have_every_label_and_make_sense():
    vectors = read_embeddings(node_words(EXPRESSIONS))
    assert vectors.shape == (10, 50)
    assert vectors.dtype == np.float32
    by_word = dict(zip(node_words(EXPRESSIONS), vectors, strict=True))
    assert cosine(by_word["anger"], by_word["fear"]) > 0.8
    assert cosine(by_word["happy"], by_word["sad"]) > cosine(by_word["happy"], by_word["valence"])
    # The first numbers of the published file's line for "happy".
    np.testing.assert_allclose(read_embeddings(["happy"])[0, :3], [0.092086, 0.2571, -0.58693], atol=1e-6)


def test_shipped_embeddings_have_the_nouns_too():
    nouns = read_embeddings(["happiness", "sadness"])
    assert cosine(nouns[0], read_embeddings(["happy"])[0]) > 0.5


def test_read_embeddings_keeps_the_order_asked_for(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("the 1 2\nfear -0.5 3e-2\n. 0 0\nanger 4 5\nanger 9 9\nnot read because all words are found\n")
    np.testing.assert_allclose(read_embeddings(["anger", "fear"], path), [[4, 5], [-0.5, 0.03]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("anger 1 2\n", r"glove\.txt: has no vector for fear; name a file with all of anger, fear"),
        ("anger 1 2\nfear 1 2 3\n", r"differ in length \(\{'anger': 2, 'fear': 3\}\)"),
        ("anger 1 two\n", r"glove\.txt, line 1: not a word and its numbers"),
        ("the 1\nfear\n", r"line 2: not a word and its numbers \(none"),
        ("anger 1 nan\n", "not finite"),
    ],
)
def test_read_embeddings_says_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "glove.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_embeddings(["anger", "fear"], path)


def test_read_embeddings_names_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(ValueError, match=r"none\.txt: cannot be read"):
        read_embeddings(["anger"], tmp_path / "none.txt")
    (tmp_path / "glove.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"glove\.bin: is no UTF-8 text"):
        read_embeddings(["anger"], tmp_path / "glove.bin")
