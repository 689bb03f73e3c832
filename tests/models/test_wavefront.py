from pathlib import Path

import numpy as np
import pytest

from fer_core.models.wavefront import read_wavefront, write_wavefront


@pytest.mark.parametrize(
    ("text", "words"), [("v 1 2\n", "line 1"), ("v 1 2 3\nf 1 x 2\n", "line 2"), ("g\n", "no vertex")]
)
def test_read_wavefront_names_what_it_cannot_read(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m.obj").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        read_wavefront(tmp_path / "m.obj")


def test_read_wavefront_refuses_a_face_of_unknown_vertices(tmp_path: Path) -> None:
    (tmp_path / "m.obj").write_text("v 0 0 0\nv 1 0 0\nf 1 2 3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="vertex 3 of 2"):
        read_wavefront(tmp_path / "m.obj")


def test_write_wavefront_is_read_back(tmp_path: Path) -> None:
    vertices, triangles = np.array([[0, 1.5, -2], [1e-7, 0, 3], [4, 5, 6]]), np.array([[2, 0, 1]], np.int32)
    write_wavefront(tmp_path / "m.obj", vertices, triangles)
    found = read_wavefront(tmp_path / "m.obj")
    np.testing.assert_allclose(found[0], vertices)
    np.testing.assert_array_equal(found[1], triangles)
