from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")
pytest.importorskip("sklearn", reason="training needs the extra 'train'")

import torch

from fer_core.data.alignment import ALIGNMENTS
from fer_core.data.archive import DataError
from fer_core.data.sample import Sample
from fer_core.data.shards import Shard, build_shard, encode_crop
from fer_core.evaluate.confidence import confidence_by_outcome
from fer_core.evaluate.evaluate import predict_shard
from fer_core.evaluate.probe import Trained, chosen_shards, label_vectors, probe, read_trained
from fer_core.evaluate.svm_features import SvmOptions
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.train.networks import create_model
from fer_core.train.recipe import Recipe, Stage
from fer_core.train.trainer import train

SIDE_PX = 32
RECIPE = Recipe(
    backbone="test_efficientnet", imagenet=False, batch_size=8, stages=(Stage(1, SIDE_PX),), dropout=0.0, ema_decay=0
)


def shard(name: str = "made", rows: int = 48, seed: int = 0) -> Shard:
    """Faces whose brightness is their class, in three splits, some without an expression; one person every four."""
    rng = np.random.default_rng(seed)
    samples, jpegs = [], []
    for i in range(rows):
        votes = np.full(8, np.nan, np.float32) if i % 11 == 10 else np.eye(8, dtype=np.float32)[i % 8]
        samples.append(
            Sample(
                name,
                f"clip{i // 8}.mp4#{i % 8}",
                ("train", "valid", "test")[i // 8 % 3],
                subject=f"p{i // 4}",
                votes=votes,
                va=rng.uniform(-0.9, 0.9, 2).astype(np.float32),
                au=(rng.random(len(ACTION_UNITS)) < 0.5).astype(np.float32),
                au_weight=0.3 if i % 7 == 6 else 1.0,
            )
        )
        jpegs.append(
            encode_crop(np.clip(rng.normal(20 + 30 * (i % 8), 3, (SIDE_PX, SIDE_PX, 3)), 0, 255).astype(np.uint8))
        )
    return build_shard(name, DEFAULT_GEOMETRY.scaled(SIDE_PX), samples, jpegs, ["detector"] * rows)


def untrained(**changes: object) -> Trained:
    torch.manual_seed(0)
    recipe = replace(RECIPE, **changes)
    return Trained(create_model(recipe, imagenet=False).eval(), recipe, DEFAULT_GEOMETRY.scaled(SIDE_PX))


def test_probe_says_what_the_network_says_of_each_face():
    made, trained = shard(), untrained()

    def predict(crops: np.ndarray) -> tuple[np.ndarray, ...]:
        with torch.inference_mode():
            outputs = trained.network(torch.from_numpy(crops).movedim(-1, 1).float())
        answers = outputs.expression_logits.softmax(dim=1), outputs.va, outputs.au_logits.sigmoid()
        return tuple(a.numpy() for a in answers)

    expected = predict_shard(predict, made, split="test")
    found = probe(trained, [made], "test", resamples=20)
    np.testing.assert_allclose(found.evaluation.expression_probs, expected.expression_probs, atol=1e-5)
    np.testing.assert_array_equal(found.evaluation.au_target, expected.au_target)
    assert found.evaluation.path.tolist() == expected.path.tolist()
    plain = expected.metrics(resamples=20)
    for key in ("rows", "accuracy", "mean_class_accuracy", "confusion"):
        assert found.figures[key] == plain[key]
    rated = expected.labelled_expressions()
    by_hand = confidence_by_outcome(rated.expression_probs, rated.majority())
    assert found.figures["confidence"]["wrong"]["count"] == by_hand.wrong.count
    assert found.figures["confidence"]["wrong"]["mean"] == pytest.approx(by_hand.wrong.mean, abs=1e-5)
    assert found.features is not None
    assert found.features.shape[0] == len(expected)
    assert found.figures["untaught"] == []
    assert "svm" not in found.figures


def test_probe_pools_data_sets_and_reports_each():
    shards = [shard("one", seed=1), shard("two", rows=24, seed=2)]
    found = probe(untrained(), shards, "test", resamples=0)
    assert found.evaluation.dataset.tolist() == ["one"] * 16 + ["two"] * 8
    assert {n: f["rows"] for n, f in found.figures["datasets"].items()} == {"one": 16, "two": 8}
    assert [s.dataset for s in chosen_shards(shards, ["two"])] == ["two"]
    assert chosen_shards(shards, None) == shards
    with pytest.raises(DataError, match="no shard of three; there are one, two"):
        chosen_shards(shards, ["three"])


def test_probe_fits_a_machine_on_the_training_split():
    trained, made = untrained(), shard(rows=144)
    found = probe(trained, [made], "test", svm=SvmOptions(), resamples=0).figures["svm"]
    assert found["kernel"] == "rbf"
    assert found["softmax"] == pytest.approx(probe(trained, [made], "test", resamples=0).figures["accuracy"])
    assert found["svm"] > 0.9 > found["softmax"]  # brightness alone tells the classes, but no one taught the network


def test_probe_measures_clips_and_tasks_that_were_not_taught():
    recurrent = untrained(
        head={"name": "recurrent", "hidden": 8, "layers": 1}, frames=3, losses={"va_ccc": {"weight": 1}}
    )
    found = probe(recurrent, [shard()], "valid", resamples=0)
    assert found.figures["rows"] == 16
    assert found.figures["untaught"] == ["expressions", "action units"]


def test_probe_names_the_splits_that_there_are():
    only = shard(rows=8)
    with pytest.raises(DataError, match="no faces in split 'test' of made; there are train"):
        probe(untrained(), [only], "test")


def test_read_trained_refuses_other_files_and_other_alignments(tmp_path: Path):
    made = shard(rows=24)
    checkpoint = train(RECIPE, [made], tmp_path / "run")
    assert read_trained(checkpoint, [made]).size_px == SIDE_PX
    with pytest.raises(DataError, match="eyes: faces aligned otherwise"):
        read_trained(checkpoint, [replace(made, dataset="eyes", geometry=ALIGNMENTS["eyes"])])
    with pytest.raises(DataError, match="cannot be read"):
        read_trained(tmp_path / "none.pt", [made])
    (tmp_path / "text.pt").write_text("text")
    with pytest.raises(DataError, match="is no checkpoint"):
        read_trained(tmp_path / "text.pt", [made])


ALL = [*EXPRESSIONS, "valence", "arousal"]


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ({"name": "linear"}, ALL),
        ({"name": "emotion_gcn"}, ALL),
        ({"name": "fusion"}, ALL),
        ({"name": "au_relation"}, ALL),
        # Other features behind valence and arousal, or sectors in their place: not to be compared.
        ({"name": "fusion", "fusion": "separate"}, list(EXPRESSIONS)),
        ({"name": "fusion", "fusion": "concatenate"}, list(EXPRESSIONS)),
        ({"name": "fusion", "va": "sectors", "sectors": 2}, list(EXPRESSIONS)),
    ],
)
def test_label_vectors_are_those_that_features_are_multiplied_with(head, names):
    trained = untrained(head=head)
    if head["name"] == "emotion_gcn":
        trained.network.head.set_correlation(np.full((8, 2), 0.5))
    vectors, found = label_vectors(trained)
    assert list(found) == names
    assert len(vectors) == len(names)
    if head["name"] in ("linear", "emotion_gcn", "au_relation"):
        image = torch.rand(2, 3, SIDE_PX, SIDE_PX) * 255
        with torch.inference_mode():
            outputs = trained.network(image)
            if head["name"] == "au_relation":
                own = trained.network.head.expression
                expected = own(outputs.features) - own.bias
            else:
                bias = 0 if head["name"] == "emotion_gcn" else trained.network.expression.bias
                expected = outputs.expression_logits - bias
        np.testing.assert_allclose(outputs.features @ vectors[:8].T, expected, atol=1e-4)


def test_label_vectors_leave_out_what_was_not_taught():
    _, names = label_vectors(untrained(losses={"votes": {"weight": 1.0}}))
    assert list(names) == list(EXPRESSIONS)
