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
    has_byte_twin: bool = False
    """Whether :func:`byte_twin` of it is there too, for processors that gain by it."""


STANDARD = "standard"
#: By name; the first is the one that is used when none is chosen.
SHIPPED_MODELS = {
    STANDARD: ShippedModel("fer-studio.onnx", "the most accurate", has_byte_twin=True),
    "tiny": ShippedModel("fer-studio-tiny.onnx", "a fifth of the computing, less accurate"),
}


def model_file(chosen: Path | None, *, in_bytes: bool = False) -> Path:
    """Where a model is that was chosen by its name, or by its path; the usual one when None.

    Args:
        chosen: a path is taken as it is.
        in_bytes: take the twin of a shipped model that computes in bytes, where it has one.

    Raises:
        FileNotFoundError: when a shipped model is not there.
    """
    name = STANDARD if chosen is None else str(chosen)
    if name not in SHIPPED_MODELS:
        return Path(name)
    model = SHIPPED_MODELS[name]
    path = asset_path("models", model.file)
    return byte_twin(path) if in_bytes and model.has_byte_twin else path


def byte_twin(model: Path) -> Path:
    """The name of a model's twin that computes in bytes (:mod:`fer_core.quantise`)."""
    return model.with_name(f"{model.stem}-int8{model.suffix}")
