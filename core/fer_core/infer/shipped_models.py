"""The models that come with the program, by the names under which a person chooses them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fer_core.assets import asset_path


@dataclass(frozen=True, slots=True)
class ShippedModel:
    """A file in ``assets/models``."""

    file: str
    words: str
    """What it is good for, in a few words."""


STANDARD = "standard"
#: By name; the first is the one that is used when none is chosen.
SHIPPED_MODELS = {
    STANDARD: ShippedModel("fer-studio.onnx", "the most accurate"),
    "tiny": ShippedModel("fer-studio-tiny.onnx", "half the computing, less accurate"),
}


def model_file(chosen: Path | None) -> Path:
    """Where a model is that was chosen by its name, or by its path; the usual one when None.

    Raises:
        FileNotFoundError: when a shipped model is not there.
    """
    name = STANDARD if chosen is None else str(chosen)
    return asset_path("models", SHIPPED_MODELS[name].file) if name in SHIPPED_MODELS else Path(name)
