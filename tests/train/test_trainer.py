import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core.data.dataset import ShardDataset
from fer_core.data.errors import DataError
from fer_core.data.prepare import WEAK_AU_WEIGHT
from fer_core.data.sample import Sample, one_hot
from fer_core.data.shards import Shard, build_shard, encode_crop
from fer_core.data.transforms import Augmentation
from fer_core.faces.align import DEFAULT_GEOMETRY, CropGeometry
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.train import trainer
from fer_core.train.checkpoint import load_checkpoint
from fer_core.train.journal import LOG
from fer_core.train.networks import create_model, load_trained
from fer_core.train.optimizers import learning_rate, parameter_groups
from fer_core.train.recipe import Recipe, RecipeError, Stage
from fer_core.train.trainer import ANSWERS, CHECKPOINT, WEIGHTS, train
from fer_core.train.validation import FIGURES, validate

#: Five steps an epoch, ten in all; dropout and stochastic depth draw from the global generator.
TINY = Recipe(
    backbone="test_efficientnet",
    imagenet=False,
    dropout=0.2,
    drop_path_rate=0.2,
    batch_size=8,
    stages=(Stage(1, 32), Stage(1, 48)),
    checkpoint_every=3,
    ema_decay=0.5,
)
CPU = torch.device("cpu")


def toy_shard(name: str = "toy", train: int = 40, valid: int = 12) -> Shard:
    """Bright upper halves are happy, pleasant and have unit 12; bright lower halves are sad."""
    rng = np.random.default_rng(0)
    samples, jpegs = [], []
    for i in range(train + valid):
        happy = bool(rng.integers(2))
        crop = np.full((48, 48, 3), 60, np.uint8)
        crop[:24] += np.uint8(120 * happy)
        crop[24:] += np.uint8(120 * (not happy))
        crop += rng.integers(0, 30, crop.shape, np.uint8)
        au = np.full(len(ACTION_UNITS), np.nan, np.float32)
        au[ACTION_UNITS.index(12)] = happy
        pleasant = (0.6 if happy else -0.6) + rng.normal(0, 0.05)
        samples.append(
            Sample(
                name,
                f"{i}.png",
                "train" if i < train else "valid",
                votes=one_hot("happiness" if happy else "sadness"),
                va=np.array([pleasant, -pleasant / 2], np.float32),
                au=au,
            )
        )
        jpegs.append(encode_crop(crop))
    return build_shard(name, DEFAULT_GEOMETRY.scaled(48), samples, jpegs, ["detector"] * len(samples))


@pytest.fixture(scope="module")
def shards() -> list[Shard]:
    return [toy_shard()]


@pytest.fixture(scope="module")
def whole_run(shards, tmp_path_factory):
    return train(TINY, shards, tmp_path_factory.mktemp("whole"))


def interrupt_at(monkeypatch, step: int) -> None:
    """The run dies in the middle of the step after ``step``."""
    original, done = trainer.add_up, 0

    def dying(*args):
        nonlocal done
        if done == step:
            raise KeyboardInterrupt
        done += 1
        return original(*args)

    monkeypatch.setattr(trainer, "add_up", dying)


