from pathlib import Path

import numpy as np
import pytest

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.webmorph import read_webmorph
from fer_core.labels import EXPRESSIONS


def made(folder: Path, names: list[str]) -> Archive:
    for name in names:
        path = folder / "webmorph" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (folder / "webmorph" / "london_info.csv").write_text("face_id,face_age\n001,24\n002,31\n")
    return Archive(folder, "webmorph")


def test_webmorph_reads_neutral_and_smiling_pairs_as_test_samples(tmp_path: Path):
    names = ["neutral_front/001_03.jpg", "smiling_front/001_08.jpg", "neutral_front/002_03.jpg"]
    others = ["neutral_front/777_03.jpg", "canada/a.jpg", "3dsk/female/b.jpg"]
    samples, dropped = read_webmorph(made(tmp_path, names + others))
    assert sorted(s.path for s in samples) == sorted(names)
    assert dropped == {"person_not_in_table": 1}
    for sample in samples:
        assert sample.split == "test"
        assert sample.subject == sample.path.split("/")[1][:3]
        expected = "neutral" if "neutral" in sample.path else "happiness"
        assert EXPRESSIONS[int(sample.votes.argmax())] == expected
        assert sample.votes.sum() == 1
        assert np.isnan(sample.va).all()
        assert np.isnan(sample.au).all()


def test_webmorph_refuses_an_archive_without_its_photographs(tmp_path: Path):
    with pytest.raises(DataError, match="no photographs in neutral_front or smiling_front"):
        read_webmorph(made(tmp_path, ["canada/a.jpg"]))


@pytest.mark.slow
def test_webmorph_reads_the_whole_london_set():
    shared = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not (shared / "webmorph.zip").is_file():
        pytest.skip("the research data is not beside the checkout")
    samples, dropped = read_webmorph(Archive(shared, "webmorph"))
    assert len(samples) == 204
    assert dropped == {"person_not_in_table": 0}
    assert len({s.subject for s in samples}) == 102
