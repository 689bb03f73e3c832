from pathlib import Path

import numpy as np
import pytest

from fer_core.augment.affect3d import SynthesisError
from fer_core.augment.synthesize_targets import (
    GRID_RADIUS,
    SIX,
    labelled_expression,
    labelled_point,
    parse_targets,
    target_names,
)
from fer_core.data.errors import DataError


def test_parse_targets_six_gives_each_expression_at_each_intensity():
    found = parse_targets("six", [0.5, 1.0])
    assert [(t.expression, t.target.intensity) for t in found] == [(e, i) for e in SIX for i in (0.5, 1.0)]
    assert len(target_names(found)) == 12
    assert all(t.va is None for t in found)


def test_parse_targets_reads_points():
    found = parse_targets("-.5,.25; 0.125,-1")
    assert [t.va for t in found] == [(-0.5, 0.25), (0.125, -1.0)]
    assert [t.target.va for t in found] == [(-0.5, 0.25), (0.125, -1.0)]
    assert not any(t.expression for t in found)


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_parse_targets_grid_stays_in_the_circle_and_is_even(count: int):
    points = np.array([t.va for t in parse_targets(f"grid:{count}")])
    assert np.hypot(*points.T).max() <= GRID_RADIUS + 1e-3
    assert np.allclose(points.mean(axis=0), 0, atol=1e-6)
    assert len(points) >= count**2 // 2
    steps = np.diff(np.unique(points[:, 0]))
    assert np.allclose(steps, steps[0], atol=1e-3)


def test_parse_targets_keeps_each_target_once():
    assert len(parse_targets(".5,.2;.5,.2;.5,.3")) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (".5,.2;-.001,1", ["v+0.50a+0.20", "v+0.00a+1.00"]),
        (".501,.2;.504,.2", ["v+0.501a+0.200", "v+0.504a+0.200"]),
        (".1234561,0;.123456,0;.123457,0", ["v+0.123456a+0.000000", "v+0.123457a+0.000000"]),
    ],
)
def test_target_names_have_the_decimals_that_tell_targets_apart(text: str, names: list[str]):
    found = target_names(parse_targets(text))
    assert list(found) == names


def test_target_names_of_expressions_are_in_per_cent():
    happy = [labelled_expression("happiness", value) for value in (0.05, 1, 0.05)]
    assert list(target_names(happy)) == ["happiness-005", "happiness-100"]
    happy += [labelled_expression("happiness", 0.054), labelled_expression("neutral", 1), labelled_point(0, 0)]
    names = ["happiness-5.0", "happiness-100.0", "happiness-5.4", "neutral", "v+0.000a+0.000"]
    assert list(target_names(happy)) == names


def test_parse_targets_reads_a_table(tmp_path: Path):
    table = tmp_path / "targets.csv"
    table.write_text(
        "valence,arousal,expression,intensity\n.5,.2,,\n,,Happy,0.6\n,,anger,\n,,neutral,\n", encoding="utf-8"
    )
    found = parse_targets(str(table), [1.2])
    assert [(t.expression, t.va, t.target.intensity) for t in found] == [
        ("", (0.5, 0.2), 1.0),
        ("happiness", None, 0.6),
        ("anger", None, 1.2),
        ("neutral", None, 1.0),
    ]
    assert found[-1].target.va == (0, 0)  # the photograph as it is


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "there is none; give six"),
        ("sixx", "'sixx' is no point: write valence,arousal"),
        (".1,.2,.3", "is no point"),
        ("0,1.2", "must lie in"),
        ("nan,0", "must lie in"),
        ("grid:1", "grid:1: .* from 2 to 51"),
        ("grid:x", "grid:x"),
    ],
)
def test_parse_targets_complains_exactly(text: str, complaint: str):
    with pytest.raises(SynthesisError, match=complaint):
        parse_targets(text)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (".5,,,", "line 2"),
        (".5,.2,anger,", "or expression"),
        (",,,", "or expression"),
        (",,joyous,", "no expression"),
        (",,contempt,", "cannot be synthesised"),
        (",,anger,2", "intensity 2"),
        ("2,0,,", "must lie in"),
    ],
)
def test_parse_targets_names_the_row_that_cannot_be_read(row: str, complaint: str, tmp_path: Path):
    table = tmp_path / "targets.csv"
    table.write_text(f"valence,arousal,expression,intensity\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=complaint):
        parse_targets(str(table))


def test_parse_targets_says_that_the_file_is_missing(tmp_path: Path):
    with pytest.raises(DataError, match=r"none\.csv cannot be read .*check the path"):
        parse_targets(str(tmp_path / "none.csv"))