def assert_equal(first: object, second: object, where: str = "") -> None:
    assert type(first) is type(second), where
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            assert_equal(first[key], second[key], f"{where}.{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for i, (a, b) in enumerate(zip(first, second, strict=True)):
            assert_equal(a, b, f"{where}[{i}]")
    else:
        assert first == second, where


@pytest.mark.parametrize("step", [4, 5, 8], ids=["in the first epoch", "between epochs", "in the second stage"])
def test_train_resumed_equals_train_whole_bit_for_bit(shards, whole_run, tmp_path, monkeypatch, step):
    with monkeypatch.context() as patch:
        interrupt_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            train(TINY, shards, tmp_path)
    assert load_checkpoint(tmp_path / CHECKPOINT)["step"] == {4: 3, 5: 5, 8: 6}[step]
    torch.manual_seed(999)  # whatever happened in between
    resumed = train(TINY, shards, tmp_path)
    assert_equal(load_checkpoint(resumed), load_checkpoint(whole_run))


def test_train_says_what_it_did(whole_run):
    content = load_checkpoint(whole_run)
    assert content["step"] == 10
    assert CropGeometry.from_dict(content["geometry"]).size_px == 48
    log = [json.loads(line) for line in (whole_run.parent / LOG).read_text().splitlines()]
    valid = [r for r in log if "valid" in r]
    assert [(r["epoch"], r["size_px"]) for r in valid] == [(0, 32), (1, 48)]
    assert set(valid[0]["valid"]) == set(FIGURES)
    assert sorted(p.name for p in whole_run.parent.iterdir()) == [CHECKPOINT, LOG]


def test_train_that_is_done_does_nothing_more(shards, whole_run):
    before = whole_run.read_bytes()
    assert train(TINY, shards, whole_run.parent) == whole_run
    assert whole_run.read_bytes() == before


def test_train_refuses_a_checkpoint_of_another_recipe(shards, whole_run):
    with pytest.raises(RecipeError, match="another recipe; name another --out"):
        train(replace(TINY, learning_rate=5e-4), shards, whole_run.parent)


def test_train_refuses_data_that_do_not_fill_a_batch(shards, tmp_path):
    with pytest.raises(RecipeError, match="40 training images do not fill one batch of 64; lower batch_size"):
        train(replace(TINY, batch_size=64), shards, tmp_path)


def test_load_trained_gives_the_averaged_network(shards, whole_run):
    network, content = load_trained(whole_run)
    assert not network.training
    averaged = content["states"]["average"]
    torch.testing.assert_close(network.va.weight, averaged["module.va.weight"], rtol=0, atol=0)
    assert not torch.equal(network.va.weight, content["states"]["model"]["va.weight"])
    log = (whole_run.parent / LOG).read_text().splitlines()
    last = [r["valid"] for r in map(json.loads, log) if "valid" in r][-1]
    assert validate(network, ShardDataset(shards, "valid", None, 1), CPU, 48) == last


def test_train_learns_a_learnable_toy(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "_LOG_EVERY", 1)
    still = Augmentation(light=0, colour=0, grey=0, resolution=0, blur=0, noise=0, jpeg=0, erase=0)
    recipe = replace(TINY, stages=(Stage(9, 48),), drop_path_rate=0.0, learning_rate=3e-3, augmentation=still)
    train(recipe, shards, tmp_path)
    log = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    losses = [r for r in log if "total" in r]
    assert [r["step"] for r in losses] == list(range(1, 46))
    for term in ("total", "votes", "va_ccc", "au"):
        assert np.mean([r[term] for r in losses[-5:]]) < 0.3 * losses[0][term]
    figures = log[-1]["valid"]
    assert figures["accuracy"] == 1
    assert figures["ccc_valence"] > 0.7
    assert figures["ccc_arousal"] > 0.7


def test_validate_scores_labelled_rows_alone(shards, whole_run):
    network, _ = load_trained(whole_run)
    plain = validate(network, ShardDataset(shards, "valid", None, 1), CPU, 48)
    unlabelled = [Sample("more", f"{i}.png", "valid") for i in range(5)]
    jpegs = [encode_crop(np.full((48, 48, 3), 40 * i, np.uint8)) for i in range(5)]
    more = build_shard("more", DEFAULT_GEOMETRY.scaled(48), unlabelled, jpegs, ["none"] * 5)
    assert validate(network, ShardDataset([*shards, more], "valid", None, 1), CPU, 48) == plain
    nothing = validate(network, ShardDataset([more], "valid", None, 1), CPU, 48)
    assert nothing == dict.fromkeys(FIGURES)
    assert validate(network, ShardDataset(shards, "test", None, 1), CPU, 48) == {}


def test_validate_leaves_out_units_that_a_model_labelled(shards, whole_run):
    network, _ = load_trained(whole_run)
    plain = validate(network, ShardDataset(shards, "valid", None, 1), CPU, 48)
    assert plain["au_auc"] is not None
    weak = replace(shards[0], au=1 - shards[0].au, au_weight=np.full(len(shards[0]), WEAK_AU_WEIGHT, np.float32))
    assert validate(network, ShardDataset([*shards, weak], "valid", None, 1), CPU, 48) == plain
    assert validate(network, ShardDataset([weak], "valid", None, 1), CPU, 48) == {**plain, "au_auc": None}


def test_learning_rate_rises_then_falls_to_zero():
    rates = [learning_rate(step, 100, 0.8, 0.1) for step in range(100)]
    np.testing.assert_allclose(rates[:10], 0.08 * np.arange(1, 11))
    assert rates[10] == 0.8
    assert rates[55] == pytest.approx(0.4)
    assert rates[99] < 0.001
    assert (np.diff(rates[10:]) < 0).all()
    assert learning_rate(100, 100, 0.8, 0.1) == pytest.approx(0)


def test_learning_rate_of_a_single_step_is_the_full_one():
    assert learning_rate(0, 1, 0.5, 0.05) == 0.5


def test_weight_decay_spares_biases_and_normalisation():
    model = create_model(TINY, imagenet=False)
    decayed, kept = parameter_groups([model], 0.02)
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.02, 0.0)
    kept_ids = {id(p) for p in kept["params"]}
    assert id(model.va.bias) in kept_ids
    assert id(model.va.weight) not in kept_ids
    assert len(decayed["params"]) + len(kept["params"]) == len(list(model.parameters()))


