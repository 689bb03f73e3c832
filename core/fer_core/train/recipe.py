"""What a training run does, as one TOML file. An unknown key is an error with a suggestion.

A recipe says everything but the data: backbone, head, losses with their weights, mixing, sampler, optimiser, and stages
in which some parts learn and others stay. The names of heads, losses and so on, with their options, are checked by
:func:`fer_core.train.parts.check` against the functions that they call; here is the structure alone, which needs no
PyTorch.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from fer_core.data.transforms import Augmentation
from fer_core.train.options import RecipeError, check_keys, suggest, typed

__all__ = ["Recipe", "RecipeError", "Stage", "load_recipe", "parse_recipe", "recipe_from_dict", "shipped_recipes"]

#: A name with options, or nothing: ``{"name": "linear", ...}``.
Options = Mapping[str, Any]

#: Keys of recipes in older checkpoints, each the weight of what is now a table of its own in ``losses``.
_FORMER_WEIGHTS = {"expression_weight": "votes", "va_weight": "va_ccc", "au_weight": "au"}

#: Least and largest values of an augmentation that are no probability and no share.
_AUGMENTED = {"rotation_deg": (0, 180), "hue_deg": (0, 180), "least_resolution_px": (1, 1000)}

#: What has labels, by the names of the columns of a shard.
TASKS = ("votes", "va", "au")


@dataclass(frozen=True, slots=True)
class Stage:
    """Some epochs at one resolution, with a warm-up and a half cosine of their own.

    Later stages may see more (progressive learning, Tan & Le 2021), go over the data again (warm restarts, Loshchilov
    & Hutter 2017), or train one head after the other on frozen features.
    """

    epochs: int
    size_px: int
    train: str = ""
    """What learns: a stage of the head (:mod:`fer_core.models.staged`), such as ``au``; everything when empty."""
    rate: float = 1.0
    """Peak of the learning rate, as a share of the recipe's."""
    frozen: tuple[str, ...] = ()
    """Modules of the network that stay as they are, such as ``backbone.blocks.0``. The first blocks of a convolutional
    network cost most and change least: a late stage without them takes half the time."""
    taught_share: float = 0.0
    """Share of answers in the labels of this stage (:mod:`fer_core.train.teachers`): those of the recipe's ``teachers``
    or ``answers`` or, when it names none, of the run's own averaged network as it stands when the stage begins."""
    taught_tasks: tuple[str, ...] = TASKS
    """Of ``votes``, ``va`` and ``au``: whose labels get that share; the labels of the others stay."""
    augmentation: Options = field(default_factory=dict)
    """What is augmented otherwise than in the rest of the recipe."""
    mean_with_start: bool = False
    """End with the mean of the averaged weights at the beginning and at the end of this stage (model
    soups, Wortsman et al. 2022)."""


