"""Choices that are made seldom. Those made often are in the toolbars."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from fer_studio.dialogs.model_field import ModelField
from fer_studio.files.job_count import MOST_JOBS, usual_jobs
from fer_studio.options import DEVICES
from fer_studio.settings import Preferences
from fer_studio.terms import explain
from fer_studio.theme import ThemeChoice

_THEME_WORDS = {
    ThemeChoice.SYSTEM: "As the system",
    ThemeChoice.DARK: "Dark",
    ThemeChoice.LIGHT: "Light",
}
_DEVICE_WORDS = {"auto": "Automatic", "cuda": "CUDA", "directml": "DirectML", "coreml": "CoreML", "cpu": "CPU"}
_MAX_FACES = 16
_LONGEST_TRAIL_S = 60.0
_TEXT_PERCENT = (75, 300)


class SettingsDialog(QDialog):
    """Shows preferences; :meth:`preferences` gives what they became."""

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self._before = preferences
        self._model = ModelField(preferences.model)
        self._device = QComboBox()
        for device in DEVICES:
            self._device.addItem(_DEVICE_WORDS[device], device)
        self._device.setCurrentIndex(max(0, self._device.findData(preferences.device)))
        self._max_faces = QSpinBox()
        self._max_faces.setRange(1, _MAX_FACES)
        self._max_faces.setValue(preferences.max_faces)
        self._file_jobs = QSpinBox()
        self._file_jobs.setRange(0, MOST_JOBS)
        self._file_jobs.setSpecialValueText(f"automatic ({usual_jobs()})")
        self._file_jobs.setValue(preferences.file_jobs)
        self._theme = QComboBox()
        for theme, words in _THEME_WORDS.items():
            self._theme.addItem(words, theme.value)
        self._theme.setCurrentIndex(max(0, self._theme.findData(preferences.theme)))
        self._text_percent = QSpinBox(singleStep=25, suffix=" %")
        self._text_percent.setRange(*_TEXT_PERCENT)
        self._text_percent.setValue(preferences.text_percent)
        self._trail_s = QDoubleSpinBox()
        self._trail_s.setRange(0.0, _LONGEST_TRAIL_S)
        self._trail_s.setDecimals(0)
        self._trail_s.setSuffix(" s")
        self._trail_s.setValue(preferences.trail_s)
        self._boxes = _check("Boxes with id and apparent expression", preferences.show_boxes)
        self._mesh = _check("Mesh contours", preferences.show_mesh)
        self._axes = _check("Pose axes", preferences.show_axes)
        self._mirror = _check("Picture of the camera like a mirror", preferences.mirror)
        self._folder = _PathField("folder for recordings", preferences.recordings_folder, str(_default_folder()))
        self._folder.browse.clicked.connect(self._on_browse_folder)
        self._review = _check("Open a recording in review when it ends", preferences.review_recordings)
        self._lay_out()

    def preferences(self) -> Preferences:
        """As chosen here; what this dialog does not show is as before."""
        return replace(
            self._before,
            model=self._model.chosen,
            device=self._device.currentData(),
            max_faces=self._max_faces.value(),
            file_jobs=self._file_jobs.value(),
            theme=self._theme.currentData(),
            text_percent=self._text_percent.value(),
            trail_s=self._trail_s.value(),
            show_boxes=self._boxes.isChecked(),
            show_mesh=self._mesh.isChecked(),
            show_axes=self._axes.isChecked(),
            mirror=self._mirror.isChecked(),
            recordings_folder=self._folder.text,
            review_recordings=self._review.isChecked(),
        )

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        line = self.fontMetrics().height()
        form.setHorizontalSpacing(line)
        form.setVerticalSpacing(line // 2)
        for words, field, tooltip in (
            ("Analysis", None, ""),
            (
                "&Model",
                self._model,
                "The network that measures; a file must have been written by fer-core export",
            ),
            ("De&vice", self._device, explain("compute device")),
            ("Most &faces", self._max_faces, "How many faces are followed at a time"),
            ("Files &at once", self._file_jobs, "How many files of the queue are measured at the same time"),
            ("Appearance", None, ""),
            ("&Theme", self._theme, "Colours of the window"),
            ("Text si&ze", self._text_percent, "Of all texts, relative to what the system says; for very fine screens"),
            ("T&rail in the plane", self._trail_s, explain("trail")),
            ("Over the picture", self._boxes, explain("apparent expression")),
            ("", self._mesh, explain("mesh")),
            ("", self._axes, explain("pose axes")),
            ("", self._mirror, explain("mirror")),
            ("Recording", None, ""),
            ("Fol&der", self._folder, "Where live recordings are written, each into a folder of its own"),
            ("", self._review, "The video and its values side by side"),
        ):
            if field is None:
                form.addRow(_heading(words, line))
                continue
            field.setToolTip(tooltip)
            if not field.accessibleName():
                field.setAccessibleName(words.replace("&", "") or getattr(field, "text", str)())
            form.addRow(words, field)
            if words:  # Qt cuts the last letter's edge of the longest
                label = form.labelForField(field)
                label.setMinimumWidth(label.sizeHint().width() + 2)
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._problem.setAccessibleName("What is wrong")
        self._problem.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._on_accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * line, line, 2 * line, line)
        column.setSpacing(line)
        column.addLayout(form)
        column.addWidget(self._problem)
        column.addStretch(1)
        column.addWidget(buttons)
        self.setMinimumWidth(60 * self.fontMetrics().averageCharWidth() + 160)

    @Slot()
    def _on_accept(self) -> None:
        if self._model.missing:
            self._problem.setText(f"{self._model.missing}: there is no such file. Choose another model.")
            self._problem.show()
            return
        self.accept()

    @Slot()
    def _on_browse_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder for recordings", self._folder.text)
        if name:
            self._folder.text = name


class _PathField(QWidget):
    """A path to type or to choose."""

    def __init__(self, name: str, path: str, placeholder: str) -> None:
        super().__init__()
        self._edit = QLineEdit(path)
        self._edit.setPlaceholderText(placeholder)
        self._edit.setAccessibleName(name)
        self._edit.setClearButtonEnabled(True)
        self.browse = QPushButton("Choose ...")
        self.browse.setAccessibleName(f"choose {name}")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._edit, 1)
        row.addWidget(self.browse)
        self.setAccessibleName(name)

    @property
    def text(self) -> str:
        """The path, empty for the usual one."""
        return self._edit.text().strip()

    @text.setter
    def text(self, path: str) -> None:
        self._edit.setText(path)


def _heading(words: str, above_px: int) -> QLabel:
    label = QLabel(words)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    label.setContentsMargins(0, above_px // 2, 0, 0)
    return label


def _check(words: str, on: bool) -> QCheckBox:
    box = QCheckBox(words)
    box.setChecked(on)
    box.setAccessibleName(words)
    return box


def _default_folder() -> Path:
    return Preferences().recordings_path