def test_create_model_follows_labels():
    outputs = create_model(TINY, imagenet=False).eval()(torch.zeros(1, 3, 48, 48))
    assert outputs.expression_logits.shape == (1, len(EXPRESSIONS))
    assert outputs.au_logits.shape == (1, len(ACTION_UNITS))


#: Everything that keeps a state between steps or draws by chance, at once.
MANY = replace(
    TINY,
    mixing={"name": "mixaugment", "alpha": 0.5, "per_sample": True, "flip": 0.5},
    sampler={"name": "expression"},
    optimizer={"name": "sgd", "momentum": 0.9, "sam_rho": 0.05},
    losses={
        "votes": {"weight": 1.0},
        "va_ccc": {"weight": 1.0},
        "center": {"weight": 0.1},
        "affinity": {"weight": 0.1},
    },
    precision="bf16",
    learning_rate=1e-2,
)


def test_train_resumed_equals_train_whole_with_mixing_sampler_sam_and_centres(shards, tmp_path, monkeypatch):
    whole = train(MANY, shards, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 8)  # sam looks twice: in the middle of the fifth step
        with pytest.raises(KeyboardInterrupt):
            train(MANY, shards, tmp_path / "broken")
    assert load_checkpoint(tmp_path / "broken" / CHECKPOINT)["step"] == 3
    torch.manual_seed(999)
    assert_equal(load_checkpoint(train(MANY, shards, tmp_path / "broken")), load_checkpoint(whole))


def test_train_stops_early_and_gives_the_best(shards, tmp_path, monkeypatch):
    figures = iter([0.2, 0.6, 0.5, 0.6, 0.9])
    monkeypatch.setattr(trainer, "validate", lambda *_: {"accuracy": next(figures)})
    recipe = replace(TINY, stages=(Stage(5, 32),), early_stopping=2)
    best = train(recipe, shards, tmp_path)
    assert best.name == "best.pt"
    assert load_checkpoint(best)["step"] == 10  # after the second epoch, whose 0.6 the fourth only equalled
    assert load_checkpoint(tmp_path / CHECKPOINT)["step"] == 20
    assert train(recipe, shards, tmp_path) == best  # it knows that it stopped
    assert next(figures) == 0.9


def test_train_refuses_to_monitor_what_is_undefined(shards, tmp_path):
    recipe = replace(TINY, early_stopping=1, monitor="ccc_valence")
    unlabelled = [Sample("more", f"{i}.png", "train" if i < 8 else "valid", votes=one_hot("fear")) for i in range(10)]
    jpegs = [encode_crop(np.full((48, 48, 3), 20 * i, np.uint8)) for i in range(10)]
    more = build_shard("more", DEFAULT_GEOMETRY.scaled(48), unlabelled, jpegs, ["none"] * 10)
    with pytest.raises(RecipeError, match="ccc_valence is undefined on the validation split"):
        train(recipe, [more], tmp_path)


