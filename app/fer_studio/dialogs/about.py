"""Versions, licences, and what the model says about itself."""

from __future__ import annotations

import html
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import qVersion
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFrame, QTabWidget, QTextBrowser, QVBoxLayout, QWidget

from fer_core import __version__
from fer_studio.notices import FIRST_START

if TYPE_CHECKING:
    from fer_core.infer.engine import Engine

_LICENCES = {
    "numpy": "BSD-3-Clause",
    "mediapipe": "Apache-2.0",
    "onnxruntime": "MIT",
    "opencv-contrib-python": "Apache-2.0",
    "av": "BSD-3-Clause; its FFmpeg is LGPL or GPL",
    "platformdirs": "MIT",
    "tqdm": "MPL-2.0 and MIT",
    "cv2-enumerate-cameras": "MIT",
    "PySide6": "LGPL-3.0; Qt is LGPL-3.0",
    "pyqtgraph": "MIT",
}


class AboutDialog(QDialog):
    """Three pages of text that can be copied."""

    def __init__(self, engine: Engine | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About fer-studio")
        tabs = QTabWidget()
        for title, text in (("About", _about()), ("Model", _model(engine)), ("Licences", _licences())):
            page = QTextBrowser()
            page.setFrameShape(QFrame.Shape.NoFrame)
            page.document().setDocumentMargin(self.fontMetrics().height())
            page.setOpenLinks(False)  # nothing here leads out of the machine
            page.setAccessibleName(title)
            page.setHtml(text)
            tabs.addTab(page, title)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(tabs)
        column.addWidget(buttons)
        character = self.fontMetrics().averageCharWidth()
        self.resize(110 * character, 80 * character)


def _about() -> str:
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in FIRST_START)
    return (
        f"<h2>fer-studio {__version__}</h2>{lines}"
        f"<p>Python {platform.python_version()}, Qt {qVersion()}, {html.escape(platform.system())} "
        f"{html.escape(platform.release())}.</p><p>Licence: Apache-2.0.</p>"
    )


def _licences() -> str:
    rows = []
    for package in _LICENCES:
        try:
            found = metadata(package)
        except PackageNotFoundError:
            continue
        rows.append((package, found["Version"], _LICENCES[package]))
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)} &nbsp;</td>' for cell in row)}</tr>" for row in rows)
    return f"<p>fer-studio is Apache-2.0. It uses:</p><table>{body}</table>"


def _model(engine: Engine | None) -> str:
    if engine is None:
        return "<p>No model is loaded.</p>"
    card = engine.card
    parts = [
        f"<h2>{html.escape(card.name)} {html.escape(card.version)}</h2>",
        f"<p>{html.escape(card.description)}</p>" if card.description else "",
        f"<p><b>File</b><br>{html.escape(str(engine.path))}</p>",
        f"<p><b>Network</b><br>{html.escape(card.backbone)}</p>",
        f"<p><b>Expressions</b><br>{html.escape(', '.join(card.expressions))}</p>",
        f"<p><b>Action units</b><br>{', '.join(map(str, card.action_units))}</p>",
        f"<p><b>Made for</b><br>{html.escape(card.intended_use)}</p>" if card.intended_use else "",
        _list("Limits", card.limits),
        _list("Data", card.data),
        _mapping("Figures", card.figures),
        _mapping("Training", card.training),
    ]
    return "".join(parts)


def _list(title: str, lines: tuple[str, ...]) -> str:
    if not lines:
        return ""
    return f"<p><b>{title}</b></p><ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>"


def _mapping(title: str, values: Mapping[str, Any]) -> str:
    return _list(title, tuple(f"{name}: {_short(value)}" for name, value in values.items()))


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_short(part) for part in value)
    return str(value)