def _default_losses() -> dict[str, dict[str, Any]]:
    return {name: {"weight": 1.0} for name in ("votes", "va_ccc", "au")}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run."""

    description: str = ""
    backbone: str = "tf_efficientnet_lite0"
    """Any timm model name."""
    backbone_groups: int = 0
    """Groups of blocks that a small network keeps (:mod:`fer_core.models.shortened`); all when 0."""
    imagenet: bool = True
    """Start from ImageNet weights out of an installed package."""
    weights: str = ""
    """File to start the backbone from instead of ``imagenet``: a state dict under timm's names, or a checkpoint."""
    start: str = ""
    """Checkpoint of a finished run whose averaged network, of the same backbone and head, is where this one begins."""
    teachers: tuple[str, ...] = ()
    """Checkpoints of finished runs, whose averaged answers teach the stages with a ``taught_share``; none: itself."""
    answers: str = ""
    """File of ``fer-core ask`` with what teachers answered, instead of the teachers themselves."""
    dropout: float = 0.2
    drop_path_rate: float = 0.1
    head: Options = field(default_factory=lambda: {"name": "linear"})
    losses: Mapping[str, Options] = field(default_factory=_default_losses)
    """By name: ``weight`` (1 where not given) and the options of the loss."""
    mixing: Options = field(default_factory=lambda: {"name": "none"})
    sampler: Options = field(default_factory=lambda: {"name": "shuffle"})
    optimizer: Options = field(default_factory=lambda: {"name": "adamw"})
    frames: int = 1
    """Consecutive frames of a video that make one sample; a head with a memory reads more than 1."""
    seed: int = 1
    batch_size: int = 64
    """Over all processes."""
    stages: tuple[Stage, ...] = (Stage(7, 80),)
    repeats: Mapping[str, int] = field(default_factory=dict)
    """How often an epoch visits each image of a data set; 1 where not named."""
    at_most: Mapping[str, int] = field(default_factory=dict)
    """Most training images of a data set, drawn with the seed (:mod:`fer_core.train.amounts`); all where not named, 0
    leaves it out."""
    learning_rate: float = 1e-3
    """Peak; a stage may take a share of it."""
    warmup_share: float = 0.05
    """Share of a stage's steps with a rising learning rate; a cosine to zero follows."""
    weight_decay: float = 0.02
    gradient_clip: float = 2.0
    """Largest norm of the gradient."""
    ema_decay: float = 0.998
    """The weights that are evaluated and shipped are an exponential moving average; 0 takes the weights themselves."""
    precision: str = "fp32"
    """``fp32``, or ``bf16`` or ``fp16`` for autocast where the device has it."""
    compiled: bool = False
    """Training steps through :func:`torch.compile`: about twice as fast on a CPU, a minute to begin, and it needs a C++
    compiler."""
    early_stopping: int = 0
    """Epochs without a better ``monitor`` after which the run ends and gives its best; 0 never ends early."""
    monitor: str = "accuracy"
    """Figure of :func:`fer_core.train.validation.validate`; more is better."""
    checkpoint_every: int = 100
    """Steps between checkpoints."""
    workers: int = 0
    """Processes that load data beside each one that trains."""
    tensorboard: bool = False
    """Write the log for TensorBoard too."""
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

    def augmentation_of(self, stage: Stage) -> Augmentation:
        """The augmentation in one of the stages."""
        return parse_augmentation(stage.augmentation, "stages.augmentation", self.augmentation)


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
            raise RecipeError(f"no recipe {name_or_path!r}{suggest(name_or_path, known)}; list them: fer-core recipes")
        recipe = known[name_or_path]
    for key, value in (overrides or {}).items():
        recipe = recipe_from_dict(override(asdict(recipe), key, value), f"--set {key}={value}")
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
    given = _with_losses(values)
    plain = Recipe()
    check_keys(given, [f.name for f in fields(Recipe)], name)
    for key, value in given.items():
        where = f"{name}, {key}"
        if key == "augmentation":
            given[key] = parse_augmentation(value, where, Augmentation())
        elif key == "stages":
            given[key] = _stages(value, where)
        elif key == "losses":
            given[key] = _losses(value, where)
        elif key in ("head", "mixing", "sampler", "optimizer"):
            given[key] = _named(value, where)
        else:
            given[key] = typed(value, getattr(plain, key), where)
    recipe = Recipe(**given)
    _check_ranges(recipe, name)
    if recipe.precision not in ("fp32", "bf16", "fp16"):
        raise RecipeError(f"{name}, precision: expected fp32, bf16 or fp16, not {recipe.precision!r}")
    if recipe.teachers and recipe.answers:
        raise RecipeError(f"{name}: teachers, or the answers that they gave: name one of them")
    if (recipe.teachers or recipe.answers) and not any(stage.taught_share for stage in recipe.stages):
        raise RecipeError(f"{name}: teachers need a stage with a taught_share")
    return recipe


def _check_ranges(recipe: Recipe, name: str) -> None:
    for key in ("batch_size", "checkpoint_every", "frames"):
        if getattr(recipe, key) < 1:
            raise RecipeError(f"{name}, {key}: expected 1 or more, not {getattr(recipe, key)}")
    for dataset, count in recipe.repeats.items():
        if type(count) is not int or count < 1:
            raise RecipeError(f"{name}, repeats.{dataset}: expected a whole number, 1 or more, not {count!r}")
    for key in ("learning_rate", "gradient_clip"):
        if not getattr(recipe, key) > 0:
            raise RecipeError(f"{name}, {key}: expected more than 0, not {getattr(recipe, key)}")
    for key in ("backbone_groups", "seed", "weight_decay", "early_stopping", "workers"):
        if not getattr(recipe, key) >= 0:
            raise RecipeError(f"{name}, {key}: expected 0 or more, not {getattr(recipe, key)}")
    for key, limit in (("warmup_share", 1.0), ("dropout", 0.9999), ("drop_path_rate", 0.9999), ("ema_decay", 0.999999)):
        if not 0 <= getattr(recipe, key) <= limit:
            raise RecipeError(f"{name}, {key}: expected 0 to {limit}, not {getattr(recipe, key)}")


