"""What a person can do in the review, each thing once: as a key, as a button and in the list of keys."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QApplication, QComboBox, QTabBar, QWidget

from fer_core.record.spans import TIME_TOLERANCE_S
from fer_studio.marks import MarkKind
from fer_studio.review.follower import Follower
from fer_studio.review.icons import icon
from fer_studio.review.navigation import change_times, mark_times, nearest_after, nearest_before
from fer_studio.review.player import Player
from fer_studio.review.presenter import Presenter
from fer_studio.theme import Theme
from fer_studio.views.timeline import Timeline

_SKIP_S = 1.0
_ARROWS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)
_ENDS = (Qt.Key.Key_Home, Qt.Key.Key_End)


class ReviewCommands(QObject):
    """Actions that move the player, the selection and the marks.

    Args:
        owner: the widget in which the keys work.
        player, follower, timeline, presenter: what they act on.
    """

    speed_stepped = Signal(int)
    """The person wants to play faster (1) or slower (-1)."""

    def __init__(
        self, owner: QWidget, player: Player, follower: Follower, timeline: Timeline, presenter: Presenter
    ) -> None:
        super().__init__(owner)
        self._owner = owner
        self._player, self._follower = player, follower
        self._timeline, self._presenter = timeline, presenter
        self._signs: dict[QAction, str] = {}
        self._of_recording: list[QAction] = []
        add = self._add
        self._play = add("Play", "Space", "Play or pause", player.toggle, "play")
        self.looping = add("Loop", "L", "Repeat the selection, or all", self.on_loop, "loop", checkable=True)
        """Whether something is repeated."""
        back = add("Frame back", "Left", "One frame back", self._on_step_back, "back_step")
        on = add("Frame on", "Right", "One frame on", self._on_step_on, "step")
        add("Back", "Shift+Left", "One second back", self._on_skip_back)
        add("On", "Shift+Right", "One second on", self._on_skip_on)
        add("Start", "Home", "To the start", self._on_to_start)
        add("End", "End", "To the end", self._on_to_end)
        add("Slower", "[", "Play slower", self._on_slower)
        add("Faster", "]", "Play faster", self._on_faster)
        change_before = add("Change before", "P", "To the change of expression before", self._on_previous_change)
        next_change = add("Next change", "N", "To the next change of expression", self._on_next_change)
        mark_before = add("Mark before", "Ctrl+Left", "To the mark before", self._on_previous_mark)
        next_mark = add("Next mark", "Ctrl+Right", "To the next mark", self._on_next_mark)
        marker = add("Mark", "M", "Set a marker at the cursor", self._on_add_marker)
        self._range = add("Range", "R", "Make the selection a range with its own statistics", self._on_add_range)
        self._exclude = add("Exclude", "X", "Leave the selection out of statistics and exported rows", self._on_exclude)
        add("Selection start", "I", "The selection begins here", timeline.select_from_cursor)
        add("Selection end", "O", "The selection ends here", timeline.select_to_cursor)
        add("Deselect", "Esc", "Forget the selection", self._on_deselect)
        add("Zoom in", "Ctrl++", "Timeline: closer", timeline.zoom_in)
        add("Zoom out", "Ctrl+-", "Timeline: further", timeline.zoom_out)
        add("Show all", "Ctrl+0", "Timeline: the whole recording", timeline.show_all)
        undo = timeline.marks.undo_stack
        self._add_made(undo.createUndoAction(self), QKeySequence.StandardKey.Undo)
        self._add_made(undo.createRedoAction(self), QKeySequence.StandardKey.Redo)
        self._signs |= {change_before: "back_change", next_change: "change"}
        self._signs |= {mark_before: "back_mark", next_mark: "mark"}
        self.of_player: tuple[QAction | str | None, ...] = (
            *(back, self._play, on, None, self.looping, None),
            *(change_before, "change", next_change, None, mark_before, "mark", next_mark),
        )
        """For the row under the picture."""
        self.of_marks = (marker, self._range, self._exclude)
        """For the list of marks."""
        owner.installEventFilter(self)

    def set_open(self, on: bool) -> None:
        """Whether there is a recording to do something with; what needs a selection waits for one."""
        for action in self._of_recording:
            action.setEnabled(on)
        self.show_selection(self._timeline.selection_s)

    def draw_signs(self, theme: Theme) -> None:
        """Signs in the colours of a theme."""
        for action, sign in self._signs.items():
            action.setIcon(icon(sign, theme))

    def show_playing(self, playing: bool, theme: Theme) -> None:
        """What the button for playing does next."""
        self._play.setText("Pause" if playing else "Play")
        self._signs[self._play] = "pause" if playing else "play"
        self.draw_signs(theme)

    def show_selection(self, span: tuple[float, float] | None) -> None:
        """Some things need one."""
        for action in (self._range, self._exclude):
            action.setEnabled(span is not None)
        self.on_loop()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """A key of these commands that the widget with the focus needs itself is left to it."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            widget, modifiers = QApplication.focusWidget(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if widget is not None and not modifiers and _needs(widget, event.key()):
                event.accept()
                return True
        return super().eventFilter(watched, event)

    @Slot(float)
    def go_to(self, time_s: float | None) -> None:
        """To the frame that is shown at a time; nowhere when it is None."""
        if time_s is None:
            return
        recording = self._follower.recording
        if len(self._player.time_s):
            # Rows hold six decimals; without this the frame before would be found where they were rounded down.
            self._player.seek(time_s + TIME_TOLERANCE_S)
        elif recording is not None:
            self._player.seek(time_s + TIME_TOLERANCE_S)  # as soon as the medium is open
            self._timeline.cursor_s = time_s
            position = recording.position_at(time_s)
            if position is not None:
                self._presenter.show_rows(int(recording.frame[position]))

    @Slot()
    def on_loop(self) -> None:
        """Repeats what is selected now, when repeating is on."""
        span = self._timeline.selection_s or self._player.clock.range_s
        self._player.set_loop(span if self.looping.isChecked() else None)

    def _add(
        self, text: str, keys: str, tip: str, slot: Callable[[], object], sign: str = "", *, checkable: bool = False
    ) -> QAction:
        action = QAction(text, self)
        action.setToolTip(f"{tip} ({keys})")
        action.setCheckable(checkable)
        action.triggered.connect(slot)
        if sign:
            self._signs[action] = sign
        self._of_recording.append(action)
        self._add_made(action, QKeySequence(keys))
        return action

    def _add_made(self, action: QAction, keys: QKeySequence | QKeySequence.StandardKey) -> None:
        action.setShortcut(keys)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._owner.addAction(action)

    @Slot()
    def _on_step_back(self) -> None:
        self._player.step(-1)

    @Slot()
    def _on_step_on(self) -> None:
        self._player.step(1)

    @Slot()
    def _on_skip_back(self) -> None:
        self.go_to(self._timeline.cursor_s - _SKIP_S)

    @Slot()
    def _on_skip_on(self) -> None:
        self.go_to(self._timeline.cursor_s + _SKIP_S)

    @Slot()
    def _on_to_start(self) -> None:
        self._player.step(-len(self._player.time_s))

    @Slot()
    def _on_to_end(self) -> None:
        self._player.step(len(self._player.time_s))

    @Slot()
    def _on_slower(self) -> None:
        self.speed_stepped.emit(-1)

    @Slot()
    def _on_faster(self) -> None:
        self.speed_stepped.emit(1)

    @Slot()
    def _on_previous_change(self) -> None:
        self.go_to(nearest_before(self._changes(), self._timeline.cursor_s))

    @Slot()
    def _on_next_change(self) -> None:
        self.go_to(nearest_after(self._changes(), self._timeline.cursor_s))

    @Slot()
    def _on_previous_mark(self) -> None:
        self.go_to(nearest_before(mark_times(self._timeline.marks.marks), self._timeline.cursor_s))

    @Slot()
    def _on_next_mark(self) -> None:
        self.go_to(nearest_after(mark_times(self._timeline.marks.marks), self._timeline.cursor_s))

    def _changes(self) -> list[float]:
        recording, face_id = self._follower.recording, self._timeline.face_id
        if recording is None or face_id is None:
            return []
        return [float(time_s) for time_s in change_times(recording, face_id)]

    @Slot()
    def _on_add_marker(self) -> None:
        if self._follower.recording is not None:
            self._timeline.marks.add(MarkKind.POINT, self._timeline.cursor_s)

    @Slot()
    def _on_add_range(self) -> None:
        self._mark_selection(MarkKind.RANGE)

    @Slot()
    def _on_exclude(self) -> None:
        self._mark_selection(MarkKind.EXCLUDED)

    def _mark_selection(self, kind: MarkKind) -> None:
        if self._timeline.selection_s is not None:
            self._timeline.marks.add(kind, *self._timeline.selection_s)

    @Slot()
    def _on_deselect(self) -> None:
        self._timeline.selection_s = None


def _needs(widget: QWidget, key: int) -> bool:
    """Whether a widget can be used by this key; none of those that take text are here, Qt asks them itself."""
    if isinstance(widget, QAbstractButton):
        # Of buttons that exclude each other only one is reached by Tab; the arrows lead from it to the others.
        return key == Qt.Key.Key_Space or (key in _ARROWS and widget.group() is not None)
    if isinstance(widget, QComboBox):
        return key == Qt.Key.Key_Space or key in _ARROWS or key in _ENDS
    return isinstance(widget, QTabBar | QAbstractSlider) and (key in _ARROWS or key in _ENDS)
