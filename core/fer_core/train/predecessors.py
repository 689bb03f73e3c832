"""Finished networks that a recipe goes on with: they saw such crops, and a teacher learned what it is to teach.

All are read before anything is trained, for a stage that asks for one may begin after hours.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from fer_core.augment.semantic.sampling import load_augmenter
from fer_core.data.shards import Shard
from fer_core.faces.align import CropGeometry
from fer_core.train.alignment import check_geometry, geometry_of
from fer_core.train.networks import read_trained
from fer_core.train.options import RecipeError
from fer_core.train.parts import TASK_NAMES, untaught_tasks
from fer_core.train.recipe import TASKS, Recipe
from fer_core.train.teachers import check_names, taught


def check_predecessors(recipe: Recipe, shards: Sequence[Shard]) -> None:
    """Reads the networks that a recipe starts from, is taught by or takes faces from.

    Args:
        recipe: whose files are there (:func:`fer_core.train.parts.check`).
        shards: what is trained on.

    Raises:
        RecipeError: when one saw faces that were aligned otherwise, or is to teach what it never learned, or a training
            face has no answer in the file of answers.
        DataError: when one cannot be read.
    """
    geometry = geometry_of(shards)
    tasks = {task for stage in recipe.stages if stage.taught_share for task in stage.taught_tasks}
    began = recipe
    if recipe.start:
        _, began, content = read_trained(Path(recipe.start))
        check_geometry(content["geometry"], geometry, Path(recipe.start))
    check_teachers(recipe.teachers, tasks, geometry)
    if tasks:
        check_names(shards)
    if recipe.answers:
        taught(shards, 1.0, Path(recipe.answers), sorted(tasks))
    if not recipe.teachers and not recipe.answers:
        _check_taught([began, recipe], tasks, "stages: the run's own network")
    if recipe.mixing["name"] == "semantic":
        file = recipe.mixing["file"]
        check_geometry(load_augmenter(Path(file)).geometry, geometry, Path(file))


def check_teachers(checkpoints: Sequence[str], tasks: Collection[str], geometry: CropGeometry) -> None:
    """Reads finished networks that are to teach.

    Args:
        checkpoints: of finished runs.
        tasks: of ``TASKS``, what they are to teach.
        geometry: of the shards.

    Raises:
        RecipeError: when one saw faces that were aligned otherwise, or never learned what it is to teach.
        DataError: when one cannot be read.
    """
    for file in checkpoints:
        _, own, content = read_trained(Path(file))
        check_geometry(content["geometry"], geometry, Path(file))
        _check_taught([own], tasks, f"teachers: {file}")


def _check_taught(recipes: Collection[Recipe], tasks: Collection[str], teacher: str) -> None:
    untaught = set.intersection(*(set(untaught_tasks(recipe)) for recipe in recipes))
    unknown = [TASK_NAMES[task] for task in TASKS if task in tasks and TASK_NAMES[task] in untaught]
    if unknown:
        known = ", ".join(task for task in TASKS if TASK_NAMES[task] not in untaught)
        raise RecipeError(f"{teacher} never learned {', '.join(unknown)}; let it teach {known} alone")
