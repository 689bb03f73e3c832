"""Tiny copies of the research archives in their official layout, and a model whose answers are known.

Every image has one brightness m, and the model answers by brightness alone: expression number floor(8 m), valence
2 m - 1, arousal 1 - 2 m, and m for every action unit. So each figure has a value that follows from the labels.
"""

import csv
import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from fer_core.data.splits import read_split
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.infer.engine import INPUT, OUTPUTS
from fer_core.infer.model_card import CARD_KEY, ModelCard
from fer_core.labels import ACTION_UNITS, EXPRESSIONS

DIFFUSION_CODES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
C25_CODES = ("happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt", "neutral")


def brightness(expression: str) -> float:
    """The brightness that the model takes for an expression, 0..1, exact in 8 bits up to 1/510."""
    return (EXPRESSIONS.index(expression) + 0.5) / len(EXPRESSIONS)


def save_image(path: Path, expression: str, side_px: int) -> float:
    path.parent.mkdir(parents=True, exist_ok=True)
    value = round(255 * brightness(expression))
    assert cv2.imwrite(str(path), np.full((side_px, side_px, 3), value, np.uint8))
    return value / 255


def save_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def make_ferplus(folder: Path) -> None:
    """Twelve images of split train, eight each of valid and test; one test image is labelled anger but looks afraid."""
    header = ["path", "usage", "dup_md5", *(f"ferplus_{n}" for n in (*EXPRESSIONS, "unknown", "NF"))]
    rows, number = [], 0
    for usage, name, count in (("Training", "Train", 12), ("PublicTest", "Valid", 8), ("PrivateTest", "Test", 8)):
        for n in range(count):
            label = EXPRESSIONS[n % 8]
            path = f"data/FER2013{name}/fer{number:07d}.png"
            save_image(folder / path, "fear" if (name, label) == ("Test", "anger") else label, 48)
            votes = [8 * (e == label) + 2 * (e == "neutral") for e in EXPRESSIONS]
            rows.append([path, usage, "", *votes, 0, 0])
            number += 1
    save_table(folder / "labels_merged.csv", header, rows)


def make_ckplus(folder: Path) -> list[str]:
    """Every unit present in the bright images; six training and two test subjects. Returns the training paths."""
    test = sorted(read_split("ckplus_test_subjects"))[:2]
    train = [f"T{n:03d}" for n in range(6)]
    rows, train_paths = [], []
    for subject in [*train, *test]:
        for emotion, present in (("neutral", 0), ("fear", 1)):
            path = f"assets/ck+_128/{emotion}/{subject}.png"
            save_image(folder / path, emotion, 128)
            rows.append([path, subject, emotion, *[present] * len(ACTION_UNITS)])
            train_paths += [path] * (subject in train)
    save_table(
        folder / "ckplus128_au_labels.csv", ["path", "subject", "emotion", *(f"AU{u}" for u in ACTION_UNITS)], rows
    )
    return train_paths


def make_diffusionfer(folder: Path) -> None:
    """Each of seven classes once in each half, valence-arousal as the model says it."""
    test = sorted(read_split("diffusionfer_test"))[:7]
    rows = []
    for code, expression in enumerate(DIFFUSION_CODES):
        for name in (f"made_{code}.jpg", test[code]):
            m = save_image(folder / "cropped" / "any" / name, expression, 112)
            listed = f"DiffusionFER/DiffusionEmotion_S/cropped/any/{Path(name).stem}.png"
            rows.append([listed, 2 * m - 1, 1 - 2 * m, code])
    save_table(folder / "dataset_sheet.csv", ["subDirectory_filePath", "valence", "arousal", "expression"], rows)


def make_webmorph(folder: Path) -> None:
    for person in ("001", "002"):
        save_image(folder / "neutral_front" / f"{person}_03.jpg", "neutral", 300)
        save_image(folder / "smiling_front" / f"{person}_08.jpg", "happiness", 300)
    save_image(folder / "neutral_front" / "999_03.jpg", "fear", 300)
    save_image(folder / "canada" / "x.jpg", "fear", 300)
    save_table(folder / "london_info.csv", ["face_id", "face_age"], [["001", 24], ["002", 31]])


