"""The JSON file beside a recording: what is needed to understand it and to repeat the run."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fer_core.record.errors import RecordError, write_error

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run over one input. Written with ``complete`` false when it starts and again when it ends."""

    format_version: int = FORMAT_VERSION
    """Of this file."""
    program: str
    program_version: str
    model_name: str
    model_version: str
    model_sha256: str
    options: Mapping[str, Any]
    """Options of the command by name, only what JSON can hold."""
    input_name: str
    """File, folder or camera name, without the path."""
    input_sha256: str | None
    """See :func:`hash_input`; None for a camera."""
    input_files: tuple[str, ...] = ()
    """Names of the images of a folder in the order of their frames."""
    layout: str
    empty_columns: tuple[str, ...] = ()
    """Columns of the layout that are empty by design."""
    notes: tuple[str, ...] = ()
    """What a reader of the layout must know."""
    provider: str
    """What ran the network, such as ``CPUExecutionProvider``."""
    frame_rate_hz: float | None
    """Average rate as the container states it; None where it has no meaning."""
    started_utc: str
    """ISO 8601."""
    ended_utc: str | None = None
    frame_count: int | None = None
    """Frames in the file; None until the run has ended."""
    row_count: int | None = None
    first_time_s: float | None = None
    last_time_s: float | None = None
    complete: bool = False
    """Whether every frame of the input is in the file."""

    def ended(
        self,
        *,
        frame_count: int,
        row_count: int,
        first_time_s: float | None,
        last_time_s: float | None,
        complete: bool,
    ) -> RunRecord:
        """A copy with the figures of the end and the time now."""
        return dataclasses.replace(
            self,
            ended_utc=utc_now(),
            frame_count=frame_count,
            row_count=row_count,
            first_time_s=first_time_s,
            last_time_s=last_time_s,
            complete=complete,
        )

    def to_json(self) -> str:
        """Indented JSON, keys in the order of the fields; what is broken in the name of a file becomes ``?``.

        Raises:
            TypeError: when ``options`` holds what JSON cannot.
            ValueError: when a number is not finite.
        """
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        return text.encode(errors="replace").decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads :meth:`to_json`; fields of later versions are left out.

        Raises:
            ValueError: when the text is no such JSON, or lacks a field.
        """
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("a run record is a JSON object")
        fields = dataclasses.fields(cls)
        known = {f.name: data[f.name] for f in fields if f.name in data}
        missing = [f.name for f in fields if f.name not in known and f.default is dataclasses.MISSING]
        if missing:
            raise ValueError(f"a run record needs {', '.join(missing)}")
        for name in ("input_files", "empty_columns", "notes"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


def sidecar_path(recording: Path) -> Path:
    """``clip.csv`` -> ``clip.json``."""
    return recording.with_suffix(".json")


def write_sidecar(path: Path, record: RunRecord) -> None:
    """Replaces ``path`` in one step: a reader sees the old text or the new, whatever happens in between.

    Raises:
        RecordError: when it cannot be written; what was there before stays.
    """
    write_atomically(path, record.to_json())


def read_sidecar(path: Path) -> RunRecord:
    """Reads a sidecar.

    Raises:
        RecordError: when it cannot be read or is none.
    """
    try:
        return RunRecord.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(path, f"cannot be read ({error.strerror or error})", "check the path") from error
    except ValueError as error:
        raise RecordError(path, f"is no run record ({error})", "run the annotation again") from error


def temporary_beside(path: Path) -> Path:
    """Where to write what is to become ``path``: hidden, of this process, and short wherever a name must be."""
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]
    return path.with_name(f".{digest}.{os.getpid()}.tmp")


def write_atomically(path: Path, text: str) -> None:
    """Writes a small text file under a temporary name beside ``path``, then renames it.

    Raises:
        RecordError: when it cannot be written; what was there before stays.
    """
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise write_error(path, error) from error


def hash_file(path: Path) -> str:
    """SHA-256 of a file as hexadecimal text, read in pieces.

    Raises:
        RecordError: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RecordError(path, f"cannot be read ({error.strerror or error})", "check the path") from error


def hash_input(path: Path, files: Iterable[Path] = ()) -> str:
    """SHA-256 of an input: of the file itself, or, for a folder, of the lines ``<sha256>  <name>`` of its ``files``.

    The latter is the text that ``sha256sum`` prints for these files inside the folder, in the given order.

    Raises:
        RecordError: when a file cannot be read.
    """
    if not path.is_dir():
        return hash_file(path)
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(f"{hash_file(file)}  {file.relative_to(path).as_posix()}\n"))
    return digest.hexdigest()


def utc_now() -> str:
    """Now, in UTC, ISO 8601 with seconds: ``2026-01-31T12:00:00+00:00``."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
