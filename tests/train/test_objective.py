from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core.data.dataset import Batch, Labels
from fer_core.models.multitask import Outputs
from fer_core.train.networks import create_model, set_mode
from fer_core.train.objective import LOSSES, Objective, Setting
from fer_core.train.options import RecipeError
from fer_core.train.recipe import Recipe, Stage, load_recipe, recipe_from_dict

NAN = float("nan")
FEATURES = 5


def made(rows: int = 6) -> tuple[Outputs, Batch]:
    rng = np.random.default_rng(0)

    def leaf(*shape: int) -> torch.Tensor:
        return torch.tensor(rng.normal(0, 0.5, shape), dtype=torch.float32, requires_grad=True)

    batch = Batch(
        torch.zeros(rows, 3, 4, 4),
        torch.tensor(rng.dirichlet(np.ones(8), rows), dtype=torch.float32),
        torch.tensor(rng.uniform(-1, 1, (rows, 2)), dtype=torch.float32),
        torch.tensor(rng.random((rows, 18)) < 0.3, dtype=torch.float32),
        torch.ones(rows, 1),
        torch.tensor(rng.random((rows, 1, 8, 8)) < 0.3, dtype=torch.float32),
    )
    answers = (leaf(rows, 8), leaf(rows, 2), leaf(rows, 18), leaf(rows, FEATURES), leaf(rows, 4), leaf(rows, 1, 4, 4))
    return Outputs(*answers, leaf(rows, 3, 7)), batch


def setting() -> Setting:
    rng = np.random.default_rng(1)
    au = np.concatenate([np.ones((1, 18)), rng.random((40, 18)) < 0.3]).astype(np.float32)
    votes, va = rng.dirichlet(np.ones(8), 41), rng.uniform(-1, 1, (41, 2))
    return Setting(Labels(votes.astype(np.float32), va.astype(np.float32), au), FEATURES)


def objective(**losses: dict[str, object]) -> Objective:
    torch.manual_seed(0)
    return Objective(recipe_from_dict({"losses": losses}, "made"), setting())


def gradients(outputs: Outputs, loss: torch.Tensor) -> dict[str, torch.Tensor | None]:
    names = Outputs.__slots__
    found = torch.autograd.grad(loss, [getattr(outputs, name) for name in names], allow_unused=True)
    return dict(zip(names, found, strict=True))


def test_objective_total_is_the_weighted_sum():
    outputs, batch = made()
    losses = objective(votes={"weight": 2}, va_ccc={"weight": 0.5}, au={})(outputs, batch)
    expected = 2 * losses["votes"] + 0.5 * losses["va_ccc"] + losses["au"]
    torch.testing.assert_close(losses["total"], expected)
    assert all(loss.item() > 0 for loss in losses.values())


def test_objective_leaves_out_what_weighs_nothing():
    outputs, batch = made()
    assert set(objective(votes={}, focal={"weight": 0})(outputs, batch)) == {"total", "votes"}


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_survives_missing_labels_with_a_finite_gradient(name):
    outputs, batch = made(40)
    batch.votes[30:], batch.va[:2], batch.va[5, 1], batch.au[0], batch.au[:, 4] = NAN, NAN, NAN, NAN, NAN
    terms = objective(**{name: {}})
    losses = terms(outputs, batch)
    assert torch.isfinite(losses["total"])
    found = [g for g in gradients(outputs, losses["total"]).values() if g is not None]
    assert found
    assert all(torch.isfinite(g).all() for g in found)
    assert any(g.abs().max() > 0 for g in found)
    terms.update(outputs, batch)
    assert all(torch.isfinite(tensor).all() for tensor in terms.state_dict().values())


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"region", "partition"}))
def test_every_loss_survives_a_batch_without_any_label(name):
    outputs, batch = made()
    for labels in (batch.votes, batch.va, batch.au):
        labels[:] = NAN
    terms = objective(**{name: {}})
    found = [g for g in gradients(outputs, terms(outputs, batch)["total"]).values() if g is not None]
    assert all(g.abs().max() == 0 for g in found)


def test_objective_counts_weak_units_less():
    outputs, batch = made()
    for name in ("au", "au_asymmetric"):
        strong = objective(**{name: {}})(outputs, batch)[name]
        batch.au_weight[:] = 0.25
        torch.testing.assert_close(objective(**{name: {}})(outputs, batch)[name], strong / 4)
        batch.au_weight[:] = 1


def test_au_asymmetric_leaves_out_a_unit_that_training_never_shows():
    outputs, batch = made()
    never = setting()
    never.labels.au[:, 3] = 0
    terms = Objective(recipe_from_dict({"losses": {"au_asymmetric": {}}}, "made"), never)
    gradient = gradients(outputs, terms(outputs, batch)["total"])["au_logits"]
    assert gradient[:, 3].abs().max() == 0
    assert gradient[:, 4].abs().max() > 0


def test_votes_majority_is_cross_entropy_on_the_class():
    outputs, batch = made()
    found = objective(votes={"majority": True})(outputs, batch)["votes"]
    expected = torch.nn.functional.cross_entropy(outputs.expression_logits, batch.votes.argmax(dim=1))
    torch.testing.assert_close(found, expected)


