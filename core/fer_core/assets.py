"""Finds a shipped file: inside the installed package first, in the checkout second."""

from __future__ import annotations

from pathlib import Path

_PACKAGE_ROOT = Path(__file__).resolve().parent
_ROOTS = (_PACKAGE_ROOT / "assets", _PACKAGE_ROOT.parents[1] / "assets")


def asset_path(*parts: str) -> Path:
    """Path of an asset, such as ``asset_path("demo", "demo.mp4")``.

    Raises:
        FileNotFoundError: when neither place has it; the message names both.
    """
    candidates = [root.joinpath(*parts) for root in _ROOTS]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    places = " nor ".join(str(c) for c in candidates)
    raise FileNotFoundError(f"the shipped file {'/'.join(parts)} is neither at {places}; reinstall fer-studio")
