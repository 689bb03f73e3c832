"""No command opens a network socket: watched inside Python, by the kernel where strace is, and without any network.

Nor does one leave a file in the home of its user, where libraries that report usage keep what they will send.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_WATCH = """
import os, socket, sys

_WATCHED = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
            "socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request", "http.client.connect"}
_INTERNET = {socket.AF_INET, socket.AF_INET6}

def _hook(event, arguments):
    if event in _WATCHED or (event == "socket.__new__" and arguments[1] in _INTERNET):
        with open(os.environ["FER_AUDIT_LOG"], "a") as log:
            log.write(f"{event} {arguments}\\n")

sys.addaudithook(_hook)
"""


#: Would lead away from the home that is looked at, or keep libraries quiet that are not so for users.
_REDIRECTIONS = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "ORT_DISABLE_TELEMETRY", "CI")
#: Usage is reported some seconds after a library is loaded; this is longer.
_LINGER_S = 14


@functools.cache
def _usable(*prefix: str) -> bool:
    if shutil.which(prefix[0]) is None:
        return False
    return subprocess.run([*prefix, "true"], capture_output=True, timeout=20, check=False).returncode == 0


def watched(words: list[str], where: dict[str, object], folder: Path) -> tuple[subprocess.CompletedProcess[str], str]:
    """Runs a program and gives what it tried on the network or left in its home, empty for nothing."""
    (folder / "watch").mkdir(exist_ok=True)
    (folder / "watch" / "sitecustomize.py").write_text(_WATCH)
    audit, trace = folder / "audit.log", folder / "strace.log"
    for log in (audit, trace):
        log.write_text("")
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {**where["env"], "FER_AUDIT_LOG": str(audit), "HOME": str(home)}
    for name in _REDIRECTIONS:
        environment.pop(name, None)
    environment["PYTHONPATH"] = f"{folder / 'watch'}:{environment.get('PYTHONPATH', '')}"
    prefix = ["unshare", "-rn"] if _usable("unshare", "-rn") else []
    tracer = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=network"]
    if _usable(*tracer, "-o", "/dev/null"):
        prefix += [*tracer, "-o", str(trace)]
    done = subprocess.run(
        [*prefix, *words],
        cwd=where["cwd"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    internet = [line for line in trace.read_text().splitlines() if "AF_INET" in line]
    # MediaPipe loads matplotlib, which keeps a list of fonts.
    left = [str(p) for p in home.rglob("*") if p.is_file() and "matplotlib" not in p.parts]
    return done, audit.read_text() + "\n".join([*internet, *left])


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the watch is made for POSIX")


def test_the_watch_sees_a_socket(tmp_path: Path) -> None:
    import os

    program = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()"
    where = {"cwd": tmp_path, "env": dict(os.environ)}
    done, tried = watched([sys.executable, "-c", program], where, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "socket.__new__" in tried
    if _usable("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=network", "-o", "/dev/null"):
        assert "socket(AF_INET" in tried


@pytest.mark.parametrize("name", ["annotate", "demo", "cameras", "doctor", "--version"])
def test_no_command_opens_a_network_socket(name: str, command, media: Path, model: Path, tmp_path: Path) -> None:
    arguments: dict[str, list[object]] = {
        "annotate": [media / "stills", media / "clip.mp4", "-o", "out", "--model", model, "--jobs", 2, "--video"],
        "demo": ["-o", "out", "--model", model],
        "doctor": ["--model", model],
    }
    words, where = command(name, *arguments.get(name, []))
    done, tried = watched(words, where, tmp_path)
    assert done.returncode == 0, done.stderr
    assert tried == ""
    if name == "demo":
        assert "180 frames" in done.stdout
        assert (tmp_path / "out" / "demo.csv").read_text().count("\n") >= 181


@pytest.mark.slow
def test_annotate_opens_no_network_socket_later_on_either(command, media: Path, model: Path, tmp_path: Path) -> None:
    words, where = command("annotate", media / "stills", "-o", "out", "--model", model)
    program = (
        "import sys, time; from fer_studio.cli import main\n"
        f"code = main(sys.argv[1:]); time.sleep({_LINGER_S}); sys.exit(code)"
    )
    arguments = words[words.index("fer_studio") + 1 :]
    done, tried = watched([sys.executable, "-c", program, *arguments], where, tmp_path)
    assert done.returncode == 0, done.stderr
    assert tried == ""
