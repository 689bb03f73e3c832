from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core import cli
from fer_core.data.dataset import ShardDataset
from fer_core.data.prepare import WEAK_AU_WEIGHT
from fer_core.data.shards import Shard
from fer_core.train.networks import create_model, load_trained
from fer_core.train.recipe import Recipe, RecipeError, Stage, recipe_from_dict
from fer_core.train.teachers import Teacher, ask, taught
from fer_core.train.trainer import ANSWERS, train

from .toys import labelled_shard

QUICK = Recipe(backbone="test_efficientnet", imagenet=False, batch_size=8, stages=(Stage(1, 32),), ema_decay=0.5)


@pytest.fixture(scope="module")
def shard() -> Shard:
    """Three kinds of training faces: coded, weakly labelled in part, and without units; two without valence-arousal."""
    shard = labelled_shard()
    weight, au, va = shard.au_weight.copy(), shard.au.copy(), shard.va.copy()
    weight[4:12] = WEAK_AU_WEIGHT
    au[4:12, 3:] = np.nan
    au[12:16] = np.nan
    va[:2] = np.nan
    return replace(shard, au=au, au_weight=weight, va=va)


@pytest.fixture(scope="module")
def checkpoints(shard, tmp_path_factory) -> list[str]:
    runs = [replace(QUICK, seed=seed) for seed in (1, 2)]
    return [str(train(run, [shard], tmp_path_factory.mktemp("teacher"))) for run in runs]


