import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.data.aligned_faces import aligned_faces, read_samples
from fer_core.data.archive import DataError
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.faces.still import StillFaceFinder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photographs of noise, where no mesh fits."""
    folder = tmp_path_factory.mktemp("archives")
    (folder / "webmorph" / "neutral_front").mkdir(parents=True)
    (folder / "webmorph" / "london_info.csv").write_text("face_id\n001\n002\n003\n")
    rng = np.random.default_rng(0)
    for person in ("001", "002", "003"):
        image = cv2.resize(rng.integers(0, 256, (9, 7, 3), np.uint8), (210, 270))
        assert cv2.imwrite(str(folder / "webmorph" / "neutral_front" / f"{person}_03.jpg"), image)
    return folder


def test_aligned_faces_are_what_the_finder_cuts_without_compression(root: Path):
    samples = read_samples(root, "webmorph", "test")
    finder = StillFaceFinder(DEFAULT_GEOMETRY)
    with aligned_faces(root, "webmorph", samples, DEFAULT_GEOMETRY, 1) as faces:
        for index, sample in enumerate(samples):
            image = cv2.imread(str(root / "webmorph" / sample.path))[:, :, ::-1]
            expected = finder.find(np.ascontiguousarray(image))
            np.testing.assert_array_equal(faces.image(index), expected.crop_rgb_u8)
    assert faces.landmarks.total() == 3
    assert faces.path.tolist() == [s.path for s in samples]
    assert faces.subject.tolist() == ["001", "002", "003"]
    finder.close()


def test_aligned_faces_come_in_order_only(root: Path):
    with aligned_faces(root, "webmorph", read_samples(root, "webmorph", "test"), DEFAULT_GEOMETRY, 1) as faces:
        faces.image(0)
        with pytest.raises(ValueError, match="1 is next, not 2"):
            faces.image(2)


def test_read_samples_names_the_splits_that_there_are(root: Path):
    with pytest.raises(DataError, match="no split 'valid'; choose --split test"):
        read_samples(root, "webmorph", "valid")


def test_read_samples_of_ferplus_needs_no_training_package(make_root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = make_root(tmp_path)
    for name in ("sklearn", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "fer_core.data.weak_au", raising=False)
    samples = read_samples(root, "ferplus", "test")
    assert len(samples) == 2
    assert all(np.isfinite(s.va).all() and np.isnan(s.au).all() for s in samples)
