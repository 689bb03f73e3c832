from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

from fer_core.data.alignment import ALIGNMENTS
from fer_core.data.shards import Shard
from fer_core.train.predecessors import check_predecessors
from fer_core.train.recipe import Recipe, RecipeError, Stage
from fer_core.train.teachers import Teacher, ask
from fer_core.train.trainer import train

QUICK = Recipe(backbone="test_efficientnet", imagenet=False, batch_size=8, stages=(Stage(1, 32),))
TAUGHT = (Stage(1, 32, taught_share=0.5),)


@pytest.fixture(scope="module")
def shard(toys) -> Shard:
    return toys.labelled_shard()


@pytest.fixture(scope="module")
def finished(shard, tmp_path_factory) -> Path:
    """A network that learned all three tasks."""
    return train(QUICK, [shard], tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def expressions(shard, tmp_path_factory) -> Path:
    """A network that learned expressions alone."""
    return train(replace(QUICK, losses={"votes": {"weight": 1.0}}), [shard], tmp_path_factory.mktemp("expressions"))


@pytest.mark.parametrize("key", ["start", "teachers", "checkpoint"])
def test_a_network_of_faces_aligned_otherwise_is_refused_at_once(key, shard, finished, tmp_path):
    changes = {"start": {"start": str(finished)}, "teachers": {"teachers": (str(finished),), "stages": TAUGHT}}
    recipe = replace(QUICK, **changes.get(key, {}))
    out = finished.parent if key == "checkpoint" else tmp_path / "out"
    with pytest.raises(RecipeError, match=rf"{finished}: of faces aligned otherwise than those of the shards"):
        train(recipe, [replace(shard, geometry=ALIGNMENTS["eyes"])], out)
    assert sorted(p.name for p in (tmp_path / "out").glob("*")) == []


def test_a_teacher_does_not_teach_what_it_never_learned(shard, finished, expressions, tmp_path):
    first = replace(QUICK, teachers=(str(expressions), str(finished)), stages=TAUGHT)
    with pytest.raises(
        RecipeError,
        match=rf"{expressions} never learned valence-arousal, action units; let it teach votes alone",
    ):
        train(first, [shard], tmp_path)
    assert not list(tmp_path.iterdir())

    check_predecessors(replace(first, stages=(replace(TAUGHT[0], taught_tasks=("votes",)),)), [shard])
    with pytest.raises(RecipeError, match=f"{expressions} never learned"):
        check_predecessors(replace(first, teachers=(str(finished), str(expressions))), [shard])


def test_answers_are_looked_up_before_anything_is_trained(shard, finished, tmp_path):
    path = tmp_path / "answers.npz"
    ask([Teacher.finished(finished)], [shard], path, ("votes", "va"))
    later = (Stage(1, 32), replace(TAUGHT[0], taught_tasks=("votes",)))
    recipe = replace(QUICK, answers=str(path), stages=later)
    check_predecessors(recipe, [shard])
    with pytest.raises(RecipeError, match="no answers of this version to these training faces"):
        train(replace(recipe, stages=(Stage(1, 32), *TAUGHT)), [shard], tmp_path / "out")
    with pytest.raises(RecipeError, match="no answers of this version to these training faces"):
        train(recipe, [shard, replace(shard, dataset="another")], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    nothing_to_learn = replace(shard, dataset="another", split=np.full(len(shard), "test"))
    check_predecessors(recipe, [shard, nothing_to_learn])


def test_two_shards_of_one_data_set_cannot_be_taught(shard, tmp_path):
    twice = [shard, replace(shard, path=np.char.add(shard.path, "x"))]
    with pytest.raises(RecipeError, match=f"two shards are of the data set {shard.dataset}"):
        train(replace(QUICK, stages=TAUGHT), twice, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    check_predecessors(QUICK, twice)


def test_a_run_does_not_teach_itself_what_it_never_learns(shard):
    alone = replace(QUICK, losses={"votes": {"weight": 1.0}, "au": {"weight": 0.0}}, stages=TAUGHT)
    with pytest.raises(RecipeError, match="the run's own network never learned valence-arousal, action units"):
        check_predecessors(alone, [shard])
    check_predecessors(replace(alone, stages=(Stage(1, 32),)), [shard])
