from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Affect
from fer_studio.labels import Labels
from fer_studio.theme import DARK, LIGHT, ThemeChoice, ThemeFollower, expression_colour
from fer_studio.views.au_bars import AuBars
from fer_studio.views.bar_chart import BarChart
from fer_studio.views.expression_bars import ExpressionBars

LABELS = Labels(EXPRESSIONS, ACTION_UNITS)


def affect(*probs: float, units: float = 0.0) -> Affect:
    expressions = np.array([*probs, *[0.0] * (len(EXPRESSIONS) - len(probs))], dtype=np.float32)
    return Affect(expressions, 0.0, 0.0, np.full(len(ACTION_UNITS), units, dtype=np.float32))


def shown(qtbot: QtBot, view: BarChart, width: int = 420, height: int = 240) -> BarChart:
    qtbot.addWidget(view)
    view.resize(width, height)
    view.show()
    return view


@pytest.fixture
def bars(qtbot: QtBot) -> ExpressionBars:
    view = ExpressionBars(LABELS)
    shown(qtbot, view)
    return view


@pytest.fixture
def follower(qapp: QApplication) -> Iterator[ThemeFollower]:
    follower = ThemeFollower(qapp, ThemeChoice.LIGHT)
    yield follower
    follower.set_choice(ThemeChoice.LIGHT)


def filled_share(view: BarChart, row: int, colour: QColor) -> float:
    """How much of a row's track has the colour of its bar, just below the upper edge, where no line or tick is."""
    track = view._cells()[0][view.order.index(row)].track
    image = view.grab().toImage()
    y = round(track.top()) + 1
    columns = range(round(track.left()) + 1, round(track.right()) - 1)
    return sum(image.pixelColor(x, y) == colour for x in columns) / len(columns)


def test_expression_bars_are_as_long_as_the_values(bars: ExpressionBars) -> None:
    bars.show_affect(affect(0.25, 0.6, 0.15))
    for row, value in enumerate((0.25, 0.6, 0.15, 0.0)):
        assert filled_share(bars, row, expression_colour(EXPRESSIONS[row])) == pytest.approx(value, abs=0.015)


def test_expression_bars_show_the_corrected_value_and_a_tick_at_the_raw_one(
    bars: ExpressionBars, follower: ThemeFollower
) -> None:
    bars.show_affect(affect(0.1, 0.9), affect(0.7, 0.3))
    assert filled_share(bars, 1, expression_colour("happiness")) == pytest.approx(0.3, abs=0.015)
    track = bars._cells()[0][1].track
    image = bars.grab().toImage()
    y = round(track.bottom()) - 2
    dark = [x for x in range(round(track.left()), round(track.right())) if image.pixelColor(x, y) == LIGHT.text]
    assert (np.mean(dark) - track.left()) / track.width() == pytest.approx(0.9, abs=0.015)
    assert "Raw 0.90, baseline subtracted 0.30" in bars.tooltip_at(track.center().toPoint())


def test_expression_bars_are_empty_without_a_face(bars: ExpressionBars) -> None:
    bars.show_affect(affect(0.0, 1.0), time_s=0.0)
    bars.show_affect(None, time_s=0.04)
    assert filled_share(bars, 1, expression_colour("happiness")) == 0
    assert bars.describe() == "no usable face"


def test_expression_bars_draw_a_history_line(bars: ExpressionBars, follower: ThemeFollower) -> None:
    def line_pixels() -> int:
        track = bars._cells()[0][1].track.adjusted(2, 2, -2, -2).toRect()
        image = bars.grab(track).toImage()
        ground = LIGHT.track
        return sum(image.pixelColor(x, y) != ground for x in range(image.width()) for y in range(image.height()))

    for i in range(300):
        bars.show_affect(affect(0.5, 0.5 + 0.4 * np.sin(i / 20)), time_s=i / 30)
    bars.show_affect(None, time_s=10.01)
    drawn = line_pixels()
    bars.clear()
    assert drawn > 100
    assert line_pixels() == 0


