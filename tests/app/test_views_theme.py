import itertools

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QCheckBox, QLineEdit, QTextBrowser, QWidget
from pytestqt.qtbot import QtBot

from fer_core.labels import ACTION_UNITS, EXPRESSIONS, FACS_NAMES
from fer_core.types import Status
from fer_studio.dialogs.shortcuts import Shortcut, ShortcutsDialog, shortcuts_of
from fer_studio.terms import TERMS, explain, explain_expression, explain_status, explain_unit
from fer_studio.theme import (
    DARK,
    LIGHT,
    Theme,
    ThemeChoice,
    ThemeFollower,
    check_box_palette_of,
    expression_colour,
    ink_on,
    palette_of,
    theme_of,
)


def luminance(colour: QColor) -> float:
    channels = np.array([colour.redF(), colour.greenF(), colour.blueF()])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(a: QColor, b: QColor) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_theme_text_can_be_read(theme: Theme) -> None:
    for ground in (theme.window, theme.surface):
        assert contrast(theme.text, ground) >= 7
        for colour in (theme.text_dim, theme.accent, theme.good, theme.warning, theme.error):
            assert contrast(colour, ground) >= 4.5
    assert contrast(theme.text, theme.fill) >= 4.5
    assert contrast(theme.text, theme.track) >= 7
    assert contrast(theme.on_accent, theme.accent) >= 4.5


def test_expression_colour_tells_expressions_apart() -> None:
    colours = [expression_colour(name) for name in EXPRESSIONS]
    for a, b in itertools.combinations(colours, 2):
        assert max(abs(x - y) for x, y in zip(a.getRgb(), b.getRgb(), strict=True)) >= 40


def test_ink_can_be_read_on_every_expression() -> None:
    for name in EXPRESSIONS:
        assert contrast(ink_on(expression_colour(name)), expression_colour(name)) >= 4.5, name


def test_expression_colour_of_an_unknown_label_is_always_the_same() -> None:
    assert expression_colour("boredom") == expression_colour("boredom")
    assert expression_colour("boredom").isValid()


def test_theme_follower_follows_the_system_while_running(qapp: QApplication, qtbot: QtBot) -> None:
    follower = ThemeFollower(qapp)
    widget = QWidget()
    qtbot.addWidget(widget)
    hints = qapp.styleHints()
    for scheme, theme in ((Qt.ColorScheme.Dark, DARK), (Qt.ColorScheme.Light, LIGHT), (Qt.ColorScheme.Dark, DARK)):
        hints.colorSchemeChanged.emit(scheme)
        qapp.processEvents()
        assert theme_of(widget) is theme
    follower.set_choice(ThemeChoice.LIGHT)
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    qapp.processEvents()
    assert theme_of(widget) is LIGHT
    follower.set_choice(ThemeChoice.SYSTEM)
    qapp.processEvents()
    assert theme_of(widget) is DARK
    follower.set_choice(ThemeChoice.LIGHT)


def test_terms_explain_every_label_in_one_line() -> None:
    lines = [explain(term) for term in TERMS]
    lines += [explain_expression(name) for name in EXPRESSIONS]
    lines += [explain_unit(unit) for unit in FACS_NAMES]
    lines += [explain_status(status) for status in Status]
    assert all(line.endswith(".") and "\n" not in line and 20 <= len(line) <= 120 for line in lines)
    assert len(set(lines)) == len(lines)
    assert all(FACS_NAMES[unit] in explain_unit(unit) for unit in ACTION_UNITS)


def test_terms_explain_labels_of_other_models() -> None:
    assert "boredom" in explain_expression("boredom").lower()
    assert explain_unit(99).startswith("AU99")


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_theme_shows_selected_rows_and_empty_check_boxes(theme: Theme) -> None:
    palette = palette_of(theme)
    role = QPalette.ColorRole
    assert contrast(palette.color(role.HighlightedText), palette.color(role.Highlight)) >= 4.5
    # WCAG 2.2, 1.4.11: a control stands out from its surroundings by a contrast of 3, here by its ground when it is
    # dark and by its border when it is light.
    ground, window = check_box_palette_of(theme).color(role.Base), palette.color(role.Window)
    assert not theme.dark or contrast(ground, window) >= 3
    assert contrast(palette.color(role.Text), ground) >= 4.5


def test_theme_follower_gives_check_boxes_a_ground_that_can_be_seen(qapp: QApplication, qtbot: QtBot) -> None:
    follower = ThemeFollower(qapp)
    box, field = QCheckBox("Mesh contours"), QLineEdit()
    for widget in (box, field):
        qtbot.addWidget(widget)
    follower.set_choice(ThemeChoice.DARK)
    qapp.processEvents()
    assert box.palette().base().color() == check_box_palette_of(DARK).color(QPalette.ColorRole.Base) != DARK.surface
    assert field.palette().base().color() == DARK.surface
    follower.set_choice(ThemeChoice.LIGHT)
    qapp.processEvents()
    assert box.palette().base().color() == LIGHT.surface


def test_shortcuts_dialog_keeps_up_with_the_theme(qapp: QApplication, qtbot: QtBot) -> None:
    follower = ThemeFollower(qapp, ThemeChoice.DARK)
    dialog = ShortcutsDialog([Shortcut("Window", "F1", "All <keys>")])
    qtbot.addWidget(dialog)
    page = dialog.findChild(QTextBrowser)
    assert page is not None
    for choice, theme in ((ThemeChoice.DARK, DARK), (ThemeChoice.LIGHT, LIGHT)):
        follower.set_choice(choice)
        qapp.processEvents()
        assert theme.track.name() in page.toHtml()
    assert "All <keys>" in page.toPlainText()
    assert "Shift+Drag" in [shortcut.keys for shortcut in shortcuts_of([])]