@pytest.fixture(scope="module")
def answers(shard, checkpoints, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("answers") / "answers.npz"
    ask([Teacher.finished(Path(checkpoint)) for checkpoint in checkpoints], [shard], path)
    return path


@torch.inference_mode()
def mean_answers(shard: Shard, checkpoints: list[str]) -> dict[str, np.ndarray]:
    """Asked one face at a time."""
    data, networks = ShardDataset([shard], "train", None, 0), [load_trained(c)[0] for c in checkpoints]
    found: dict[str, list[np.ndarray]] = {"votes": [], "va": [], "au": []}
    for image, *_ in (data[i] for i in range(len(data))):
        x = torch.from_numpy(image).permute(2, 0, 1)[None].float()
        x = torch.nn.functional.interpolate(x, size=(32, 32), mode="bilinear", antialias=True)
        seen = [network(way) for network in networks for way in (x, x.flip(-1))]
        found["votes"].append(np.mean([a.expression_logits.softmax(1).numpy()[0] for a in seen], axis=0))
        found["va"].append(np.mean([a.va.numpy()[0] for a in seen], axis=0))
        found["au"].append(np.mean([a.au_logits.sigmoid().numpy()[0] for a in seen], axis=0))
    return {name: np.stack(rows) for name, rows in found.items()}


def test_taught_labels_are_mixed_with_the_mean_answer_of_all_teachers(shard, checkpoints, answers):
    (mixed,) = taught([shard], 0.25, answers)
    expected, train_rows = mean_answers(shard, checkpoints), shard.split == "train"
    for name in ("votes", "va", "au"):
        before, after = getattr(shard, name), getattr(mixed, name)
        np.testing.assert_array_equal(after[~train_rows], before[~train_rows])
        assert np.isfinite(after[train_rows]).all()
    np.testing.assert_allclose(mixed.votes[:16], 0.75 * shard.votes[:16] + 0.25 * expected["votes"], atol=1e-5)
    np.testing.assert_allclose(mixed.va[2:16], 0.75 * shard.va[2:16] + 0.25 * expected["va"][2:], atol=1e-5)
    np.testing.assert_allclose(mixed.va[:2], expected["va"][:2], atol=1e-5)


def test_taught_units_stay_where_coded_and_are_filled_by_the_teachers(shard, checkpoints, answers):
    (mixed,) = taught([shard], 0.5, answers)
    expected = mean_answers(shard, checkpoints)["au"]
    np.testing.assert_array_equal(mixed.au[:4], shard.au[:4])
    np.testing.assert_allclose(mixed.au[4:12, :3], 0.5 * shard.au[4:12, :3] + 0.5 * expected[4:12, :3], atol=1e-5)
    np.testing.assert_allclose(mixed.au[4:12, 3:], expected[4:12, 3:], atol=1e-5)
    np.testing.assert_allclose(mixed.au[12:16], expected[12:16], atol=1e-5)
    np.testing.assert_allclose(mixed.au_weight[12:16], WEAK_AU_WEIGHT)
    np.testing.assert_array_equal(mixed.au_weight[:12], shard.au_weight[:12])


def test_taught_tasks_leave_the_labels_of_the_others(shard, answers):
    (mixed,), (everything,) = taught([shard], 0.5, answers, ("votes", "va")), taught([shard], 0.5, answers)
    np.testing.assert_array_equal(mixed.votes, everything.votes)
    np.testing.assert_array_equal(mixed.va, everything.va)
    np.testing.assert_array_equal(mixed.au, shard.au)
    np.testing.assert_array_equal(mixed.au_weight, shard.au_weight)


def test_a_run_taught_by_finished_ones_learns_their_answers(shard, checkpoints, tmp_path):
    recipe = replace(QUICK, teachers=tuple(checkpoints), stages=(Stage(1, 32, taught_share=0.5),))
    train(recipe, [shard], tmp_path)
    with np.load(tmp_path / ANSWERS.format(epoch=0)) as kept:
        np.testing.assert_allclose(kept[f"{shard.dataset}_votes"], mean_answers(shard, checkpoints)["votes"], atol=1e-5)


def test_a_run_taught_by_answers_learns_what_their_teachers_would_teach_it(shard, checkpoints, tmp_path):
    plain = replace(QUICK, dropout=0.0, drop_path_rate=0.0, stages=(Stage(1, 32, taught_share=0.5),))
    asked = train(replace(plain, teachers=tuple(checkpoints)), [shard], tmp_path / "asked")
    answers = str(tmp_path / "asked" / ANSWERS.format(epoch=0))
    told = train(replace(plain, answers=answers), [shard], tmp_path / "told")
    states = [load_trained(path)[0].state_dict() for path in (asked, told)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not (tmp_path / "told" / ANSWERS.format(epoch=0)).exists()


def test_answers_are_found_by_the_place_of_a_face(shard, answers):
    rows = np.array([9, 3, 1, len(shard) - 1])
    (mixed,) = taught([shard.select(rows)], 0.5, answers)
    (everything,) = taught([shard], 0.5, answers)
    np.testing.assert_array_equal(mixed.votes, everything.votes[rows])
    np.testing.assert_array_equal(mixed.au, everything.au[rows])


def test_answers_to_other_faces_are_refused(shard, answers, tmp_path):
    for other in (replace(shard, dataset="another"), replace(shard, path=np.char.add(shard.path, "x"))):
        with pytest.raises(RecipeError, match="no answers of this version to these training faces"):
            taught([other], 0.5, answers)


@pytest.mark.parametrize("kind", ["text", "empty", "cut", "array", "absent"])
def test_what_is_no_file_of_answers_is_named(kind, shard, answers, tmp_path):
    path = tmp_path / "damaged.npz"
    if kind == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind != "absent":
        path.write_bytes({"text": b"no such format", "empty": b"", "cut": answers.read_bytes()[:-200]}[kind])
    with pytest.raises(RecipeError, match=r"damaged\.npz: holds no answers"):
        taught([shard], 0.5, path)


def test_ask_command_leaves_the_shards_alone(shard, checkpoints, tmp_path, capsys):
    shard.save(tmp_path / "made.npz")
    options = ["--data", str(tmp_path), "--out", str(tmp_path / "answers.npz")]
    assert cli.main(["ask", *checkpoints, *options]) == 1
    assert "is a shard; name another folder" in capsys.readouterr().err


def test_ask_command_asks_for_some_tasks(shard, checkpoints, tmp_path):
    (tmp_path / "prepared").mkdir()
    shard.save(tmp_path / "prepared" / "made.npz")
    options = ["--data", str(tmp_path / "prepared"), "--tasks", "va", "--out", str(tmp_path / "va.npz")]
    assert cli.main(["ask", checkpoints[0], *options]) == 0
    with np.load(tmp_path / "va.npz") as written:
        assert set(written.files) == {f"{shard.dataset}_path", f"{shard.dataset}_va"}


def test_ask_command_writes_answers(shard, checkpoints, answers, tmp_path, capsys):
    (tmp_path / "prepared").mkdir()
    shard.save(tmp_path / "prepared" / "made.npz")
    out = tmp_path / "runs" / "answers.npz"
    assert cli.main(["ask", *checkpoints, "--data", str(tmp_path / "prepared"), "--out", str(out)]) == 0
    assert f"{out}: answers of 2 to {np.sum(shard.split == 'train')} faces" in capsys.readouterr().out
    with np.load(out) as written, np.load(answers) as expected:
        assert written.files == expected.files
        np.testing.assert_allclose(written[f"{shard.dataset}_va"], expected[f"{shard.dataset}_va"], atol=1e-5)


def test_a_run_without_teachers_is_taught_by_itself_as_it_stood_when_the_stage_began(shard, tmp_path):
    before = train(QUICK, [shard], tmp_path / "before")
    recipe = replace(QUICK, stages=(*QUICK.stages, Stage(1, 32, taught_share=0.5)))
    train(recipe, [shard], tmp_path / "run")
    with np.load(tmp_path / "run" / ANSWERS.format(epoch=1)) as kept:
        for task, expected in mean_answers(shard, [str(before)]).items():
            np.testing.assert_allclose(kept[f"{shard.dataset}_{task}"], expected, atol=1e-5)


def test_a_taught_stage_learns_other_labels_than_a_plain_one(shard, tmp_path):
    stages = (Stage(1, 32), Stage(1, 32, taught_share=0.5))
    plain = train(replace(QUICK, stages=(stages[0], stages[0])), [shard], tmp_path / "plain")
    pupil = train(replace(QUICK, stages=stages), [shard], tmp_path / "taught")
    states = [load_trained(path)[0].state_dict() for path in (plain, pupil)]
    assert any(not torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"teachers": ["a.pt"]}, "teachers need a stage"),
        ({"answers": "a.npz"}, "teachers need a stage"),
        ({"teachers": ["a.pt"], "answers": "a.npz"}, "name one of them"),
        ({"stages": [{"epochs": 1, "size_px": 32, "taught_share": 1.5}]}, "taught_share 0 to 1"),
        ({"stages": [{"epochs": 1, "size_px": 32, "taught_tasks": ["face"]}]}, "known are votes, va, au"),
    ],
)
def test_teachers_and_stages_fit_each_other(values, complaint):
    with pytest.raises(RecipeError, match=complaint):
        recipe_from_dict(values, "made")


