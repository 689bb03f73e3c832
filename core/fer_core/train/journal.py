"""What a run tells while it goes: a progress bar, a log of JSON lines, and TensorBoard where the recipe asks for it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

LOG = "log.jsonl"
TENSORBOARD = "tensorboard"


class Journal:
    """Log of a run in ``out``; silent in every process but the first.

    Args:
        out: folder of the run.
        step: optimisation steps done before.
        steps: in all.
        batch_size: over all processes.
        tensorboard: write ``out/tensorboard`` too.
        quiet: write and show nothing.

    Raises:
        ModuleNotFoundError: when TensorBoard is asked for and not installed.
    """

    def __init__(self, out: Path, step: int, steps: int, batch_size: int, *, tensorboard: bool, quiet: bool) -> None:
        self._path = None if quiet else out / LOG
        self._batch_size = batch_size
        self._since = (step, time.monotonic())
        self._bar = tqdm(
            total=steps, initial=step, desc=out.name, unit="step", disable=quiet or not sys.stderr.isatty()
        )
        self._board = None
        if tensorboard and not quiet:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / TENSORBOARD), purge_step=step)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.close()
        if self._board:
            self._board.close()

    def note(self, text: str) -> None:
        """Shown, not logged."""
        if self._path is not None:
            tqdm.write(text)

    def step(self) -> None:
        """One step is done."""
        self._bar.update()

    def losses(self, step: int, epoch: int, terms: Mapping[str, float]) -> None:
        """The losses of a step, and the speed since they were last told."""
        before, then = self._since
        now = time.monotonic()
        self._since = (step, now)
        speed = round((step - before) * self._batch_size / max(now - then, 1e-9), 1)
        rounded = {name: round(value, 4) for name, value in terms.items()}
        self._write({"step": step, "of": self._bar.total, "epoch": epoch, **rounded, "images_per_s": speed})
        self._bar.set_postfix({"total": rounded.get("total")}, refresh=False)
        self._draw("train", rounded, step)

    def valid(self, step: int, figures: Mapping[str, float | None], **about: Any) -> None:
        """Figures of the validation split."""
        self._write({**about, "valid": dict(figures)})
        self._draw("valid", figures, step)
        self._since = (step, time.monotonic())  # its time is not the training's

    def _write(self, record: Mapping[str, Any]) -> None:
        if self._path is None:
            return
        line = json.dumps(record)
        with self._path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        tqdm.write(line)

    def _draw(self, group: str, values: Mapping[str, float | None], step: int) -> None:
        if self._board:
            for name, value in values.items():
                if value is not None:
                    self._board.add_scalar(f"{group}/{name}", value, step)
