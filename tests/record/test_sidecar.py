from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from fer_core.record.errors import RecordError
from fer_core.record.sidecar import (
    RunRecord,
    hash_file,
    hash_input,
    read_sidecar,
    sidecar_path,
    utc_now,
    write_sidecar,
)


def _record() -> RunRecord:
    return RunRecord(
        program="fer-studio",
        program_version="0.1.0",
        model_name="affect",
        model_version="1",
        model_sha256="ab" * 32,
        options={"max_faces": 4, "smooth": None, "layout": "native", "baseline": "auto"},
        input_name="Größe.mp4",
        input_sha256="cd" * 32,
        layout="native",
        notes=("one", "two"),
        provider="CPUExecutionProvider",
        frame_rate_hz=23.976,
        started_utc=utc_now(),
    )


def test_run_record_survives_json() -> None:
    record = _record()
    assert RunRecord.from_json(record.to_json()) == record
    ended = record.ended(frame_count=3, row_count=4, first_time_s=0.0, last_time_s=0.1, complete=True)
    assert RunRecord.from_json(ended.to_json()) == ended
    assert (record.complete, ended.complete, ended.row_count, ended.provider) == (False, True, 4, record.provider)


def test_run_record_has_the_facts_of_the_contract() -> None:
    data = json.loads(_record().to_json())
    assert {
        *("program", "program_version", "model_version", "model_sha256", "options", "input_name", "input_sha256"),
        *("frame_count", "row_count", "frame_rate_hz", "provider", "started_utc", "ended_utc", "complete"),
        *("first_time_s", "last_time_s", "layout", "empty_columns", "notes"),
    } <= set(data)
    assert data["input_name"] == "Größe.mp4"


def test_run_record_ignores_later_fields_and_names_missing_ones() -> None:
    data = json.loads(_record().to_json())
    assert RunRecord.from_json(json.dumps({**data, "of_a_later_version": 1})) == _record_like(data)
    del data["provider"], data["layout"]
    with pytest.raises(ValueError, match="needs layout, provider"):
        RunRecord.from_json(json.dumps(data))
    with pytest.raises(ValueError, match="JSON object"):
        RunRecord.from_json("[]")


def _record_like(data: dict[str, object]) -> RunRecord:
    return RunRecord.from_json(json.dumps(data))


def test_run_record_replaces_what_is_no_text_in_names() -> None:
    record = dataclasses.replace(_record(), input_name="gr\udcfcn.mp4", input_files=("\udcfc.png",))
    read = RunRecord.from_json(record.to_json())
    assert (read.input_name, read.input_files) == ("gr?n.mp4", ("?.png",))


def test_write_sidecar_says_that_its_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    for path in (tmp_path / "out" / "a.json", tmp_path / "out" / "sub" / "a.json"):
        with pytest.raises(RecordError, match=r"a\.json: cannot be written \(its folder is a file\)"):
            write_sidecar(path, _record())


def test_run_record_holds_no_number_that_json_lacks() -> None:
    ended = _record().ended(frame_count=0, row_count=0, first_time_s=float("nan"), last_time_s=None, complete=False)
    with pytest.raises(ValueError, match="not JSON compliant"):
        ended.to_json()


@pytest.mark.parametrize(("where", "step"), [(os, "fsync"), (Path, "replace")])
def test_write_sidecar_replaces_in_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, step: str
) -> None:
    path = sidecar_path(tmp_path / "clip.v2.csv")
    assert path.name == "clip.v2.json"
    record = _record()
    write_sidecar(path, record)
    assert read_sidecar(path) == record

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(where, step, no_room)
    with pytest.raises(RecordError, match=r"clip\.v2\.json: cannot be written \(No space left on device\); free some"):
        write_sidecar(path, record.ended(frame_count=1, row_count=1, first_time_s=0, last_time_s=0, complete=True))
    assert read_sidecar(path) == record
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.v2.json"]


@pytest.mark.parametrize("text", ["", "{}", "not json"])
def test_read_sidecar_refuses_what_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RecordError, match=r"a\.json: is no run record"):
        read_sidecar(tmp_path / "a.json")
    with pytest.raises(RecordError, match=r"b\.json: cannot be read"):
        read_sidecar(tmp_path / "b.json")


def test_hash_file_is_sha256(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "clip").write_bytes(content)
    assert hash_input(tmp_path / "clip") == hash_file(tmp_path / "clip") == hashlib.sha256(content).hexdigest()
    with pytest.raises(RecordError, match="gone: cannot be read"):
        hash_file(tmp_path / "gone")


@pytest.mark.skipif(sys.platform == "win32", reason="compares with sha256sum")
def test_hash_input_of_a_folder_is_that_of_its_sums(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("b.png", "a.png")]
    for file in files:
        file.write_text(file.name)
    lines = "".join(f"{hashlib.sha256(f.name.encode()).hexdigest()}  {f.name}\n" for f in files)
    assert hash_input(tmp_path, files) == hashlib.sha256(lines.encode()).hexdigest()
    assert hash_input(tmp_path, files) != hash_input(tmp_path, files[::-1])


def test_utc_now_is_iso_with_its_zone() -> None:
    now = datetime.datetime.fromisoformat(utc_now())
    assert now.utcoffset() == datetime.timedelta(0)
    assert abs((datetime.datetime.now(datetime.UTC) - now).total_seconds()) < 5
