"""Says why a thread was late: what it did, what it waited for, and who ran meanwhile.

The thread that is watched calls :meth:`Watchdog.tick` whenever it comes round. Once it is overdue, a thread of the
watchdog's own notes its stack every few milliseconds. When it comes round at last, the time is split, by the account
that Linux keeps of each thread, into *running*, *waiting for a core*, and the rest, *blocked*: on the interpreter's
lock, another lock, or the disk. Without such an account (other systems) the stacks are all there is.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import re
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

LATE_S = 0.03
_LOOK_EVERY_S = 0.004
_DEPTH = 4
_MOST_STACKS = 3
_KEPT = 5
_THREAD = re.compile(r"(?:Current thread|Thread) 0x([0-9a-f]+)")
_CALL = re.compile(r'  File "(.*)", line (\d+) in (.*)')


@dataclass(frozen=True, slots=True)
class _Account:
    """Seconds so far; those of the garbage collector are of all threads."""

    now_s: float
    ran_s: float
    waited_s: float
    collected_s: float
    faults: int
    """Pages that had to come from the disk, of the whole process."""


@dataclass(slots=True)
class _Seen:
    """While the watched thread was late."""

    stacks: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    overslept_s: float = 0.0
    """How late the watchdog itself was: it needs the interpreter's lock and a core too."""


class Watchdog:
    """To be made, ticked and stopped in the thread that is watched.

    Args:
        period_s: how often it should come round.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._ident = threading.get_ident()
        self._schedule = _open(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat"))
        self._collected_s = self._collecting_since_s = 0.0
        gc.callbacks.append(self._on_collection)
        self._before = self._account()
        self._seen = _Seen()
        self._late: list[tuple[float, str]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def tick(self) -> float:
        """It came round; how late, in seconds."""
        now, before = self._account(), self._before
        self._before = now
        late_s = now.now_s - before.now_s - self._period_s
        if late_s > LATE_S:
            seen, self._seen = self._seen, _Seen()
            self._late.append((late_s, _report(late_s, before, now, seen)))
            self._late = sorted(self._late, reverse=True)[:_KEPT]
        return max(late_s, 0.0)

    def forget(self) -> None:
        """What was seen so far does not count."""
        self._late.clear()

    def reports(self) -> list[str]:
        """The longest delays, longest first."""
        return [text for _, text in self._late]

    def stop(self) -> None:
        """Ends the watching."""
        self._over.set()
        self._thread.join()
        gc.callbacks.remove(self._on_collection)
        if self._schedule is not None:
            os.close(self._schedule)

    def _watch(self) -> None:
        with tempfile.TemporaryFile() as notes:
            asleep_s = time.perf_counter()
            while not self._over.wait(_LOOK_EVERY_S):
                now_s = time.perf_counter()
                seen = self._seen
                if now_s - self._before.now_s > LATE_S:
                    seen.overslept_s = max(seen.overslept_s, now_s - asleep_s - _LOOK_EVERY_S)
                    for ident, calls in _stacks(notes).items():
                        if ident == self._ident:
                            seen.stacks[" < ".join(calls[:_DEPTH])] += 1
                        elif ident != threading.get_ident():
                            seen.others[calls[0]] += 1
                asleep_s = time.perf_counter()

    def _on_collection(self, phase: str, info: dict[str, Any]) -> None:
        del info
        if phase == "start":
            self._collecting_since_s = time.perf_counter()
        else:
            self._collected_s += time.perf_counter() - self._collecting_since_s

    def _account(self) -> _Account:
        ran_s = waited_s = 0.0
        if self._schedule is not None:
            ran, waited, _ = os.pread(self._schedule, 96, 0).split()
            ran_s, waited_s = int(ran) / 1e9, int(waited) / 1e9
        return _Account(time.perf_counter(), ran_s, waited_s, self._collected_s, _faults())


def _open(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        return os.open(path, os.O_RDONLY)
    return None


def _faults() -> int:
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_majflt
    return 0


def _stacks(notes: IO[bytes]) -> dict[int, list[str]]:
    """Of all threads of Python by their identity, innermost call first.

    Not by ``sys._current_frames``: who holds a frame keeps its painter alive beyond its paint event, and Qt crashes.
    """
    notes.seek(0)
    notes.truncate()
    faulthandler.dump_traceback(notes, all_threads=True)
    notes.seek(0)
    found: dict[int, list[str]] = {}
    calls: list[str] = []
    for line in notes.read().decode(errors="replace").splitlines():
        if thread := _THREAD.match(line):
            calls = found.setdefault(int(thread[1], 16), [])
        elif call := _CALL.match(line):
            calls.append(f"{Path(call[1]).name}:{call[2]} {call[3]}")
    return {ident: calls for ident, calls in found.items() if calls}


def _report(late_s: float, before: _Account, now: _Account, seen: _Seen) -> str:
    ran_s, waited_s = now.ran_s - before.ran_s, now.waited_s - before.waited_s
    blocked_s = max(0.0, now.now_s - before.now_s - ran_s - waited_s)
    head = (
        f"{1e3 * late_s:.0f} ms late: {1e3 * ran_s:.0f} running, {1e3 * waited_s:.0f} waiting for a core, "
        f"{1e3 * blocked_s:.0f} blocked; {1e3 * (now.collected_s - before.collected_s):.0f} of garbage collection, "
        f"{now.faults - before.faults} pages from the disk, the watchdog {1e3 * seen.overslept_s:.0f} late"
    )
    lines = [f"  {count} x {stack}" for stack, count in seen.stacks.most_common(_MOST_STACKS)]
    lines += [f"  meanwhile {count} x {stack}" for stack, count in seen.others.most_common(_MOST_STACKS)]
    return "\n".join([head, *lines])
