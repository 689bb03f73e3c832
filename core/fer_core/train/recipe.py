"""What a training run does, as one TOML file. An unknown key is an error with a suggestion."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from fer_core.data.transforms import Augmentation


class RecipeError(Exception):
    """A recipe cannot be used; the message names the key and the remedy."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Some epochs at one resolution, with a warm-up and a half cosine of their own.

    Later stages may see more (progressive learning, Tan & Le 2021), or go over the data again (warm restarts,
    Loshchilov & Hutter 2017).
    """

    epochs: int
    size_px: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run."""

    description: str = ""
    backbone: str = "tf_efficientnet_lite0"
    imagenet: bool = True
    dropout: float = 0.2
    drop_path_rate: float = 0.1
    seed: int = 1
    batch_size: int = 64
    stages: tuple[Stage, ...] = (Stage(7, 80),)
    repeats: Mapping[str, int] = field(default_factory=dict)
    """How often an epoch visits each image of a data set; 1 where not named."""
    learning_rate: float = 1e-3
    """Peak of the first stage."""
    restart_share: float = 1.0
    """Peak of every later stage, as a share of the first one's."""
    warmup_share: float = 0.05
    """Share of a stage's steps with a rising learning rate; a cosine to zero follows."""
    weight_decay: float = 0.02
    gradient_clip: float = 2.0
    """Largest norm of the gradient."""
    ema_decay: float = 0.998
    """The weights that are evaluated and shipped are an exponential moving average."""
    expression_weight: float = 1.0
    va_weight: float = 1.0
    au_weight: float = 1.0
    refine_steps: int = 0
    """Steps of the second stage on frozen features (:mod:`fer_core.train.refine`); 0 leaves it out."""
    refine_learning_rate: float = 2e-3
    refine_penalty: float = 0.01
    """On the squared change of the heads' weights, in units of each feature's spread."""
    refine_images: int = 3000
    """Most images of a data set that the second stage looks at, augmented views counted."""
    refine_views: int = 4
    """Most views of one image: itself and augmented ones."""
    checkpoint_every: int = 100
    """Steps between checkpoints."""
    workers: int = 0
    """Processes that load data beside the one that trains."""
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def epochs(self) -> int:
        """Over all stages."""
        return sum(stage.epochs for stage in self.stages)

    def stage_of(self, epoch: int) -> tuple[Stage, int]:
        """The stage that a 0-based epoch belongs to, and the epoch with which that stage begins."""
        first = 0
        for stage in self.stages:
            if epoch < first + stage.epochs:
                return stage, first
            first += stage.epochs
        raise IndexError(f"the recipe has {self.epochs} epochs")


def shipped_recipes() -> dict[str, Recipe]:
    """The recipes inside the package, by name."""
    folder = resources.files(__package__) / "recipes"
    files = [f for f in folder.iterdir() if f.name.endswith(".toml")]
    return {f.name.removesuffix(".toml"): parse_recipe(f.read_text(encoding="utf-8"), f.name) for f in files}


def load_recipe(name_or_path: str, overrides: Mapping[str, str] | None = None) -> Recipe:
    """A shipped recipe by name, or a TOML file by path, with ``key=value`` overrides.

    Raises:
        RecipeError: when there is none, or a key or value is not one.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise RecipeError(f"{path}: no such recipe file")
        recipe = parse_recipe(path.read_text(encoding="utf-8"), str(path))
    else:
        known = shipped_recipes()
        if name_or_path not in known:
            raise RecipeError(f"no recipe {name_or_path!r}{_suggest(name_or_path, known)}; list them: fer-core recipes")
        recipe = known[name_or_path]
    for key, value in (overrides or {}).items():
        recipe = _override(recipe, key, value)
    return recipe


def parse_recipe(text: str, name: str) -> Recipe:
    """A recipe from TOML text."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{name}: not TOML: {error}") from None
    return recipe_from_dict(values, name)


def recipe_from_dict(values: Mapping[str, Any], name: str) -> Recipe:
    """A recipe from the values of a TOML file or of a checkpoint."""
    given = dict(values)
    _check_keys(given, Recipe, name)
    for key, value in given.items():
        if key == "augmentation":
            given[key] = _augmentation(value, f"{name}, augmentation")
        elif key == "stages":
            given[key] = _stages(value, f"{name}, stages")
        else:
            given[key] = _typed(value, getattr(Recipe(), key), f"{name}, {key}")
    return Recipe(**given)


def _augmentation(values: Mapping[str, Any], where: str) -> Augmentation:
    _check_keys(values, Augmentation, where)
    plain = Augmentation()
    return replace(plain, **{k: _typed(v, getattr(plain, k), f"{where}.{k}") for k, v in values.items()})


def _stages(values: Any, where: str) -> tuple[Stage, ...]:
    if not isinstance(values, list | tuple) or not values:
        raise RecipeError(f"{where}: expected a list such as [{{ epochs = 2, size_px = 112 }}]")
    for stage in values:
        _check_keys(stage, Stage, where)
        if set(stage) != {"epochs", "size_px"} or not all(type(v) is int and v > 0 for v in stage.values()):
            raise RecipeError(f"{where}: each needs epochs and size_px, whole and above 0, not {stage}")
    return tuple(Stage(**stage) for stage in values)


def _typed(value: Any, default: Any, where: str) -> Any:
    """The value in the type of the default; a whole number does for a real one."""
    wanted = type(default)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise RecipeError(f"{where}: expected {wanted.__name__}, not {value!r}")
    return value


def _override(recipe: Recipe, dotted: str, text: str) -> Recipe:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    head, _, rest = dotted.partition(".")
    if head == "augmentation" and rest:
        _check_keys({rest: value}, Augmentation, "--set")
        value = _typed(value, getattr(recipe.augmentation, rest), f"--set {dotted}={text}")
        return replace(recipe, augmentation=replace(recipe.augmentation, **{rest: value}))
    if head in ("stages", "augmentation"):
        raise RecipeError(f"--set {dotted}: write it in a recipe file instead")
    _check_keys({dotted: value}, Recipe, "--set")
    value = _typed(value, getattr(recipe, dotted), f"--set {dotted}={text}")
    return replace(recipe, **{dotted: value})


def _check_keys(given: Any, kind: type, where: str) -> None:
    if not isinstance(given, Mapping):
        raise RecipeError(f"{where}: expected a table of keys and values, not {given!r}")
    known = [f.name for f in fields(kind)]
    for key in given:
        if key not in known:
            raise RecipeError(f"{where}: unknown key {key!r}{_suggest(key, known)}")


def _suggest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
