import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fer_core import cli
from fer_core.cli import main
from fer_core.labels import ACTION_UNITS, EXPRESSIONS, au_column
from fer_core.train.recipe import load_recipe

HEADLINES = {"accuracy", "macro_f1", "ccc_valence", "ccc_arousal", "au_auc"}


def evaluate(*arguments: object) -> int:
    return main(["evaluate", "--jobs", "1", *map(str, arguments)])


def figures_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert evaluate(*arguments, "--json", "-") == 0
    return json.loads(capsys.readouterr().out)


def test_evaluate_prints_json_with_the_figures_of_the_model(
    root: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    found = figures_of(capsys, "--model", model, "--data", "diffusionfer", "--root", root)
    assert found.keys() >= HEADLINES
    assert found["rows"] == 7
    assert found["accuracy"] == 1
    assert found["ccc_valence"] == pytest.approx(1, abs=1e-4)
    assert found["ccc_arousal"] == pytest.approx(1, abs=1e-4)
    assert found["au_auc"] is None  # not coded in this set
    assert found["expressions"].keys() == set(EXPRESSIONS)
    assert found["expressions"]["anger"]["support"] == 1
    assert (found["dataset"], found["split"]) == ("diffusionfer", "test")
    assert found["model"]["name"] == "brightness"
    assert len(found["model"]["sha256"]) == 64
    assert sum(found["landmarks"].values()) == 7


def test_evaluate_measures_action_units_of_the_split_asked_for(
    root: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    for split, rows in (("test", 4), ("train", 12)):
        found = figures_of(capsys, "--model", model, "--data", "ckplus128", "--root", root, "--split", split)
        assert found["rows"] == rows
        assert found["au_auc"] == 1
        assert found["action_units"].keys() == {au_column(u) for u in ACTION_UNITS}
        assert found["ccc_valence"] is None


def test_evaluate_reports_how_far_neutral_faces_lie_from_the_origin(
    root: Path, model: Path, made: SimpleNamespace, capsys: pytest.CaptureFixture[str]
):
    found = figures_of(capsys, "--model", model, "--data", "webmorph", "--root", root)
    assert found["rows"] == 4  # two people; the one not in the table and the other sets are left out
    neutral = found["expressions"]["neutral"]
    assert neutral["support"] == 2
    expected = math.sqrt(2) * abs(2 * made.brightness("neutral") - 1)
    assert neutral["mean_va_distance"] == pytest.approx(expected, abs=0.01)


def test_evaluate_of_ferplus_has_all_expression_and_va_figures(
    full_root: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    found = figures_of(capsys, "--model", model, "--data", "ferplus", "--root", full_root)
    assert found["accuracy"] == 7 / 8
    assert found["expressions"]["anger"]["recall"] == 0
    assert found["expressions"]["fear"]["precision"] == 0.5
    assert math.isfinite(found["ccc_valence"])
    assert math.isfinite(found["ccc_arousal"])
    assert found["au_auc"] is None  # labels that a model made do not count


def test_evaluate_takes_thresholds_of_action_units_from_other_faces(
    root: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ("--model", model, "--data", "ckplus128", "--root", root)
    assert "au_f1_chosen" not in figures_of(capsys, *arguments)
    by_split = figures_of(capsys, *arguments, "--au-thresholds-from", "train")
    unit = by_split["action_units"]["au12"]
    # Halfway between the brightness of fear, where all units are present, and of neutral, where none is.
    assert unit["threshold"] == pytest.approx((6.5 / 8 + 0.5 / 8) / 2, abs=0.01)
    assert by_split["au_f1_chosen"] == unit["f1_chosen"] == 1
    train = tmp_path / "train.json"
    assert evaluate(*arguments, "--split", "train", "--json", train) == 0
    by_file = figures_of(capsys, *arguments, "--au-thresholds-from", train)
    assert by_file["action_units"] == by_split["action_units"]
    assert evaluate(*arguments, "--au-thresholds-from", "train") == 0
    printed = capsys.readouterr().out
    assert "action units, mean F1, chosen thresholds  1.000" in printed
    assert "F1, chosen" in printed


def test_evaluate_refuses_thresholds_of_the_faces_that_are_measured(
    root: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ("--model", model, "--data", "ckplus128", "--root", root)
    with pytest.raises(SystemExit) as stopped:
        evaluate(*arguments, "--au-thresholds-from", "test")
    assert stopped.value.code == 2
    same = tmp_path / "test.json"
    assert evaluate(*arguments, "--json", same) == 0
    assert evaluate(*arguments, "--au-thresholds-from", same) == 1
    assert evaluate(*arguments, "--au-thresholds-from", tmp_path / "none.json") == 1
    missing_units = ("--model", model, "--data", "diffusionfer", "--root", root, "--au-thresholds-from", "train")
    assert evaluate(*missing_units) == 1
    errors = capsys.readouterr().err
    assert "chosen on ckplus128, test itself" in errors
    assert "none.json" in errors
    assert "no face of diffusionfer, train shows an action unit" in errors


def test_evaluate_makes_the_folder_of_its_figures(root: Path, model: Path, tmp_path: Path):
    figures = tmp_path / "new" / "figures.json"
    assert evaluate("--model", model, "--data", "ckplus128", "--root", root, "--json", figures) == 0
    assert json.loads(figures.read_text())["dataset"] == "ckplus128"


def test_evaluate_of_ferplus_needs_no_coded_faces(full_root: Path, model: Path, tmp_path: Path):
    rest = tmp_path / "rest"
    shutil.copytree(full_root, rest, ignore=shutil.ignore_patterns("ckplus128*"))
    assert evaluate("--model", model, "--data", "ferplus", "--root", rest, "--json", "-") == 0


@pytest.mark.skipif(os.name != "posix", reason="closes standard streams as a shell does")
def test_a_command_goes_on_where_its_streams_are_closed(tmp_path: Path):
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        line = f'"{sys.executable}" -m fer_core.cli recipes {closed}'
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_evaluate_prints_a_table_without_json(root: Path, model: Path, capsys: pytest.CaptureFixture[str]):
    assert evaluate("--model", model, "--data", "ckplus128", "--root", root) == 0
    out = capsys.readouterr().out
    assert "brightness 3 on ckplus128, test: 4 faces" in out
    assert "action units, mean AUC  1.000" in out
    assert "lip corner puller" in out
    assert "undefined" in out  # the scores of classes that no face has
    assert "CCC" not in out  # no labels for it


def test_evaluate_in_several_processes_writes_the_same_figures_and_a_report(root: Path, model: Path, tmp_path: Path):
    pytest.importorskip("matplotlib", reason="reports need the extra 'train'")
    arguments = ("--model", model, "--data", "diffusionfer", "--root", root)
    assert evaluate(*arguments, "--json", tmp_path / "one.json") == 0
    report = tmp_path / "report"
    assert evaluate(*arguments, "--jobs", 2, "--json", tmp_path / "two.json", "--report", report) == 0
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()
    assert json.loads((report / "metrics.json").read_text()) == json.loads((tmp_path / "two.json").read_text())
    assert (report / "report.md").read_text().startswith("# brightness 3 on diffusionfer, test")
    assert (report / "confusion-diffusionfer.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_says_what_is_wrong_and_exits_1(
    root: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "no.onnx").write_text("text")

    def complaint(*arguments: object) -> str:
        assert evaluate(*arguments) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("error: ")
        assert "Traceback" not in printed.err
        return printed.err

    no_model = complaint("--model", tmp_path / "no.onnx", "--data", "webmorph", "--root", root)
    assert "no.onnx: cannot be loaded" in no_model
    assert "check --root" in complaint("--model", model, "--data", "webmorph", "--root", tmp_path)
    no_split = complaint("--model", model, "--data", "webmorph", "--root", root, "--split", "train")
    assert "no split 'train'; choose --split test" in no_split
    (tmp_path / "file").write_text("no folder")
    nowhere = tmp_path / "file" / "figures.json"
    assert str(nowhere.parent) in complaint("--model", model, "--data", "webmorph", "--root", root, "--json", nowhere)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["evaluate", "--data", "webmorph"],
        ["evaluate", "--data", "affectnett", "--root", "."],
        ["evaluate", "--data", "webmorph", "--root", ".", "--jobs", "0"],
        ["evaluate", "--data", "webmorph", "--root", ".", "--split", "dev"],
        ["evaluate", "--data", "webmorph", "--root", ".", "--split", "valid", "--au-thresholds-from", "valid"],
        ["train", "first", "--data", ".", "--out", ".", "--set", "seed"],
        ["export", "--checkpoint", "a.pt", "--out", "a.onnx"],
        ["export", "--checkpoint", "a.pt", "--out", "a.onnx", "--temperature", "cold"],
        ["export", "--checkpoint", "a.pt", "--out", "a.onnx", "--temperature", "-1"],
    ],
)
def test_cli_refuses_bad_arguments_with_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: fer-core" in capsys.readouterr().err


def test_cli_stops_cleanly_with_exit_130(
    monkeypatch: pytest.MonkeyPatch, root: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "predict_shard", interrupted)
    monkeypatch.setattr(cli, "read_samples", interrupted)
    assert evaluate("--model", model, "--data", "webmorph", "--root", root) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_recipes_lists_what_train_accepts(capsys: pytest.CaptureFixture[str]):
    assert main(["recipes"]) == 0
    text = capsys.readouterr().out
    assert "affectnet: " in text
    assert "mohammadmahoor.com/affectnet" in text  # where to ask for it
    listed = {line.split()[0]: line for line in text.partition("\n\n")[0].splitlines()}
    assert "first" in listed
    for name, line in listed.items():
        recipe = load_recipe(name)
        assert recipe.description
        assert line.endswith(recipe.description)
        assert f"{recipe.epochs} epochs" in line


def without_extras(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command where nothing of the ``train`` extra can be imported, but Matplotlib, which MediaPipe brings too."""
    code = (
        "import sys\n"
        "from fer_core.cli import _EXTRA_PACKAGES, main\n"
        "for name in _EXTRA_PACKAGES.keys() - {'matplotlib'}: sys.modules[name] = None\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def test_evaluate_works_without_the_train_extra(root: Path, model: Path):
    arguments = ("--model", model, "--data", "ckplus128", "--root", root, "--jobs", 1, "--json", "-")
    done = without_extras("evaluate", *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["au_auc"] == 1


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["prepare", "--root", "ROOT", "--out", "out"], "scikit-learn"),
        (["train", "first", "--data", "ROOT", "--out", "out"], "scikit-learn|torch"),
        (["export", "--checkpoint", "c.pt", "--out", "o.onnx", "--temperature", "1"], "scikit-learn|torch"),
    ],
)
def test_cli_names_the_missing_extra_with_exit_1(
    arguments: list[str], package: str, root: Path, model: Path, tmp_path: Path
):
    places = {"MODEL": str(model), "ROOT": str(root)}
    done = without_extras(*(places.get(a, a) for a in arguments))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert any(f"needs {name}, which is not installed" in done.stderr for name in package.split("|"))
    assert 'pip install -e ".[train]"' in done.stderr


def test_recipes_ends_quietly_when_nobody_reads_on():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "fer_core.cli", "recipes"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
