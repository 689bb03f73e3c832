import json
import shutil
from contextlib import nullcontext

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="preparing needs the extra 'train'")

from fer_core import cli
from fer_core.data import prepare as preparing
from fer_core.data.archive import Archive, DataError
from fer_core.data.crops import aligned_crops
from fer_core.data.named_au import NAMED_BLENDSHAPES
from fer_core.data.prepare import WEAK_AU_WEIGHT, load_shards, prepare
from fer_core.data.shards import Shard, encode_crop
from fer_core.faces.align import DEFAULT_GEOMETRY, CropGeometry
from fer_core.faces.still import StillFaceFinder
from fer_core.labels import ACTION_UNITS, EXPRESSIONS

AU12 = ACTION_UNITS.index(12)


@pytest.fixture(scope="module")
def prepared(make_root, tmp_path_factory):
    """A made root and what ``prepare`` wrote for it."""
    root = make_root(tmp_path_factory.mktemp("root"))
    out = tmp_path_factory.mktemp("out") / "new"
    return root, out, prepare(root, out, processes=1)


@pytest.fixture
def copy(prepared, tmp_path):
    """The same, to be changed."""
    root, out, _ = prepared
    return shutil.copytree(root, tmp_path / "root"), shutil.copytree(out, tmp_path / "out")


@pytest.fixture
def cropped(monkeypatch):
    """Crops without processes; says of which data sets."""
    calls: list[str] = []

    def fake(root, dataset, paths, geometry, processes):
        calls.append(dataset)
        crop = np.full((geometry.size_px, geometry.size_px, 3), 99, np.uint8)
        return nullcontext((crop, "detector") for _ in paths)

    monkeypatch.setattr(preparing, "aligned_crops", fake)
    return calls


def test_prepare_writes_the_manifest(prepared):
    _, out, manifest = prepared
    assert json.loads((out / "manifest.json").read_text()) == json.loads(json.dumps(manifest))
    assert CropGeometry.from_dict(manifest["geometry"]) == DEFAULT_GEOMETRY
    assert list(manifest["expressions"]) == list(EXPRESSIONS)
    ferplus = manifest["datasets"]["ferplus"]
    assert ferplus["images"] == {"train": 4, "valid": 1, "test": 2}
    assert ferplus["dropped"]["duplicate_of_valid_or_test"] == 1
    assert ferplus["expressions"]["disgust"] == 2
    assert ferplus["bytes"] == (out / "ferplus.npz").stat().st_size
    assert manifest["datasets"]["ckplus128"]["images"] == {"train": 12, "test": 2}
    assert manifest["datasets"]["diffusionfer"]["dropped"] == {"image_missing": 1}
    for figures in manifest["datasets"].values():
        assert figures["landmark_coverage"] == 1
        assert sum(figures["landmarks"].values()) == sum(figures["images"].values())


def test_prepare_crops_are_those_of_the_still_finder(prepared):
    root, out, _ = prepared
    finder = StillFaceFinder()
    for shard in load_shards(out):
        archive = Archive(root, shard.dataset)
        for row in (0, len(shard) - 1):
            found = finder.find(archive.image(str(shard.path[row])))
            assert encode_crop(found.crop_rgb_u8) == shard.jpegs[row]
            assert found.source == shard.landmark_source[row]
    finder.close()


def test_prepare_gives_ferplus_affect_and_weak_units(prepared):
    _, out, manifest = prepared
    ferplus, ckplus, diffusion = (Shard.load(out / f"{n}.npz") for n in ("ferplus", "ckplus128", "diffusionfer"))
    assert np.isfinite(ferplus.va).all()
    assert np.abs(ferplus.va).max() <= 1
    neutral = ferplus.votes[:, 0] == 1
    np.testing.assert_allclose(ferplus.va[neutral], 0, atol=1e-6)
    kept = manifest["labels"]["weak_au"]["units_kept"]
    assert {12, 25} <= set(kept)
    assert manifest["labels"]["weak_au"]["images"] == len(ferplus) - 1
    without_face = [i for i, p in enumerate(ferplus.path) if p.endswith("fer0000001.png")]
    assert np.isnan(ferplus.au[without_face]).all()
    labelled = np.setdiff1d(np.arange(len(ferplus)), without_face)
    assert np.isfinite(ferplus.au[labelled, AU12]).all()
    assert ferplus.au[labelled, AU12].argmax() == 0  # the face whose blendshapes smile
    assert np.isnan(ferplus.au[:, ACTION_UNITS.index(9)]).all()
    np.testing.assert_allclose(ferplus.au_weight[labelled], WEAK_AU_WEIGHT)
    assert ckplus.au_weight.tolist() == [1.0] * 14
    assert np.isnan(ckplus.va).all()
    assert np.isnan(diffusion.au).all()
    assert manifest["labels"]["va_class_means"]["diffusionfer"]["contempt"] is None
    assert manifest["labels"]["va_class_means"]["diffusionfer"]["sadness"] == pytest.approx([-0.1, 0.2])


