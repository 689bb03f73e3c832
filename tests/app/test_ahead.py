"""What is made ready before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fer_studio.ahead import Ahead

PATIENCE_MS = 20_000


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "made_ahead.py").write_text("LOADED = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "made_ahead"


def test_ahead_loads_first_and_then_takes_one_step_at_a_time(qtbot: QtBot, module: str) -> None:
    done: list[tuple[int, bool]] = []
    ahead = Ahead([module], [lambda: done.append((1, module in sys.modules)), lambda: done.append((2, True))])
    with qtbot.waitSignal(ahead.ended, timeout=PATIENCE_MS):
        ahead.begin()
        ahead.begin()
        assert not done
    assert done == [(1, True), (2, True)]
    assert ahead.shutdown()


def test_ahead_leaves_to_others_what_cannot_be_loaded(qtbot: QtBot) -> None:
    done: list[int] = []
    ahead = Ahead(["there_is_no_such_module"], [lambda: done.append(1)])
    with qtbot.waitSignal(ahead.ended, timeout=PATIENCE_MS):
        ahead.begin()
    assert not done
    assert ahead.shutdown()


def test_ahead_does_nothing_after_the_end(qtbot: QtBot, module: str) -> None:
    done: list[int] = []
    ahead = Ahead([module], [lambda: done.append(1)])
    ahead.begin()
    assert ahead.shutdown()
    qtbot.wait(300)
    assert not done
    ahead.begin()
    qtbot.wait(100)
    assert not done


@pytest.mark.skipif(sys.platform != "linux", reason="the map of a process is read from /proc")
def test_libraries_are_in_the_process_before_they_are_imported(
    command: Callable[..., tuple[list[str], dict[str, object]]],
) -> None:
    code = (
        "import sys; from fer_studio.workers.libraries import load_libraries; load_libraries(); load_libraries()\n"
        "assert not {'cv2', 'av', 'onnxruntime'} & set(sys.modules)\n"
        "maps = open('/proc/self/maps').read()\n"
        "assert all(name in maps for name in ('/cv2/', '/av/', 'onnxruntime_pybind11_state')), maps\n"
        "import av, cv2, onnxruntime"
    )
    _, where = command()
    done = subprocess.run([sys.executable, "-c", code], **where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
