"""Colours and sizes of the window: dark and light after the system, and one colour per expression everywhere.

The palette of the application is the only state. ``ThemeFollower`` keeps it in step with the system or with the
person's choice; Qt then tells every widget (``QEvent.PaletteChange``) and repaints it, and a view asks ``theme_of``
while it paints. So no view needs a signal of its own.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from fer_core.colours import OKABE_ITO
from fer_core.labels import Expression

_DARK_BELOW_LIGHTNESS = 128
#: The luminance that has the same contrast with both.
_AS_FAR_FROM_BLACK_AS_WHITE = 0.179


class ThemeChoice(StrEnum):
    """What a person may choose in the settings."""

    SYSTEM = "system"
    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True)
class Theme:
    """Colours by what they are for. Text on ``window`` and on ``surface`` has a contrast of 7 or more, dim text 4.5."""

    dark: bool
    window: QColor
    surface: QColor
    """Ground of plots, lists and text fields."""
    track: QColor
    """The empty part of a bar."""
    line: QColor
    """Axes, grids, borders."""
    text: QColor
    text_dim: QColor
    accent: QColor
    """Selection, the current point, a cursor."""
    on_accent: QColor
    fill: QColor
    """A bar whose colour means nothing; text can be read on it."""
    good: QColor
    warning: QColor
    error: QColor


DARK = Theme(
    dark=True,
    window=QColor("#1d1f23"),
    surface=QColor("#26292e"),
    track=QColor("#34383f"),
    line=QColor("#59606a"),
    text=QColor("#eceef0"),
    text_dim=QColor("#a9b0b9"),
    accent=QColor("#6cb6ff"),
    on_accent=QColor("#0b1520"),
    fill=QColor("#2a5a8c"),
    good=QColor("#2fc695"),
    warning=QColor("#e69f00"),
    error=QColor("#ff8a5c"),
)
LIGHT = Theme(
    dark=False,
    window=QColor("#f4f5f6"),
    surface=QColor("#ffffff"),
    track=QColor("#e3e6e9"),
    line=QColor("#aab1b9"),
    text=QColor("#16191d"),
    text_dim=QColor("#545b64"),
    accent=QColor("#0061b8"),
    on_accent=QColor("#ffffff"),
    fill=QColor("#a8cdf0"),
    good=QColor("#00734f"),
    warning=QColor("#8a5a00"),
    error=QColor("#b23c00"),
)

_SKY, _ORANGE, _GREEN, _YELLOW, _PURPLE, _VERMILLION, _BLUE = (QColor(*rgb) for rgb in OKABE_ITO)
_NEUTRAL = QColor("#9aa1a9")
_EXPRESSION_COLOURS = {
    Expression.NEUTRAL.value: _NEUTRAL,
    Expression.HAPPINESS.value: _YELLOW,
    Expression.SURPRISE.value: _ORANGE,
    Expression.SADNESS.value: _BLUE,
    Expression.ANGER.value: _VERMILLION,
    Expression.DISGUST.value: _GREEN,
    Expression.FEAR.value: _PURPLE,
    Expression.CONTEMPT.value: _SKY,
}


def expression_colour(expression: str) -> QColor:
    """The colour of an expression in every view and theme, after Okabe & Ito (2008); neutral is grey.

    A label that the project does not know gets one of these colours too, always the same.
    """
    known = _EXPRESSION_COLOURS.get(expression)
    return known or QColor(*OKABE_ITO[zlib.crc32(expression.encode()) % len(OKABE_ITO)])


def ink_on(colour: QColor) -> QColor:
    """Black or white, whichever can be read on a colour (relative luminance of WCAG 2)."""
    red, green, blue = (_linear(channel) for channel in (colour.redF(), colour.greenF(), colour.blueF()))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return QColor("#000000") if luminance > _AS_FAR_FROM_BLACK_AS_WHITE else QColor("#ffffff")


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)


def theme_of(widget: QWidget) -> Theme:
    """The theme in which a widget paints now."""
    return DARK if widget.palette().window().color().lightness() < _DARK_BELOW_LIGHTNESS else LIGHT


def palette_of(theme: Theme) -> QPalette:
    """The Qt palette for all widgets in a theme."""
    palette = QPalette()
    role = QPalette.ColorRole
    colours = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.surface,
        role.AlternateBase: theme.track,
        role.Text: theme.text,
        role.PlaceholderText: theme.text_dim,
        role.Button: theme.surface,
        role.ButtonText: theme.text,
        role.BrightText: theme.error,
        role.ToolTipBase: theme.surface,
        role.ToolTipText: theme.text,
        role.Highlight: theme.fill,  # calm enough for a whole row of a table
        role.HighlightedText: theme.text,
        role.Accent: theme.accent,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.Light: theme.track.lighter(125),
        role.Midlight: theme.track,
        role.Mid: theme.line,
        role.Dark: theme.line.darker(125),
        role.Shadow: QColor("#000000"),
    }
    for colour_role, colour in colours.items():
        palette.setColor(colour_role, colour)
    for colour_role in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, colour_role, theme.line)
    return palette


def check_box_palette_of(theme: Theme) -> QPalette:
    """An empty check box is as dark as the window around it, unless its ground is lighter."""
    palette = palette_of(theme)
    if theme.dark:
        palette.setColor(QPalette.ColorRole.Base, theme.line.lighter(110))
    return palette


class ThemeFollower(QObject):
    """Keeps the application's palette in step with the system, or with what the person chose instead.

    Make one after the application object, and keep it: ``follower = ThemeFollower(app)``.
    """

    def __init__(self, app: QApplication, choice: ThemeChoice = ThemeChoice.SYSTEM) -> None:
        super().__init__(app)
        self._app = app
        self._choice = choice
        self._font = app.font()
        self._system_is_dark = app.styleHints().colorScheme() is Qt.ColorScheme.Dark
        app.setStyle("Fusion")  # the native styles of some systems keep colours of their own
        app.styleHints().colorSchemeChanged.connect(self.on_color_scheme_changed)
        self.set_choice(choice)

    @property
    def choice(self) -> ThemeChoice:
        """What the person chose."""
        return self._choice

    def set_choice(self, choice: ThemeChoice) -> None:
        """Takes effect at once."""
        self._choice = choice
        self._apply()

    def set_text_percent(self, percent: int) -> None:
        """Text of all widgets, relative to what the system says; the views grow their own with the room they have."""
        font = QFont(self._font)
        font.setPointSizeF(self._font.pointSizeF() * percent / 100)
        if font != self._app.font():
            self._app.setFont(font)

    @Slot(Qt.ColorScheme)
    def on_color_scheme_changed(self, scheme: Qt.ColorScheme) -> None:
        """The system went dark or light."""
        self._system_is_dark = scheme is Qt.ColorScheme.Dark
        self._apply()

    def _apply(self) -> None:
        dark = self._system_is_dark if self._choice is ThemeChoice.SYSTEM else self._choice is ThemeChoice.DARK
        theme = DARK if dark else LIGHT
        self._app.setPalette(palette_of(theme))
        self._app.setPalette(check_box_palette_of(theme), "QCheckBox")  # type: ignore[arg-type]  # it refuses bytes
