"""Runs the affect network on aligned crops with ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from fer_core.infer.model_card import ModelCard, ModelError
from fer_core.infer.processor import multiplies_bytes
from fer_core.infer.shipped_models import model_file
from fer_core.onnx_session import session_options
from fer_core.types import Affect, Floats, ImageU8

#: Choices of ``--device`` and the ONNX Runtime provider behind each.
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
INPUT = "image_rgb_u8"
OUTPUTS = ("expression_probs", "va", "au_probs")


class Engine:
    """A loaded model. Safe to call from several threads.

    Args:
        model: ONNX file with a card, or the name of a shipped one; the usual one when None. A shipped one runs as its
            twin of int8 where that is faster and right (:func:`fer_core.infer.processor.multiplies_bytes`).
        device: a key of ``PROVIDERS``, or ``auto`` for the first of them that this machine has.
        threads: of the CPU provider. One by default: the face mesh runs beside it on another core, and a pool that
            spins on both cores slows both.

    Raises:
        ModelError: when the file is missing, no ONNX model, without a card, or answers otherwise than its card says.
        ValueError: when the device is not there, or does not start.
    """

    def __init__(self, model: Path | None = None, device: str = "auto", threads: int = 1) -> None:
        provider = choose_provider(device)
        self.path, self._session = _load(model, provider, threads)
        if self._session.get_providers()[0] != provider:  # ONNX Runtime turned to the processor by itself
            if device != "auto":
                raise ValueError(f"--device {device}: it does not start on this machine; choose auto or cpu")
            self.path, self._session = _load(model, PROVIDERS["cpu"], threads)
        self.card = ModelCard.from_metadata(self._session.get_modelmeta().custom_metadata_map, str(self.path))
        _check_answers(self._session, self.card, self.path)
        self.provider: str = self._session.get_providers()[0]
        self.threads = threads

    def run(self, crops_rgb_u8: ImageU8) -> tuple[Floats, Floats, Floats]:
        """Answers for crops (N, S, S, 3).

        Returns:
            expression_probs (N, E), va (N, 2), au_probs (N, A).
        """
        probs, va, au = self._session.run(OUTPUTS, {INPUT: crops_rgb_u8})
        return probs, va, au

    def affects(self, crops_rgb_u8: Sequence[ImageU8]) -> list[Affect]:
        """One :class:`Affect` a crop, in one batch."""
        if not crops_rgb_u8:
            return []
        probs, va, au = self.run(np.stack(crops_rgb_u8))
        return [Affect(p, float(v[0]), float(v[1]), a) for p, v, a in zip(probs, va, au, strict=True)]


def _load(model: Path | None, provider: str, threads: int) -> tuple[Path, onnxruntime.InferenceSession]:
    path = model_file(model, in_bytes=provider == PROVIDERS["cpu"] and multiplies_bytes())
    providers = [provider] if provider == PROVIDERS["cpu"] else [provider, PROVIDERS["cpu"]]
    try:
        return path, onnxruntime.InferenceSession(str(path), session_options(threads), providers=providers)
    except Exception as error:  # ONNX Runtime raises many unrelated types
        raise ModelError(
            f"{path}: cannot be loaded as an ONNX model; give a file of fer-core export ({error})"
        ) from error


def _check_answers(session: onnxruntime.InferenceSession, card: ModelCard, path: Path) -> None:
    """Names and fixed sizes of what goes in and comes out, against the card; a size that is left open fits."""
    side_px = card.geometry.size_px
    wanted: dict[str, tuple[int, ...]] = {INPUT: (side_px, side_px, 3)}
    wanted |= zip(OUTPUTS, [(len(card.expressions),), (2,), (len(card.action_units),)], strict=True)
    found = {node.name: node.shape[1:] for node in (*session.get_inputs(), *session.get_outputs())}
    for name, sizes in wanted.items():
        there = found.get(name)
        if (
            there is None
            or len(there) != len(sizes)
            or any(isinstance(have, int) and have != want for have, want in zip(there, sizes, strict=True))
        ):
            raise ModelError(f"{path}: its {name} is not what its model card says; export the model again")
    if len(set(card.expressions)) < len(card.expressions) or len(set(card.action_units)) < len(card.action_units):
        raise ModelError(f"{path}: its model card names a label twice; export the model again")


def choose_provider(device: str) -> str:
    """ONNX Runtime's name for a ``--device``.

    Raises:
        ValueError: when the word is unknown or this machine does not have it.
    """
    present = onnxruntime.get_available_providers()
    if device == "auto":
        return next(p for p in PROVIDERS.values() if p in present)
    if device not in PROVIDERS:
        raise ValueError(f"--device {device}: unknown; choose auto, {', '.join(PROVIDERS)}")
    if PROVIDERS[device] not in present:
        have = ", ".join(name for name, p in PROVIDERS.items() if p in present)
        raise ValueError(f"--device {device}: this machine's ONNX Runtime has only: {have}")
    return PROVIDERS[device]


def cpu_count() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def file_sha256(path: Path) -> str:
    """Hexadecimal hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
