import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from fer_core.evaluate.evaluation import Evaluation
from fer_core.evaluate.figures import (
    confusion_figure,
    mean_error_over_plane,
    precision_recall_figure,
    squared_error_over_plane,
)
from fer_core.evaluate.ranking import precision_recall
from fer_core.evaluate.report import write_report
from fer_core.labels import ACTION_UNITS, EXPRESSIONS


def made(rows: int = 80) -> Evaluation:
    generator = np.random.default_rng(1)
    votes = generator.multinomial(10, np.full(8, 1 / 8), rows) / 10
    au = generator.integers(0, 2, (rows, len(ACTION_UNITS))).astype(float)
    au[:, 3] = np.nan
    au[:, 4] = 0
    va = generator.uniform(-1, 1, (rows, 2))
    return Evaluation(
        EXPRESSIONS,
        ACTION_UNITS,
        expression_probs=generator.dirichlet(np.ones(8), rows),
        expression_votes=votes,
        va_pred=np.clip(va + 0.1, -1, 1),
        va_target=va,
        au_probs=generator.random((rows, len(ACTION_UNITS))),
        au_target=au,
        dataset=np.full(rows, "made set/1"),
        path=np.array([f"{n}.png" for n in range(rows)]),
        subject=np.full(rows, ""),
    )


def _without(faces: Evaluation, *names: str) -> Evaluation:
    changes: dict[str, Any] = {name: np.full_like(getattr(faces, name), np.nan) for name in names}
    return replace(faces, **changes)


def _linked(page: Path) -> list[Path]:
    return [page.parent / name for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))]


def test_write_report_links_pictures_that_exist_and_show_something(tmp_path: Path) -> None:
    page = write_report(
        made(), tmp_path / "deep" / "report", title="A model", figures_json=made().metrics(resamples=20)
    )
    pictures = _linked(page)
    kinds = ("confusion", "reliability", "pr", "va", "plane", "au", "au-pr")
    assert [p.name for p in pictures] == [f"{kind}-made-set-1.png" for kind in kinds]
    for picture in pictures:
        pixels = imread(picture)
        assert min(pixels.shape[:2]) > 300
        assert 0.01 < np.mean(pixels[..., :3].min(axis=2) < 0.9) < 0.9


def test_write_report_tells_the_figures_of_the_json(tmp_path: Path) -> None:
    faces = made()
    page = write_report(faces, tmp_path, figures_json=faces.metrics(resamples=50))
    text = page.read_text(encoding="utf-8")
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    low, high = found["intervals"]["accuracy"]
    assert f"| accuracy | {found['accuracy']:.3f} | {low:.3f} to {high:.3f} | 80 |" in text
    assert f"| valence | {found['ccc_valence']:.3f} |" in text
    for name in EXPRESSIONS:
        assert f"| {name} |" in text
    assert "| AU12 | lip corner puller |" in text
    assert "| AU05 |" not in text, "a unit without labels has no row"
    assert "| AU06 | cheek raiser | – | – |" in text, "one label only: AUC and average precision are undefined"
    assert f"| all tasks, P_MTL | {found['p_mtl']:.3f} |" in text
    assert "chosen thresholds" not in text


