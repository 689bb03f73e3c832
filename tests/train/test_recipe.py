from dataclasses import asdict, fields, replace

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from fer_core.data.transforms import Augmentation
from fer_core.train.recipe import (
    Recipe,
    RecipeError,
    Stage,
    load_recipe,
    parse_recipe,
    recipe_from_dict,
    shipped_recipes,
)


def test_parse_recipe_reads_every_kind_of_value():
    recipe = parse_recipe(
        """
        backbone = "test_resnet"
        imagenet = false
        batch_size = 8
        learning_rate = 1
        stages = [{ epochs = 1, size_px = 32 }, { epochs = 3, size_px = 48 }]
        repeats = { ckplus128 = 4 }
        [augmentation]
        flip = 0
        least_resolution_px = 20
        """,
        "made.toml",
    )
    assert (recipe.backbone, recipe.imagenet, recipe.batch_size) == ("test_resnet", False, 8)
    assert recipe.stages == (Stage(1, 32), Stage(3, 48))
    assert recipe.repeats == {"ckplus128": 4}
    assert recipe.augmentation == replace(Augmentation(), flip=0.0, least_resolution_px=20)
    assert type(recipe.learning_rate) is float
    assert recipe.weight_decay == Recipe().weight_decay


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("learnin_rate = 1e-3", r"made\.toml: unknown key 'learnin_rate'; did you mean 'learning_rate'\?"),
        ("zzz = 1", r"unknown key 'zzz'$"),
        ("[augmentation]\nblurr = 0.1", r"made\.toml, augmentation: unknown key 'blurr'; did you mean 'blur'"),
        ("stages = [{ epoch = 1, size_px = 32 }]", r"stages: unknown key 'epoch'; did you mean 'epochs'"),
        ("stages = [{ epochs = 1 }]", "needs epochs and size_px"),
        ("stages = [{ epochs = 0, size_px = 32 }]", "above 0"),
        ("stages = []", "expected a list"),
        ("stages = 3", "expected a list"),
        ("augmentation = 3", "expected a table"),
        (
            "stages = [{ epochs = 1, size_px = 32, augmentation = { blurr = 1 } }]",
            r"stages\.augmentation: unknown key 'blurr'",
        ),
        ("batch_size = 8.5", r"made\.toml, batch_size: expected int, not 8\.5"),
        ("batch_size = true", "batch_size: expected int, not True"),
        ('learning_rate = "fast"', "learning_rate: expected float, not 'fast'"),
        ("[augmentation]\nblur = true", r"augmentation\.blur: expected float"),
        ("batch_size = ", "made.toml: not TOML"),
        ("batch_size = 0", r"made\.toml, batch_size: expected 1 or more, not 0"),
        ("checkpoint_every = 0", "checkpoint_every: expected 1 or more"),
        ("frames = 0", "frames: expected 1 or more"),
        ("gradient_clip = 0", r"gradient_clip: expected more than 0, not 0\.0"),
        ("learning_rate = nan", "learning_rate: expected more than 0"),
        ("early_stopping = -1", "early_stopping: expected 0 or more, not -1"),
        ("workers = -1", "workers: expected 0 or more"),
        ("seed = -1", "seed: expected 0 or more"),
        ("backbone_groups = -2", "backbone_groups: expected 0 or more"),
        ("weight_decay = -1", "weight_decay: expected 0 or more"),
        ("warmup_share = 1.5", r"warmup_share: expected 0 to 1\.0, not 1\.5"),
        ("dropout = 1", "dropout: expected 0 to"),
        ("drop_path_rate = -0.1", "drop_path_rate: expected 0 to"),
        ("ema_decay = 1", "ema_decay: expected 0 to"),
        ("repeats = { a = 0 }", r"repeats\.a: expected a whole number, 1 or more, not 0"),
        ("repeats = { a = 1.5 }", r"repeats\.a: expected a whole number, 1 or more, not 1\.5"),
        ("losses = { votes = { weight = nan } }", r"losses\.votes\.weight: expected 0 or more"),
        ("[augmentation]\nflip = 2", r"augmentation\.flip: expected 0 to 1, not 2\.0"),
        ("[augmentation]\nrotation_deg = -3", r"rotation_deg: expected 0 to 180, not -3\.0"),
        ("[augmentation]\nleast_resolution_px = 0", "least_resolution_px: expected 1 to 1000, not 0"),
    ],
)
def test_parse_recipe_complains_exactly(text, complaint):
    with pytest.raises(RecipeError, match=complaint):
        parse_recipe(text, "made.toml")


def test_recipe_survives_a_checkpoint():
    recipe = parse_recipe("repeats = { a = 2 }\nstages = [{ epochs = 2, size_px = 64 }]\n[augmentation]\nblur = 1", "x")
    assert recipe_from_dict(asdict(recipe), "checkpoint") == recipe


