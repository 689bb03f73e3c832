import gzip

import numpy as np
import pytest

from fer_core.data.archive import DataError
from fer_core.data.blendshapes import BlendshapeTable, load_blendshapes


def test_blendshape_table_selects_in_the_callers_order():
    scores = np.random.default_rng(0).random((9, 2), np.float32)
    table = BlendshapeTable(("made",) * 9, tuple(f"{i}.png" for i in range(9)), ("jawOpen", "mouthPucker"), scores)
    where, chosen = table.select("made", ["7.png", "absent.png", "3.png"])
    assert where.tolist() == [0, 2]
    assert chosen.paths == ("7.png", "3.png")
    np.testing.assert_array_equal(chosen.scores, scores[[7, 3]])
    with pytest.raises(DataError, match="noSuchShape"):
        table.columns(["noSuchShape"])


def test_load_blendshapes_reads_and_complains(tmp_path):
    path = tmp_path / "b.csv.gz"
    with pytest.raises(DataError, match="is missing"):
        load_blendshapes(path)
    header = "dataset,path,pitch_deg,yaw_deg,roll_deg,jawOpen,mouthPucker\n"
    path.write_bytes(gzip.compress((header + "made,a.png,1,2,3,0.5,0.25\n").encode()))
    table = load_blendshapes(path)
    assert table.names == ("jawOpen", "mouthPucker")
    np.testing.assert_allclose(table.scores, [[0.5, 0.25]])
    path.write_bytes(gzip.compress((header + "made,a.png,1,2,3,0.5\n").encode()))
    with pytest.raises(DataError, match="not complete"):
        load_blendshapes(path)
    path.write_bytes(gzip.compress(b"other,header\n"))
    with pytest.raises(DataError, match="must begin with"):
        load_blendshapes(path)