def make_affectnet_c25(folder: Path) -> None:
    """Sixteen images on which all agree, half in each file."""
    header = ["filename", *(f"participant{n}" for n in range(25))]
    for part in (1, 2):
        rows = [(f"{part}_{code}.jpg", code) for code in range(len(C25_CODES))]
        save_table(folder / f"expression_set{part}_C25.csv", header, [[name, *[code] * 25] for name, code in rows])
        ratings = {
            "valence": lambda code: 0.25 * (code % 5 - 2),
            "arousal": lambda code: -0.5 if C25_CODES[code] == "neutral" else 0.25,
        }
        for quantity, rating in ratings.items():
            values = [[name, *[rating(code)] * 25] for name, code in rows]
            save_table(folder / f"{quantity}_set{part}_C25.csv", header, values)


def make_blendshapes(path: Path, ckplus_paths: Sequence[str]) -> None:
    weak_au = pytest.importorskip("fer_core.data.weak_au", reason="training needs the extra 'train'")
    names = sorted({name for group in weak_au.UNIT_BLENDSHAPES.values() for name in group})
    rng = np.random.default_rng(0)
    rows = [["ckplus128", p, 0, 0, 0, *rng.random(len(names)).round(3)] for p in ckplus_paths]
    save_table(path, ["dataset", "path", "pitch_deg", "yaw_deg", "roll_deg", *names], rows)


def save_model(path: Path, card: ModelCard) -> None:
    onnx = pytest.importorskip("onnx", reason="making a model needs the extra 'train'")
    from onnx import TensorProto, helper, numpy_helper

    centres = np.array([brightness(e) for e in EXPRESSIONS], np.float32)
    constants = {
        "full": np.float32(255),
        "column": np.array([-1, 1], np.int64),
        "centres": centres[None],
        "sharpness": np.float32(-400),
        "slope": np.array([[2, -2]], np.float32),
        "offset": np.array([[-1, 1]], np.float32),
        "units": np.ones((1, len(ACTION_UNITS)), np.float32),
    }
    nodes = [
        helper.make_node("Cast", [INPUT], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2, 3]),
        helper.make_node("Reshape", ["mean", "column"], ["level"]),
        helper.make_node("Div", ["level", "full"], ["m"]),
        helper.make_node("Sub", ["m", "centres"], ["apart"]),
        helper.make_node("Mul", ["apart", "apart"], ["squared"]),
        helper.make_node("Mul", ["squared", "sharpness"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUTS[0]], axis=1),
        helper.make_node("Mul", ["m", "slope"], ["sloped"]),
        helper.make_node("Add", ["sloped", "offset"], [OUTPUTS[1]]),
        helper.make_node("Mul", ["m", "units"], [OUTPUTS[2]]),
    ]
    widths = (len(EXPRESSIONS), 2, len(ACTION_UNITS))
    graph = helper.make_graph(
        nodes,
        "by_brightness",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", 112, 112, 3])],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, ["n", w]) for o, w in zip(OUTPUTS, widths, strict=True)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the archives, without what only FER+ needs."""
    folder = tmp_path_factory.mktemp("archives")
    make_ckplus(folder / "ckplus128")
    make_diffusionfer(folder / "diffusionfer")
    make_webmorph(folder / "webmorph")
    return folder


@pytest.fixture(scope="session")
def full_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of all archives."""
    folder = tmp_path_factory.mktemp("all_archives")
    make_blendshapes(folder / "blendshapes.csv.gz", make_ckplus(folder / "ckplus128"))
    make_diffusionfer(folder / "diffusionfer")
    make_ferplus(folder / "ferplus")
    make_affectnet_c25(folder / "affectnetc25")
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX file of the model that answers by brightness."""
    path = tmp_path_factory.mktemp("model") / "brightness.onnx"
    save_model(path, ModelCard("brightness", "3", EXPRESSIONS, ACTION_UNITS, DEFAULT_GEOMETRY, backbone="none"))
    return path


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """Builders of this module."""
    return SimpleNamespace(brightness=brightness)