def test_train_in_stages_leaves_the_rest_as_it_was(shards, tmp_path):
    recipe = replace(TINY, stages=(Stage(1, 32, "expression"),), head={"name": "au_relation"}, ema_decay=0.0)
    made = load_checkpoint(train(recipe, shards, tmp_path))["states"]["model"]
    torch.manual_seed(recipe.seed)
    before = create_model(recipe, ShardDataset(shards, "train", None, 1).labels(), imagenet=False).state_dict()
    changed = {name.split(".")[1] for name, tensor in made.items() if not torch.equal(tensor, before[name])}
    assert changed == {"expression", "attention"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"head": {"name": "dna"}}, "unknown name 'dna'; did you mean 'dan'"),
        ({"mixing": {"name": "mixup", "alfa": 1}}, "mixing: unknown key 'alfa'; did you mean 'alpha'"),
        ({"mixing": {"name": "mixup", "alpha": 0.0}}, "mixing: alpha must be above 0 and flip 0 to 1, not 0.0 and 0.0"),
        ({"mixing": {"name": "mixaugment", "flip": 2.0}}, "alpha must be above 0 and flip 0 to 1"),
        (
            {"mixing": {"name": "mixup"}, "losses": {"focal": {"weight": 1.0}}},
            r"mixup mixes votes, and losses\.focal would take the majority.*set losses\.focal\.majority = false",
        ),
        (
            {"mixing": {"name": "mixaugment"}, "losses": {"votes": {"weight": 1.0, "majority": True}}},
            r"set losses\.votes\.majority = false",
        ),
        ({"sampler": {"name": "expresion"}}, "did you mean 'expression'"),
        ({"sampler": {"name": "expression", "original_epochs": -1}}, r"sampler\.original_epochs: expected 0 or more"),
        ({"optimizer": {"name": "sgd", "momentum": -1.0}}, "optimizer: Invalid momentum value"),
        ({"optimizer": {"name": "sgd", "momentun": 1.0}}, "optimizer: unknown key 'momentun'; did you mean 'momentum'"),
        ({"optimizer": {"name": "sgd", "sam_rho": 0.1}, "precision": "fp16"}, "take bf16"),
        ({"optimizer": {"name": "sgd", "sam_rho": -0.1}}, "sam_rho: expected 0 or more"),
        ({"monitor": "acuracy"}, "monitor: no figure 'acuracy'; did you mean 'accuracy'"),
        ({"frames": 4}, "the head recurrent, and it alone"),
        ({"stages": (Stage(1, 32, "mouth"),)}, "no stage 'mouth'"),
        ({"sampler": {"name": "age", "file": "none.csv"}}, "none.csv cannot be read"),
        ({"backbone": "no_such_net"}, "no_such_net"),
    ],
)
def test_train_refuses_a_part_that_there_is_not(change, complaint, shards, tmp_path):
    with pytest.raises(RecipeError, match=complaint):
        train(replace(TINY, **change), shards, tmp_path)


def test_train_writes_tensorboard_where_asked(shards, tmp_path):
    pytest.importorskip("tensorboard", reason="the log for TensorBoard needs tensorboard")
    train(replace(TINY, tensorboard=True, stages=(Stage(1, 32),)), shards, tmp_path)
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_train_starts_from_the_backbone_of_a_checkpoint(shards, whole_run):
    averaged = load_checkpoint(whole_run)["states"]["average"]
    for head in ("linear", "au_relation"):
        recipe = replace(TINY, weights=str(whole_run), head={"name": head})
        state = create_model(recipe, imagenet=True).state_dict()
        prefix = "backbone." if head == "linear" else "backbone.network."
        taken = [name for name in state if name.startswith(prefix)]
        assert taken
        for name in taken:
            assert torch.equal(state[name], averaged["module.backbone." + name.removeprefix(prefix)])
    with pytest.raises(RecipeError, match="does not hold the weights of this backbone"):
        create_model(replace(recipe, backbone="test_resnet"), imagenet=True)


def test_train_says_in_one_line_what_cannot_be_started_from(shards, whole_run, tmp_path):
    def refused(error: type[Exception], message: str, **changes) -> None:
        with pytest.raises(error, match=message) as raised:
            train(replace(TINY, **changes), shards, tmp_path / "run")
        assert "\n" not in str(raised.value)

    text = tmp_path / "text.pt"
    text.write_text("no weights")
    refused(RecipeError, r"text\.pt is no file of weights", weights=str(text))
    refused(DataError, r"text\.pt: is no checkpoint", start=str(text))
    refused(
        RecipeError,
        "holds test_efficientnet with head linear, and this recipe is of test_resnet with head linear",
        start=str(whole_run),
        backbone="test_resnet",
        drop_path_rate=0.0,
    )


def test_train_that_teaches_itself_resumes_bit_for_bit(shards, tmp_path, monkeypatch):
    recipe = replace(TINY, stages=(Stage(1, 32), Stage(1, 32, rate=0.5, taught_share=0.5, mean_with_start=True)))
    whole = train(recipe, shards, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, shards, tmp_path / "broken")
    assert_equal(load_checkpoint(train(recipe, shards, tmp_path / "broken")), load_checkpoint(whole))