def test_prepare_without_blendshapes_goes_on_without_units(prepared, tmp_path, capsys):
    root, whole, _ = prepared
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("ferplus", "diffusionfer", "affectnetc25"):
        (bare / name).symlink_to(root / name)
    options = ["--root", str(bare), "--out", str(tmp_path / "out"), "--datasets", "ferplus", "diffusionfer"]
    assert cli.main(["prepare", *options]) == 0
    assert "blendshapes.csv.gz is not there: FER+ has no labels of action units" in capsys.readouterr().out
    without, with_them = (Shard.load(out / "ferplus.npz") for out in (tmp_path / "out", whole))
    assert np.isnan(without.au).all()
    np.testing.assert_array_equal(without.va, with_them.va)


def test_prepare_without_coded_faces_takes_units_by_the_names_of_blendshapes(prepared, tmp_path):
    root, whole, _ = prepared
    manifest = prepare(root, tmp_path, processes=1, datasets=("ferplus", "diffusionfer"))
    assert manifest["labels"]["weak_au"]["units_kept"] == sorted(NAMED_BLENDSHAPES)
    assert "auc_on_ckplus_train_subjects" not in manifest["labels"]["weak_au"]
    open_set, coded_set = (Shard.load(out / "ferplus.npz") for out in (tmp_path, whole))
    np.testing.assert_array_equal(open_set.va, coded_set.va)
    assert np.nanargmax(open_set.au[:, AU12]) == 0  # the face whose blendshapes smile
    assert np.isnan(open_set.au[:, ACTION_UNITS.index(9)]).all()
    labelled = np.isfinite(open_set.au).any(axis=1)
    np.testing.assert_allclose(open_set.au_weight[labelled], WEAK_AU_WEIGHT)


def test_prepare_again_keeps_the_crops_and_renews_the_labels(copy, cropped):
    root, out = copy
    labels = root / "diffusionfer" / "dataset_sheet.csv"
    labels.write_text(labels.read_text().replace("made3.png,0.0,0.3", "made3.png,0.0,0.9"))
    before = Shard.load(out / "diffusionfer.npz")
    prepare(root, out, processes=1)
    after = Shard.load(out / "diffusionfer.npz")
    assert cropped == []
    assert after.jpegs == before.jpegs
    assert (after.landmark_source == before.landmark_source).all()
    row = after.path.tolist().index("cropped/surprise/made3.jpg")
    assert after.va[row, 1] == pytest.approx(0.9)


def test_prepare_crops_anew_what_changed(copy, cropped):
    root, out = copy
    labels = root / "ckplus128" / "ckplus128_au_labels.csv"
    labels.write_text("\n".join(labels.read_text().splitlines()[:-1]) + "\n")  # one image less
    (out / "ferplus.npz").write_bytes(b"damaged")
    prepare(root, out, processes=1)
    assert sorted(cropped) == ["ckplus128", "ferplus"]
    cropped.clear()
    prepare(root, out, processes=1, geometry=DEFAULT_GEOMETRY.scaled(64))
    assert sorted(cropped) == ["ckplus128", "diffusionfer", "ferplus"]
    assert Shard.load(out / "ferplus.npz").image(0).shape == (64, 64, 3)


def test_prepare_crops_anew_where_an_image_was_replaced(copy, cropped):
    root, out = copy
    image = next((root / "diffusionfer").rglob("made3.jpg"))
    image.write_bytes(image.with_name("made3.jpg").read_bytes() + b"\0")
    prepare(root, out, processes=1)
    assert cropped == ["diffusionfer"]


@pytest.mark.parametrize("name", ["affectnetc25/valence_set2_C25.csv", "ckplus128"])
def test_prepare_names_the_missing_part(copy, name, cropped):
    root, out = copy
    path = root / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DataError, match=name.rpartition("/")[2]):
        prepare(root, out, processes=1)


@pytest.mark.parametrize("processes", [1, 2])
def test_aligned_crops_reports_an_unreadable_image_from_its_process(copy, processes):
    root, _ = copy
    (root / "ferplus" / "broken.png").write_bytes(b"no image")
    with (
        pytest.raises(DataError, match=r"ferplus: broken\.png is no image"),
        aligned_crops(root, "ferplus", ["broken.png"], DEFAULT_GEOMETRY, processes) as crops,
    ):
        list(crops)