def test_a_missing_teacher_is_named_before_anything_is_trained(shard, tmp_path):
    recipe = replace(QUICK, teachers=("nowhere.pt",), stages=(Stage(1, 32, taught_share=0.5),))
    with pytest.raises(RecipeError, match=r"nowhere\.pt is missing"):
        train(recipe, [shard], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_answers_are_named_before_anything_is_trained(shard, tmp_path):
    recipe = replace(QUICK, answers="nowhere.npz", stages=(Stage(1, 32, taught_share=0.5),))
    with pytest.raises(RecipeError, match=r"nowhere\.npz is missing; make it first with fer-core ask"):
        train(recipe, [shard], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_teachers_of_clips_are_refused(shard, tmp_path):
    recipe = replace(QUICK, frames=3, head={"name": "recurrent"}, stages=(Stage(1, 32, taught_share=0.5),))
    with pytest.raises(RecipeError, match="single faces"):
        train(recipe, [shard], tmp_path)


def test_a_run_may_begin_as_a_finished_one(shard, checkpoints, tmp_path):
    recipe = replace(QUICK, start=checkpoints[0])
    begun = create_model(recipe, imagenet=True).state_dict()
    finished = load_trained(Path(checkpoints[0]))[0].state_dict()
    assert all(torch.equal(begun[name], finished[name]) for name in finished)
    with pytest.raises(RecipeError, match=r"start: nowhere\.pt is missing"):
        train(replace(QUICK, start="nowhere.pt"), [shard], tmp_path / "out")
    with pytest.raises(RecipeError, match=r"weights: nowhere\.pt is missing; make it .* fer-core backbone"):
        train(replace(QUICK, weights="nowhere.pt"), [shard], tmp_path / "out")
    with pytest.raises(RecipeError, match="test_efficientnet with head"):
        create_model(replace(recipe, backbone_groups=2), imagenet=True)
