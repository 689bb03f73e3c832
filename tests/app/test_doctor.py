from __future__ import annotations

from pathlib import Path

import pytest

from fer_core.infer.engine import file_sha256
from fer_core.infer.shipped_models import SHIPPED_MODELS, STANDARD, ShippedModel
from fer_studio import cli, doctor
from fer_studio.doctor import Finding, examine, missing_libraries, render


@pytest.fixture(scope="module")
def findings(model: Path) -> dict[str, Finding]:
    return {finding.topic: finding for finding in examine(model)}


def test_doctor_finds_that_annotate_can_work(findings: dict[str, Finding], model: Path) -> None:
    assert [f for f in findings.values() if f.blocks] == []
    assert findings["model"].text.startswith("tiny 1 ")
    assert findings["model SHA-256"].text == file_sha256(model)
    assert findings["device chosen"].text.endswith("ExecutionProvider")
    assert "cpu (CPUExecutionProvider)" in findings["devices"].text
    assert findings["processor"].text.split()[0].isdigit()
    assert findings["face models"].ok
    assert findings["mediapipe"].text == "0.10.21"


def test_doctor_ends_with_what_to_do_and_whether_annotate_can_work(findings: dict[str, Finding]) -> None:
    text = render(list(findings.values()))
    assert text.endswith("annotate can work on this machine")
    broken = render([Finding("model", "is gone", ok=False, blocks=True, remedy="reinstall")])
    assert broken.splitlines() == [
        "MISSING model  is gone",
        "",
        "what to do:",
        "  model: reinstall",
        "",
        "annotate cannot work until this is mended",
    ]


def test_doctor_names_the_debian_package_of_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_libraries({"libc6": "libc.so.6", "libnone9": "libnone.so.9"}) == ["libnone9"]
    monkeypatch.setattr(doctor, "_loads", lambda library: False)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    found = {f.topic: f for f in doctor._system_libraries()}
    assert found["libraries of the window"].remedy == (
        "apt install libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxkbcommon-x11-0 libegl1"
    )
    assert not found["libraries of the window"].blocks
    assert found["libraries of sound"].remedy == "apt install libpulse0 libxrandr2 libdrm2"
    assert not found["libraries of sound"].blocks
    assert found["libraries of OpenCV"].remedy == "apt install libgl1 libglib2.0-0"
    assert found["libraries of OpenCV"].blocks


def test_doctor_exits_1_when_the_model_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SHIPPED_MODELS, STANDARD, ShippedModel("gone.onnx", ""))
    assert cli.main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "MISSING model" in said
    assert "gone.onnx" in said
    assert said.rstrip().endswith("annotate cannot work until this is mended")


def test_doctor_reports_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    found = {f.topic: f for f in doctor._packages()}
    assert found["numpy"].ok
    assert found["no-such-package"].blocks
