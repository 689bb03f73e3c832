from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.data import prepare as preparing
from fer_core.data.archive import Archive, DataError
from fer_core.data.prepare import load_shards, prepare
from fer_core.data.readers.registry import AU, DATASETS, EXPRESSION, VA, find_dataset
from fer_core.data.sample import Sample

WANTED = {
    "fer2013", "ferplus", "rafdb", "rafdb_compound", "affectnet", "affectnet7", "saffwild2", "affwild2", "affwild",
    "afewva", "afew", "recola", "bu3dfe", "ckplus", "ckplus128", "jaffe", "diffusionfer", "webmorph", "utkface",
    "folder:NAME", "csv:NAME",
}  # fmt: skip


def test_registry_describes_every_data_set_once():
    assert {d.name for d in DATASETS} == WANTED
    assert len(DATASETS) == len(WANTED)
    for entry in DATASETS:
        assert entry.about
        assert entry.licence
        assert entry.source
        assert entry.labels or entry.name == "utkface"  # only teachers label it
        assert set(entry.labels) <= {EXPRESSION, VA, AU}


def test_find_dataset_suggests_the_nearest_name():
    assert find_dataset("rafdb_compound").archive == "rafdb"
    assert find_dataset("csv:my set").archive == "my set"
    with pytest.raises(DataError, match="no data set named 'rafbd'; did you mean rafdb"):
        find_dataset("rafbd")
    with pytest.raises(DataError, match="no data set named 'folder:'"):
        find_dataset("folder:")


def test_dataset_says_where_to_ask_when_its_archive_is_missing(tmp_path):
    for entry in DATASETS:
        with pytest.raises(DataError) as raised:
            entry.samples(tmp_path)
        assert entry.source in str(raised.value)


@pytest.mark.parametrize("name", sorted(d.name for d in DATASETS if ":" not in d.name))
def test_readers_of_an_archive_of_another_data_set_name_a_file(tmp_path, name):
    info = find_dataset(name)
    (tmp_path / info.archive).mkdir()
    (tmp_path / info.archive / "other.txt").write_text("x")
    with pytest.raises(DataError, match=r"missing|is there|are there|no photographs|no image"):
        info.samples(tmp_path)


def test_prepare_takes_data_sets_of_the_registry(tmp_path, monkeypatch):
    for split, name in (("train", "happy"), ("train", "fear"), ("valid", "sad")):
        path = tmp_path / "root" / "mine" / split / name / "0.png"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.full((20, 20, 3), 90, np.uint8))
    asked: list[str] = []
    real = preparing.aligned_crops

    def spy(root: Path, archive: str, *arguments):
        asked.append(archive)
        return real(root, archive, *arguments)

    monkeypatch.setattr(preparing, "aligned_crops", spy)
    manifest = prepare(tmp_path / "root", tmp_path / "out", 1, datasets=["folder:mine"])
    assert asked == ["mine"]
    assert manifest["datasets"]["folder:mine"]["images"] == {"train": 2, "valid": 1}
    assert manifest["datasets"]["folder:mine"]["expressions"] == {"happiness": 1, "fear": 1, "sadness": 1}
    (shard,) = load_shards(tmp_path / "out")
    assert shard.dataset == "folder:mine"
    assert (tmp_path / "out" / "mine.npz").is_file()


def test_archive_locates_files_inside_enclosing_folders(tmp_path):
    for path in ("a/b/list.txt", "a/b/one/x.png", "c/two/y.png", "d/two/z.png", "list2.txt", "e/list2.txt"):
        (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / path).write_text("")
    archive = Archive(tmp_path, "set")
    assert archive.has("a/b/list.txt")
    assert not archive.has("a/b")
    assert archive.locate("b/list.txt") == "a/b/list.txt"
    assert archive.enclosing("one") == "a/b/"
    assert archive.enclosing("a/b") == ""
    with pytest.raises(DataError, match=r"list2\.txt is there 2 times"):
        archive.locate("list2.txt")
    with pytest.raises(DataError, match="the folder two is there 2 times"):
        archive.enclosing("two")
    with pytest.raises(DataError, match=r"ist\.txt is missing"):
        archive.locate("ist.txt")


def test_sample_knows_whether_it_is_labelled():
    assert not Sample("d", "p", "train").is_labelled
    assert Sample("d", "p", "train", va=np.array([0.1, np.nan], np.float32)).is_labelled
    with pytest.raises(ValueError, match="read-only"):
        Sample("d", "p", "train").votes[0] = 1
