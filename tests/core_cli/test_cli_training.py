import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")


from fer_core.cli import main
from fer_core.data.alignment import ALIGNMENTS
from fer_core.data.shards import Shard
from fer_core.faces.align import DEFAULT_GEOMETRY, CropGeometry
from fer_core.infer.baseline import NeutralReference
from fer_core.infer.engine import Engine
from fer_core.infer.shipped_models import byte_twin
from fer_core.labels import ACTION_UNITS

RECIPE = """
description = "tiny"
backbone = "tf_efficientnet_lite0"
imagenet = false
batch_size = 8
stages = [{ epochs = 1, size_px = 32 }]
"""


def run(*arguments: object) -> int:
    return main([str(a) for a in arguments])


@pytest.fixture(scope="module")
def shards(full_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    assert run("prepare", "--root", full_root, "--out", folder, "--jobs", 1) == 0
    return folder


@pytest.fixture(scope="module")
def checkpoint(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.toml").write_text(RECIPE)
    overrides = ("--set", "seed=5", "dropout=0")
    assert run("train", folder / "tiny.toml", "--data", shards, "--out", folder / "run", *overrides) == 0
    return folder / "run" / "checkpoint.pt"


@pytest.mark.slow
def test_prepare_prints_what_went_into_the_shards(shards: Path, full_root: Path, capsys: pytest.CaptureFixture[str]):
    assert run("prepare", "--root", full_root, "--out", shards, "--jobs", 1) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["ferplus"][1:4] == ["12", "8", "8"]
    assert rows["ckplus128"][1:4] == ["12", "0", "4"]
    assert rows["diffusionfer"][1:4] == ["7", "0", "7"]
    assert (shards / "manifest.json").is_file()


@pytest.mark.slow
def test_train_takes_overrides_and_refuses_another_recipe_in_the_same_folder(
    checkpoint: Path, shards: Path, capsys: pytest.CaptureFixture[str]
):
    recipe = checkpoint.parents[1] / "tiny.toml"
    assert run("train", recipe, "--data", shards, "--out", checkpoint.parent, "--set", "seed=6") == 1
    assert "is a run of another recipe" in capsys.readouterr().err
    assert run("train", recipe, "--data", shards, "--out", checkpoint.parent, "--set", "seed=5", "dropout=0") == 0


@pytest.mark.slow
def test_export_makes_a_model_that_evaluate_runs(
    checkpoint: Path, shards: Path, full_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model = tmp_path / "new" / "tiny.onnx"
    first = ("export", "--checkpoint", checkpoint, "--out", model, "--data", shards)
    assert run(*first, "--name", "tiny", "--version", "0.1") == 0
    assert "temperature" in capsys.readouterr().out
    figures = tmp_path / "figures.json"
    assert (
        run("evaluate", "--model", model, "--data", "diffusionfer", "--root", full_root, "--jobs", 1, "--json", figures)
        == 0
    )
    assert run(*first, "--name", "tiny", "--version", "0.2", "--figures", figures, "--int8") == 0
    assert f"{byte_twin(model)}: the same in int8" in capsys.readouterr().out
    assert byte_twin(model).stat().st_size < 0.5 * model.stat().st_size

    card = Engine(model, device="cpu").card
    assert (card.name, card.version, card.backbone) == ("tiny", "0.2", "tf_efficientnet_lite0")
    assert card.geometry == DEFAULT_GEOMETRY  # the file resizes inside
    measured = json.loads(figures.read_text())
    assert card.figures["diffusionfer test"]["accuracy"] == measured["accuracy"]
    assert card.training["recipe"]["seed"] == 5
    assert card.training["temperature"] > 0
    assert all((card.description, card.intended_use, card.limits, card.data))
    assert json.loads(model.with_suffix(".json").read_text()) == json.loads(card.to_json())

    reference = NeutralReference.of_card(card)
    assert "neutral_reference" in card.figures
    assert reference.expression_probs.sum() == pytest.approx(1, abs=1e-4)
    assert np.isfinite(reference.au_probs).all()


@pytest.mark.slow
def test_export_with_a_given_temperature_needs_no_data(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model = tmp_path / "tiny.onnx"
    assert run("export", "--checkpoint", checkpoint, "--out", model, "--temperature", 1.5) == 0
    assert "no neutral reference" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        run("export", "--checkpoint", checkpoint, "--out", model, "--temperature", 1.5, "--int8")
    assert "--int8 takes its ranges from prepared faces: give --data DIR" in capsys.readouterr().err
    card = Engine(model, device="cpu").card
    assert card.training["temperature"] == 1.5
    assert "neutral_reference" not in card.figures


@pytest.mark.slow
def test_export_leaves_out_what_no_face_was_labelled_for(
    checkpoint: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    uncoded, model = tmp_path / "uncoded", tmp_path / "open.onnx"
    uncoded.mkdir()
    shutil.copy(shards / "diffusionfer.npz", uncoded)
    ferplus = Shard.load(shards / "ferplus.npz")
    au = np.full_like(ferplus.au, np.nan)
    replace(ferplus, au=au).save(uncoded / "ferplus.npz")
    export = ("export", "--checkpoint", checkpoint, "--out", model, "--data", uncoded)
    assert run(*export) == 1
    assert "no training face is labelled for any action unit" in capsys.readouterr().err

    au[:, [ACTION_UNITS.index(4), ACTION_UNITS.index(12)]] = 0.3
    replace(ferplus, au=au).save(uncoded / "ferplus.npz")
    assert run(*export) == 0
    engine = Engine(model, device="cpu")
    assert engine.card.action_units == (4, 12)
    assert not any("CK+" in words for words in (*engine.card.data, *engine.card.limits))
    side_px = engine.card.geometry.size_px
    assert engine.run(np.zeros((1, side_px, side_px, 3), np.uint8))[2].shape == (1, 2)


@pytest.mark.slow
def test_probe_measures_a_checkpoint_and_looks_into_its_features(
    checkpoint: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    report, figures = tmp_path / "report", tmp_path / "probe.json"
    one = ("probe", "--checkpoint", checkpoint, "--data", shards, "--datasets", "ferplus")
    assert run(*one, "--split", "valid", "--svm", "linear", "--json", figures, "--report", report) == 0
    printed = capsys.readouterr().out
    found = json.loads(figures.read_text())
    assert found["rows"] == 8
    assert found["svm"]["kernel"] == "linear"
    assert f"accuracy of a support vector machine, linear  {found['svm']['svm']:.3f}" in printed
    outcomes = found["confidence"]
    assert outcomes["correct"]["count"] + outcomes["wrong"]["count"] == 8
    page = (report / "report.md").read_text()
    assert "## In the network" in page
    for name in ("label-similarity.png", "confusion-ferplus.png", "features-ferplus.png"):
        assert name in page
        assert (report / name).read_bytes().startswith(b"\x89PNG")
    assert run("probe", "--checkpoint", checkpoint, "--data", shards) == 0
    assert "ckplus128, diffusionfer, ferplus, test" in capsys.readouterr().out
    assert run("probe", "--checkpoint", checkpoint, "--data", shards, "--datasets", "fer") == 1
    assert "no shard of fer; there are" in capsys.readouterr().err


@pytest.mark.slow
def test_faces_aligned_by_their_eyes_are_trained_and_probed_but_not_exported(
    full_root: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    eyes, made = tmp_path / "eyes", tmp_path / "run"
    common = ("prepare", "--root", full_root, "--datasets", "diffusionfer", "--jobs", 1)
    assert run(*common, "--out", eyes, "--alignment", "eyes") == 0
    geometry = CropGeometry.from_dict(json.loads((eyes / "manifest.json").read_text())["geometry"])
    assert geometry == ALIGNMENTS["eyes"]
    overrides = ("--set", "batch_size=4", "dropout=0")
    recipe = checkpoint.parents[1] / "tiny.toml"
    assert run("train", recipe, "--data", eyes, "--out", made, *overrides) == 0
    trained = made / "checkpoint.pt"
    assert run("probe", "--checkpoint", trained, "--data", eyes) == 0
    capsys.readouterr()
    assert run("export", "--checkpoint", trained, "--out", tmp_path / "m.onnx", "--temperature", 1) == 1
    assert "trained on faces aligned by their eyes" in capsys.readouterr().err

    points = tmp_path / "points"
    assert run(*common, "--out", points) == 0
    assert run("probe", "--checkpoint", trained, "--data", points) == 1
    assert "diffusionfer: faces aligned otherwise" in capsys.readouterr().err
    (points / "diffusionfer.npz").rename(eyes / "other.npz")
    assert run("train", recipe, "--data", eyes, "--out", tmp_path / "both", *overrides) == 1
    assert "the shards differ in how their faces were aligned" in capsys.readouterr().err


def test_train_and_export_say_what_is_wrong_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def complaint(*arguments: object) -> str:
        assert run(*arguments) == 1
        text = capsys.readouterr().err
        assert text.startswith("error: ")
        assert text.count("\n") == 1
        return text

    train = ("train", "--data", tmp_path, "--out", tmp_path / "run")
    assert "did you mean 'first'" in complaint(*train, "frist")
    assert "did you mean 'batch_size'" in complaint(*train, "first", "--set", "batch_siz=3")
    assert "holds no shards; make them with: fer-core prepare" in complaint(*train, "first")
    assert "no such recipe file" in complaint(*train, tmp_path / "none.toml")

    export = ("export", "--out", tmp_path / "m.onnx", "--temperature", 1)
    assert "check --checkpoint" in complaint(*export, "--checkpoint", tmp_path / "none.pt")
    (tmp_path / "bad.pt").write_text("text")
    assert "bad.pt: is no checkpoint" in complaint(*export, "--checkpoint", tmp_path / "bad.pt")
    (tmp_path / "bad.json").write_text("[1]")
    listed = (*export, "--checkpoint", tmp_path / "bad.pt", "--figures", tmp_path / "bad.json")
    assert "bad.json: must hold a JSON object" in complaint(*listed)