@pytest.mark.parametrize("kept", [ANSWERS, WEIGHTS])
def test_train_does_not_go_on_without_what_a_stage_began_with(shards, tmp_path, monkeypatch, kept):
    recipe = replace(TINY, stages=(Stage(1, 32), Stage(1, 32, taught_share=0.5, mean_with_start=True)))
    with monkeypatch.context() as patch:
        interrupt_at(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, shards, tmp_path)
    (tmp_path / kept.format(epoch=1)).unlink()
    with pytest.raises(RecipeError, match=r"before-epoch-1\.\w+ is missing"):
        train(recipe, shards, tmp_path)


def test_train_ends_a_stage_with_the_mean_of_its_beginning_and_its_end(shards, tmp_path, monkeypatch):
    stages = (Stage(1, 32), Stage(1, 32, rate=0.5))
    begin, end = (
        load_trained(train(replace(TINY, stages=stages[:count]), shards, tmp_path / str(count)))[0].state_dict()
        for count in (1, 2)
    )
    recipe = replace(TINY, stages=(stages[0], replace(stages[1], mean_with_start=True)), checkpoint_every=5)
    original, validated = trainer.validate, 0

    def dying(*args):
        nonlocal validated
        validated += 1
        if validated == 2:
            raise KeyboardInterrupt
        return original(*args)

    with monkeypatch.context() as patch:  # after the last step of the stage: the mean is still to come
        patch.setattr(trainer, "validate", dying)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, shards, tmp_path / "mean")
    mean = load_trained(train(recipe, shards, tmp_path / "mean"))[0].state_dict()
    for name, weight in mean.items():
        expected = (begin[name] + end[name]) / 2 if weight.is_floating_point() else end[name]
        torch.testing.assert_close(weight, expected)
    assert not torch.equal(begin["backbone.conv_stem.weight"], end["backbone.conv_stem.weight"])


def test_train_augments_each_stage_as_it_says(shards, tmp_path, monkeypatch):
    chances = []
    original = Augmentation.apply

    def noting(augmentation, crop, rng):
        chances.append((augmentation.erase, augmentation.flip))
        return original(augmentation, crop, rng)

    monkeypatch.setattr(Augmentation, "apply", noting)
    stages = (Stage(1, 32), Stage(1, 32, augmentation={"erase": 0.5}))
    train(replace(TINY, stages=stages, augmentation=Augmentation(erase=0.25, flip=0.125)), shards, tmp_path)
    assert chances == [(0.25, 0.125)] * 40 + [(0.5, 0.125)] * 40


def test_train_leaves_frozen_modules_alone_in_that_stage_only(shards, tmp_path):
    frozen = ("backbone.conv_stem", "backbone.bn1", "backbone.blocks.0")
    free = replace(TINY, stages=(Stage(1, 32),))
    before = load_checkpoint(train(free, shards, tmp_path / "free"))["states"]["model"]
    recipe = replace(TINY, stages=(Stage(1, 32), Stage(1, 32, frozen=frozen)))
    after = load_checkpoint(train(recipe, shards, tmp_path / "frozen"))["states"]["model"]
    kept = {name for name in before if name.startswith(tuple(f"{module}." for module in frozen))}
    assert any("running_mean" in name for name in kept)
    assert {name for name in before if torch.equal(before[name], after[name])} == kept
    with pytest.raises(RecipeError, match=r"no attribute `blocks9`; known: backbone\.conv_stem"):
        train(replace(TINY, stages=(Stage(1, 32, frozen=("backbone.blocks9",)),)), shards, tmp_path / "wrong")


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_compiled_steps_lead_to_the_same_network(shards, tmp_path, capsys):
    recipe = replace(TINY, dropout=0.0, drop_path_rate=0.0, stages=(Stage(1, 32),))
    plain = train(recipe, shards, tmp_path / "plain")
    assert "compiling" not in capsys.readouterr().out
    compiled = train(replace(recipe, compiled=True), shards, tmp_path / "compiled")
    assert capsys.readouterr().out.count("compiling for 32 px") == 1
    states = [load_trained(path)[0].state_dict() for path in (plain, compiled)]
    assert states[0].keys() == states[1].keys()
    for name in states[0]:
        torch.testing.assert_close(states[1][name], states[0][name], atol=1e-3, rtol=1e-2)


def test_compiled_without_a_compiler_is_refused_at_once(shards, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RecipeError, match=r"no-such-compiler.*leave compiled out"):
        train(replace(TINY, compiled=True), shards, tmp_path)