def _with_losses(values: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(values)
    former = {key: given.pop(key) for key in _FORMER_WEIGHTS if key in given}
    if former:
        given["losses"] = {_FORMER_WEIGHTS[key]: {"weight": weight} for key, weight in former.items()}
    return given


def parse_augmentation(values: Any, where: str, plain: Augmentation) -> Augmentation:
    """An augmentation from a table; ``plain`` has what it leaves out.

    Raises:
        RecipeError: when a key or value is not one.
    """
    check_keys(values, [f.name for f in fields(Augmentation)], where)
    found = replace(plain, **{k: typed(v, getattr(plain, k), f"{where}.{k}") for k, v in values.items()})
    for key in values:
        least, most = _AUGMENTED.get(key, (0, 1))
        if not least <= getattr(found, key) <= most:
            raise RecipeError(f"{where}.{key}: expected {least} to {most}, not {getattr(found, key)}")
    return found


def _stages(values: Any, where: str) -> tuple[Stage, ...]:
    if not isinstance(values, list | tuple) or not values:
        raise RecipeError(f"{where}: expected a list such as [{{ epochs = 2, size_px = 112 }}]")
    stages = []
    for stage in values:
        check_keys(stage, [f.name for f in fields(Stage)], where)
        epochs, size_px = stage.get("epochs"), stage.get("size_px")
        if not all(type(n) is int and n > 0 for n in (epochs, size_px)):
            raise RecipeError(f"{where}: each needs epochs and size_px, whole and above 0, not {dict(stage)}")
        plain = Stage(epochs, size_px)
        own = stage.get("augmentation", {})
        parse_augmentation(own, f"{where}.augmentation", Augmentation())
        given = {k: typed(v, getattr(plain, k), f"{where}.{k}") for k, v in stage.items() if k != "augmentation"}
        stages.append(replace(plain, **given, augmentation=dict(own)))
        if not (stages[-1].rate > 0 and 0 <= stages[-1].taught_share <= 1):
            raise RecipeError(f"{where}: rate must be above 0, taught_share 0 to 1, not {dict(stage)}")
        if not set(stages[-1].taught_tasks) <= set(TASKS):
            raise RecipeError(f"{where}.taught_tasks: known are {', '.join(TASKS)}, not {stages[-1].taught_tasks}")
    return tuple(stages)


def _losses(values: Any, where: str) -> dict[str, Options]:
    if not isinstance(values, Mapping) or not values:
        raise RecipeError(f"{where}: expected at least one table such as [losses.cross_entropy], not {values!r}")
    losses: dict[str, Options] = {}
    for loss, options in values.items():
        if not isinstance(options, Mapping):
            raise RecipeError(f"{where}.{loss}: expected a table such as {{ weight = 0.5 }}, not {options!r}")
        weight = typed(options.get("weight", 1.0), 1.0, f"{where}.{loss}.weight")
        if not weight >= 0:
            raise RecipeError(f"{where}.{loss}.weight: expected 0 or more, not {weight}")
        losses[loss] = {**options, "weight": weight}
    return losses


def _named(values: Any, where: str) -> Options:
    if not isinstance(values, Mapping) or type(values.get("name")) is not str:
        raise RecipeError(f'{where}: expected a table with a name, such as {{ name = "..." }}, not {values!r}')
    return dict(values)


def override(values: dict[str, Any], dotted: str, text: str) -> dict[str, Any]:
    """Sets one of the values of a recipe, however deep (``losses.focal.gamma``, ``stages.0.epochs``); returns them.

    Raises:
        RecipeError: when there is no such key.
    """
    where = f"--set {dotted}={text}"
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    *path, last = dotted.split(".")
    inner: Any = values
    for key in path:
        inner = _step(inner, key, where)
    if inner is values:
        check_keys({last: value}, values, where)
    if isinstance(inner, list | tuple):
        raise RecipeError(f"{where}: name a key of it, such as {dotted}.epochs")
    if not isinstance(inner, dict):
        raise RecipeError(f"{where}: {'.'.join(path)} has no keys")
    inner[last] = value
    return values


def _step(inner: Any, key: str, where: str) -> Any:
    if isinstance(inner, list | tuple):
        if not key.isdecimal() or int(key) >= len(inner):
            raise RecipeError(f"{where}: expected a number from 0 to {len(inner) - 1}, not {key!r}")
        return inner[int(key)]
    if not isinstance(inner, dict):
        raise RecipeError(f"{where}: {key!r} is no key of {inner!r}")
    if key not in inner:
        raise RecipeError(f"{where}: unknown key {key!r}{suggest(key, inner)}")
    return inner[key]