def test_stage_of_follows_the_epochs():
    recipe = Recipe(stages=(Stage(2, 32), Stage(1, 48)))
    assert recipe.epochs == 3
    assert [recipe.stage_of(e) for e in range(3)] == [(Stage(2, 32), 0), (Stage(2, 32), 0), (Stage(1, 48), 2)]
    with pytest.raises(IndexError, match="has 3 epochs"):
        recipe.stage_of(3)


def test_shipped_recipes_are_valid_and_described():
    recipes = shipped_recipes()
    assert recipes
    for name, recipe in recipes.items():
        assert recipe.description, name
        assert recipe.epochs > 0, name
        assert load_recipe(name) == recipe


def test_load_recipe_from_a_path(tmp_path):
    path = tmp_path / "mine.toml"
    with pytest.raises(RecipeError, match=r"mine\.toml: no such recipe file"):
        load_recipe(str(path))
    path.write_text("seed = 5\n")
    assert load_recipe(str(path)).seed == 5


def test_load_recipe_suggests_a_name():
    name = next(iter(shipped_recipes()))
    with pytest.raises(RecipeError, match=f"no recipe '{name}x'; did you mean '{name}'"):
        load_recipe(name + "x")


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("seed = 5\n[augmentation]\nblur = 0.5\n")
    return str(path)


def test_load_recipe_overrides_take_the_type_of_the_key(mine):
    recipe = load_recipe(
        mine,
        {
            "learning_rate": "2",
            "backbone": "test_resnet",
            "imagenet": "false",
            "batch_size": "4",
            "repeats": "{ a = 2 }",
            "augmentation.jpeg": "1",
            "stages.0.epochs": "2",
            "losses.va_ccc.weight": "3",
            "losses.focal": "{ gamma = 1 }",
            "head": '{ name = "dan", heads = 2 }',
            "head.pooling": "max",
        },
    )
    assert recipe.learning_rate == 2.0
    assert type(recipe.learning_rate) is float
    assert (recipe.backbone, recipe.imagenet, recipe.batch_size) == ("test_resnet", False, 4)
    assert recipe.repeats == {"a": 2}
    assert recipe.augmentation == replace(Augmentation(), blur=0.5, jpeg=1.0)
    assert recipe.seed == 5
    assert recipe.stages == (Stage(2, 80),)
    assert recipe.losses == {
        "votes": {"weight": 1.0},
        "va_ccc": {"weight": 3.0},
        "au": {"weight": 1.0},
        "focal": {"gamma": 1, "weight": 1.0},
    }
    assert recipe.head == {"name": "dan", "heads": 2, "pooling": "max"}


def test_recipe_of_an_older_checkpoint_keeps_its_meaning():
    old = {"expression_weight": 1.0, "va_weight": 2.0, "au_weight": 0.5, "stages": [{"epochs": 1, "size_px": 80}]}
    losses = recipe_from_dict(old, "old").losses
    assert losses == {"votes": {"weight": 1.0}, "va_ccc": {"weight": 2.0}, "au": {"weight": 0.5}}


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("batchsize", "4", "--set batchsize=4: unknown key 'batchsize'; did you mean 'batch_size'"),
        ("augmentation.jpg", "1", "unknown key 'jpg'; did you mean 'jpeg'"),
        ("batch_size", "many", "--set batch_size=many, batch_size: expected int"),
        ("batch_size", "true", "batch_size: expected int"),
        ("augmentation.jpeg", "often", r"augmentation\.jpeg: expected float"),
        ("imagenet", "1", "imagenet: expected bool"),
        ("stages", "[]", "expected a list such as"),
        ("stages.0.epoch", "2", "stages: unknown key 'epoch'; did you mean 'epochs'"),
        ("stages.3.epochs", "2", "expected a number from 0 to 0, not '3'"),
        ("losses.va_cc.weight", "2", "unknown key 'va_cc'; did you mean 'va_ccc'"),
        ("losses.va_ccc.weight", "-2", r"losses\.va_ccc\.weight: expected 0 or more"),
        ("losses", "{}", "expected at least one table"),
        ("losses.va_ccc", "2", "expected a table such as"),
        ("head", "dan", "expected a table with a name"),
        ("seed.number", "2", "seed has no keys"),
        ("precision", "fp8", "expected fp32, bf16 or fp16, not 'fp8'"),
    ],
)
def test_load_recipe_refuses_a_bad_override(mine, key, value, complaint):
    with pytest.raises(RecipeError, match=complaint):
        load_recipe(mine, {key: value})


def test_every_recipe_field_has_a_default():
    assert Recipe() == recipe_from_dict({}, "nothing")
    assert {f.name for f in fields(Recipe)} == set(asdict(Recipe()))