def test_write_report_computes_the_figures_itself(tmp_path: Path) -> None:
    faces = _without(made(12), "expression_votes", "au_target")
    write_report(faces, tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == faces.metrics()


@pytest.mark.parametrize(
    ("missing", "kinds"),
    [
        (("va_target", "au_target"), ["confusion", "reliability", "pr"]),
        (("expression_votes", "au_target"), ["va", "plane"]),
        (("expression_votes", "va_target"), ["au", "au"]),
        (("expression_votes", "va_target", "au_target"), []),
    ],
)
def test_write_report_shows_only_what_is_labelled(tmp_path: Path, missing: tuple[str, ...], kinds: list[str]) -> None:
    faces = _without(made(), *missing)
    page = write_report(faces, tmp_path, figures_json=faces.metrics(resamples=0))
    assert [p.name.split("-")[0] for p in _linked(page)] == kinds


def test_write_report_has_a_section_for_every_data_set(tmp_path: Path) -> None:
    faces = replace(made(), dataset=np.array(["one"] * 30 + ["two"] * 50))
    page = write_report(faces, tmp_path, figures_json=faces.metrics(resamples=0))
    text = page.read_text(encoding="utf-8")
    assert "## one: 30 faces" in text
    assert "## two: 50 faces" in text
    assert len(set(_linked(page))) == 14
    assert all(p.is_file() for p in _linked(page))


def test_write_report_of_many_faces_and_of_one(tmp_path: Path) -> None:
    for rows in (700, 1):
        faces = made(rows)
        page = write_report(faces, tmp_path / str(rows), figures_json=faces.metrics(resamples=0))
        assert all(p.is_file() for p in _linked(page))


def test_report_needs_neither_pyplot_nor_torch(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np; from pathlib import Path; import fer_core.evaluate.report;"
        "import fer_core.evaluate.evaluate; from fer_core.evaluate import figures;"
        "figures.save_png(figures.confusion_figure(np.eye(2, dtype=int), 'ab'), Path(sys.argv[1]));"
        "print(sorted({'matplotlib.pyplot', 'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    picture = tmp_path / "confusion.png"
    done = subprocess.run(
        [sys.executable, "-c", program, str(picture)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr
    assert picture.is_file()


def test_confusion_figure_writes_no_share_of_a_class_without_labels() -> None:
    figure = confusion_figure(np.array([[3, 1], [0, 0]]), ("a", "b"))
    assert [t.get_text() for t in figure.axes[0].texts] == ["0.75\n3", "0.25\n1"]


def test_mean_error_over_plane_equals_naive_loop() -> None:
    generator = np.random.default_rng(4)
    target = np.concatenate([generator.uniform(-1, 1, (600, 2)), [[1, 1]] * 5, [[-1, -1]] * 5])
    pred = generator.uniform(-1, 1, target.shape)
    found, edges = mean_error_over_plane(pred, target)
    for column in range(10):
        for row in range(10):
            inside = [
                n
                for n in range(len(target))
                if edges[column] <= target[n, 0] < edges[column + 1] + (column == 9)
                and edges[row] <= target[n, 1] < edges[row + 1] + (row == 9)
            ]
            if len(inside) < 5:
                assert np.isnan(found[column, row])
            else:
                distances = [np.hypot(*(pred[n] - target[n])) for n in inside]
                assert found[column, row] == pytest.approx(np.mean(distances))


def test_squared_error_over_plane_equals_naive_loop() -> None:
    generator = np.random.default_rng(5)
    target = np.concatenate([generator.uniform(-1, 1, (150, 2)), [[1, 1], [-1, -1]]])
    pred = generator.uniform(-1, 1, target.shape)
    count, error, edges = squared_error_over_plane(pred, target)
    sums = np.zeros((10, 10))
    counts = np.zeros((10, 10), int)
    for (v, a), (pv, pa) in zip(target, pred, strict=True):
        column, row = min(np.searchsorted(edges, v, "right") - 1, 9), min(np.searchsorted(edges, a, "right") - 1, 9)
        counts[column, row] += 1
        sums[column, row] += ((v - pv) ** 2 + (a - pa) ** 2) / 2
    np.testing.assert_array_equal(count, counts)
    assert np.isnan(error[counts == 0]).all()
    np.testing.assert_allclose(error[counts > 0], sums[counts > 0] / counts[counts > 0])


def test_precision_recall_figure_draws_every_curve_with_its_area() -> None:
    probs, target = np.array([0.9, 0.8, 0.3]), np.array([1.0, 0.0, 1.0])
    figure = precision_recall_figure(
        {f"AU{n}": precision_recall(probs, target) for n in range(9)},
        dict.fromkeys([f"AU{n}" for n in range(9)], 5 / 6),
        "units",
    )
    lines = figure.axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 9
    np.testing.assert_allclose(lines[0].get_xdata(), [0, 0.5, 0.5, 1])
    np.testing.assert_allclose(lines[0].get_ydata(), [1, 1, 0.5, 2 / 3])
    assert figure.legends[0].get_texts()[0].get_text() == "AU0  0.83"


def test_write_report_draws_features_and_chosen_thresholds(tmp_path: Path) -> None:
    faces = replace(made(), dataset=np.array(["one"] * 30 + ["two"] * 50))
    found = faces.metrics(resamples=0, au_thresholds={12: 0.25})
    features = np.random.default_rng(0).normal(size=(80, 5))
    page = write_report(faces, tmp_path, figures_json=found, features=features)
    names = [p.name for p in _linked(page)]
    assert "features-one.png" in names
    assert "features-two.png" in names
    assert all((tmp_path / n).is_file() for n in names)
    text = page.read_text(encoding="utf-8")
    assert "| action units, mean F1, chosen thresholds |" in text
    unit = found["datasets"]["one"]["action_units"]["au12"]
    best = f"{unit['best_threshold']:.3f}"
    assert f"{unit['f1_chosen']:.3f} | 0.250 | {best} | {unit['positives']} | 30 |" in text
    with pytest.raises(ValueError, match="79 features for 80 faces"):
        write_report(faces, tmp_path, figures_json=found, features=features[:-1])


def test_write_report_leaves_out_a_plane_of_one_face(tmp_path: Path) -> None:
    faces = made(1)
    page = write_report(faces, tmp_path, figures_json=faces.metrics(resamples=0), features=np.ones((1, 5)))
    assert "features" not in " ".join(p.name for p in _linked(page))
