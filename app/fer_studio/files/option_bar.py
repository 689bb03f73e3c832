"""What the analysis of files is asked to do, in one row that remembers."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QWidget,
)

from fer_studio.files.placement import FOLDER_NAME
from fer_studio.options import AUTO_BASELINE, NO_BASELINE, AnnotateOptions

_FOLDER, _FACES, _SMOOTH = "files/results_folder", "files/max_faces", "files/smooth_s"
_BASELINE, _VIDEO = "files/baseline", "files/video"
_MOST_FACES = 20
_MOST_SMOOTHING_S = 5.0


class OptionBar(QWidget):
    """Folder of results, faces, smoothing, baseline, video. They hold for files that are begun from now on."""

    changed = Signal()

    def __init__(self, settings: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._folder = QPushButton()
        self._folder.clicked.connect(self._on_choose_folder)
        self._beside = QPushButton("Beside each file")
        self._beside.setToolTip(f"Results go into a folder {FOLDER_NAME} beside each file")
        self._beside.clicked.connect(self._on_beside)
        self._faces = QSpinBox(minimum=1, maximum=_MOST_FACES)
        self._faces.setValue(_number(settings, _FACES, 4))
        self._faces.setToolTip("How many faces are followed at a time")
        self._smooth = QDoubleSpinBox(minimum=0.0, maximum=_MOST_SMOOTHING_S, singleStep=0.1, decimals=2, suffix=" s")
        self._smooth.setSpecialValueText("off")
        self._smooth.setValue(_fraction(settings, _SMOOTH, 0.0))
        self._smooth.setToolTip("Time constant of smoothing; it looks back only")
        self._baseline = QComboBox()
        self._baseline.addItem("none", NO_BASELINE)
        self._baseline.addItem("most neutral frames", AUTO_BASELINE)
        self._baseline.setCurrentIndex(max(self._baseline.findData(settings.value(_BASELINE, NO_BASELINE)), 0))
        self._baseline.setToolTip("Subtract each face's neutral look, in further columns with the suffix _b")
        self._video = QCheckBox("Annotated video")
        self._video.setChecked(bool(settings.value(_VIDEO, False, type=bool)))
        self._video.setToolTip("Also write the video with boxes and bars drawn, with its sound")
        self._lay_out()
        self._faces.valueChanged.connect(self._on_changed)
        self._smooth.valueChanged.connect(self._on_changed)
        self._baseline.currentIndexChanged.connect(self._on_changed)
        self._video.toggled.connect(self._on_changed)
        self._show_folder()

    @property
    def folder(self) -> Path | None:
        """The folder for results; None is beside each file."""
        text = str(self._settings.value(_FOLDER, "") or "")
        return Path(text) if text else None

    @folder.setter
    def folder(self, folder: Path | None) -> None:
        self._settings.setValue(_FOLDER, str(folder) if folder else "")
        self._show_folder()
        self.changed.emit()

    def annotate_options(self, layout: str) -> AnnotateOptions:
        """As the command line would make them of the same choices; those of network and device are made elsewhere."""
        return AnnotateOptions(
            layout=layout,
            max_faces=self._faces.value(),
            smooth_s=round(self._smooth.value(), 2),
            baseline=str(self._baseline.currentData()),
            video=self._video.isChecked(),
        )

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for text, widget in (
            ("&Results", self._folder),
            ("", self._beside),
            ("&Faces", self._faces),
            ("S&moothing", self._smooth),
            ("&Baseline", self._baseline),
        ):
            if text:
                label = QLabel(text)
                label.setBuddy(widget)
                row.addWidget(label)
                widget.setAccessibleName(text.replace("&", ""))
            row.addWidget(widget)
            row.addSpacing(10 if widget is not self._folder else 0)
        row.addWidget(self._video)
        row.addStretch(1)

    @Slot()
    def _on_choose_folder(self) -> None:
        if name := QFileDialog.getExistingDirectory(self, "Folder for results", str(self.folder or "")):
            self.folder = Path(name)

    @Slot()
    def _on_beside(self) -> None:
        self.folder = None

    @Slot()
    def _on_changed(self) -> None:
        self._settings.setValue(_FACES, self._faces.value())
        self._settings.setValue(_SMOOTH, self._smooth.value())
        self._settings.setValue(_BASELINE, self._baseline.currentData())
        self._settings.setValue(_VIDEO, self._video.isChecked())
        self.changed.emit()

    def _show_folder(self) -> None:
        folder = self.folder
        self._folder.setText(folder.name or str(folder) if folder else f"{FOLDER_NAME}, beside each file")
        self._folder.setToolTip(f"Results go to {folder}" if folder else "Choose one folder for all results")
        self._beside.setVisible(folder is not None)


def _number(settings: QSettings, key: str, usual: int) -> int:
    try:
        return int(str(settings.value(key, usual)))
    except ValueError:
        return usual


def _fraction(settings: QSettings, key: str, usual: float) -> float:
    try:
        return float(str(settings.value(key, usual)))
    except ValueError:
        return usual