def test_votes_class_weights_make_rare_classes_count_more():
    outputs, batch = made()
    rare = setting()
    rare.labels.votes[:] = 0
    rare.labels.votes[:, 0], rare.labels.votes[0, :2] = 1, (0, 1)
    weighted = Objective(recipe_from_dict({"losses": {"votes": {"class_weights": True}}}, "made"), rare)
    batch.votes[:] = torch.eye(8)[1]
    common = batch.votes.clone().roll(-1, dims=1)
    of_rare = weighted(outputs, batch)["votes"]
    batch.votes[:] = common
    assert of_rare > 5 * weighted(outputs, batch)["votes"]


def test_class_weights_of_the_majority_count_its_classes():
    """30 faces whose majority sees one class and 11 of another, which has more than half of all votes."""
    outputs, batch = made()
    split = setting()
    split.labels.votes[:] = 0
    split.labels.votes[:30, (4, 6)], split.labels.votes[30:, 6] = (0.6, 0.4), 1
    batch.votes[:] = torch.eye(8)[6]
    for name in ("votes", "focal"):
        options = {"class_weights": True, "majority": True}
        weighted = Objective(recipe_from_dict({"losses": {name: options}}, "made"), split)(outputs, batch)[name]
        plain = objective(**{name: {"majority": True}})(outputs, batch)[name]
        torch.testing.assert_close(weighted, 41 / (2 * 11) * plain)


@pytest.mark.parametrize(("stage", "expected"), [("au", False), ("", True)])
def test_expressions_teach_units_only_when_all_is_trained_at_once(stage, expected):
    recipe = replace(load_recipe("au_staged"), backbone="test_efficientnet", imagenet=False)
    network, (_, batch) = create_model(recipe, setting().labels, imagenet=False), made()
    set_mode(network, Stage(1, 32, stage))
    outputs = network(torch.rand(len(batch), 3, 32, 32) * 255)
    losses = Objective(recipe, Setting(setting().labels, outputs.features.shape[1]))(outputs, batch)
    for name, teaches in (("au_asymmetric", True), ("votes", expected)):
        units = list(network.head.au.parameters())
        reached = losses[name] + 0 * losses["total"]  # a gradient of 0, not none, where it does not reach the units
        grads = torch.autograd.grad(reached, units, retain_graph=True)
        assert any(g.abs().max() > 0 for g in grads) == teaches, name


def test_objective_moves_centres_only_when_updated():
    outputs, batch = made()
    terms = objective(center={"rate": 0.3})
    before = {name: tensor.clone() for name, tensor in terms.state_dict().items()}
    terms(outputs, batch)
    assert all(torch.equal(tensor, before[name]) for name, tensor in terms.state_dict().items())
    terms.update(outputs, batch)
    assert any(not torch.equal(tensor, before[name]) for name, tensor in terms.state_dict().items())


@pytest.mark.parametrize(
    ("losses", "complaint"),
    [
        ({"focl": {}}, "unknown name 'focl'; did you mean 'focal'"),
        ({"focal": {"gama": 1}}, r"losses\.focal: unknown key 'gama'; did you mean 'gamma'"),
        ({"focal": {"gamma": "much"}}, r"losses\.focal\.gamma: expected float, not 'much'"),
        ({"va_center": {"axes": "valance"}}, "expected both, valence, arousal, not 'valance'"),
        ({"center": {"rate": 2}}, r"losses\.center: rate must lie in \(0, 1\]"),
        ({"local_subclass": {"subclasses": 0}}, r"losses\.local_subclass: subclasses must be at least 1, got 0"),
        ({"local_subclass": {"margin": -1}}, "penalty_weight and margin must not be negative"),
        ({"island": {"penalty_weight": -1}}, r"losses\.island: penalty_weight must not be negative"),
        ({"euclidean_island": {"margin": -1}}, r"losses\.euclidean_island: margin must not be negative"),
        ({"focal": {"gamma": -1}}, r"losses\.focal\.gamma: expected 0 or more, not -1\.0"),
        ({"contrastive_negative": {"margin": -1}}, r"losses\.contrastive_negative\.margin: expected 0 or more"),
        ({"va_sectors": {"least_radius": -1}}, r"losses\.va_sectors\.least_radius: expected 0 or more"),
        ({"soft": {"bins": 0}}, r"losses\.soft: bins must be at least 1"),
    ],
)
def test_objective_refuses_what_there_is_not(losses, complaint):
    with pytest.raises(RecipeError, match=complaint):
        objective(**losses)


def test_a_loss_on_an_answer_that_the_head_does_not_give_says_so():
    outputs, batch = made()
    plain = Outputs(outputs.expression_logits, outputs.va, outputs.au_logits)
    for name in ("va_sectors", "region", "partition", "center"):
        with pytest.raises(RecipeError, match="name another head"):
            objective(**{name: {}})(plain, batch)


def test_default_losses_are_the_three_tasks():
    assert set(Recipe().losses) == {"votes", "va_ccc", "au"}