def test_expression_bars_sort_and_return_to_the_fixed_order(bars: ExpressionBars) -> None:
    bars.show_affect(affect(0.2, 0.1, 0.7))
    bars.sorted_by_value = True
    assert bars.order[:3] == (2, 0, 1)
    bars.show_affect(affect(0.1, 0.8, 0.1))
    assert bars.order[0] == 1
    bars.sorted_by_value = False
    assert bars.order == tuple(range(len(EXPRESSIONS)))


def test_expression_bars_in_sorted_order_do_not_dance_with_noise(bars: ExpressionBars) -> None:
    bars.sorted_by_value = True
    bars.show_affect(affect(0.50, 0.49))
    first = bars.order
    bars.show_affect(affect(0.495, 0.505))
    assert bars.order == first


def test_bars_refuse_values_of_another_model(bars: ExpressionBars) -> None:
    odd = Affect(np.zeros(5, dtype=np.float32), 0.0, 0.0, np.zeros(3, dtype=np.float32))
    with pytest.raises(ValueError, match=r"Apparent expression: got values of shape \(5,\) for 8 bars"):
        bars.show_affect(odd)
    bars.set_labels(Labels(("a", "b", "c", "d", "e"), (1, 2, 3)))
    bars.show_affect(odd)
    assert bars.describe().startswith("A 0.0, B 0.0")


def test_bars_explain_themselves(qtbot: QtBot, bars: ExpressionBars) -> None:
    assert bars.tooltip_at(QPoint(5, 5)).startswith("Neutral: ")
    units = AuBars(LABELS)
    shown(qtbot, units, 300, 500)
    assert units.tooltip_at(QPoint(5, 5)).startswith("AU01 inner brow raiser: ")
    assert bars.accessibleName()
    assert units.accessibleName()


def test_bars_follow_the_theme_while_running(bars: ExpressionBars, follower: ThemeFollower) -> None:
    track = bars._cells()[0][3].track.center().toPoint()
    assert bars.grab().toImage().pixelColor(track) == LIGHT.track
    follower.set_choice(ThemeChoice.DARK)
    QApplication.processEvents()
    assert bars.grab().toImage().pixelColor(track) == DARK.track


@pytest.mark.parametrize(("width", "height"), [(460, 220), (400, 420), (800, 420), (1200, 900)])
def test_au_bars_fit_whole_names_and_do_not_overlap(qtbot: QtBot, width: int, height: int) -> None:
    view = AuBars(LABELS)
    shown(qtbot, view, width, height)
    cells, font = view._cells()
    metrics = type(view.fontMetrics())(font)
    assert font.pointSizeF() >= view.font().pointSizeF() * 0.8
    for cell, row in zip(cells, view._rows, strict=True):
        assert metrics.horizontalAdvance(row.label) <= cell.label.width()
        assert view.rect().contains(cell.whole.toRect().adjusted(1, 1, -1, -1))
        assert metrics.height() <= cell.whole.height() + 1
    for a, b in pairwise(cells):
        assert not a.whole.adjusted(0, 0.1, 0, -0.1).intersects(b.whole)


def test_bars_text_grows_with_the_room(qtbot: QtBot, bars: ExpressionBars) -> None:
    small = bars._cells()[1].pointSizeF()
    bars.resize(1600, 900)
    assert bars._cells()[1].pointSizeF() > 1.5 * small


def test_au_bars_show_the_values_of_their_units(qtbot: QtBot, follower: ThemeFollower) -> None:
    view = AuBars(LABELS)
    shown(qtbot, view, 500, 700)
    view.show_affect(affect(1.0, units=0.5))
    assert filled_share(view, 4, LIGHT.fill) == pytest.approx(0.5, abs=0.015)
    view.show_affect(affect(1.0, units=0.5), affect(1.0, units=0.2))
    assert filled_share(view, 4, LIGHT.fill) == pytest.approx(0.2, abs=0.015)
