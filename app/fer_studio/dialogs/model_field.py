"""Which network measures: one of those that come with the program, or a file."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QPushButton, QWidget

from fer_core.infer.shipped_models import SHIPPED_MODELS, STANDARD


class ModelField(QWidget):
    """A list of models, and a button that adds a file to it.

    Args:
        chosen: name of a shipped model, or a file; empty is the usual one.
    """

    def __init__(self, chosen: str) -> None:
        super().__init__()
        self._list = QComboBox()
        self._list.setAccessibleName("model")
        for name, model in SHIPPED_MODELS.items():
            self._list.addItem(f"{name.capitalize()}: {model.words}", "" if name == STANDARD else name)
        browse = QPushButton("Choose ...")
        browse.setAccessibleName("choose model file")
        browse.clicked.connect(self._on_browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._list, 1)
        row.addWidget(browse)
        self.setAccessibleName("model")
        self.chosen = chosen

    @property
    def chosen(self) -> str:
        """Name of a shipped model, or a file; empty is the usual one."""
        return str(self._list.currentData())

    @chosen.setter
    def chosen(self, model: str) -> None:
        place = self._list.findData(model)
        if place < 0:
            place = self._list.count()
            self._list.addItem(Path(model).name, model)
            self._list.setItemData(place, model, Qt.ItemDataRole.ToolTipRole)
        self._list.setCurrentIndex(place)

    @property
    def missing(self) -> str:
        """The chosen file, when it is not there; else empty."""
        model = self.chosen
        return "" if not model or model in SHIPPED_MODELS or os.path.isfile(model) else model

    @Slot()
    def _on_browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Model", self.chosen, "ONNX (*.onnx)")
        if name:
            self.chosen = name
