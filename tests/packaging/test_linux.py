import configparser
import mimetypes
import shutil
import subprocess
from pathlib import Path

import pytest

from fer_core.media.source import VIDEO_SUFFIXES

ROOT = Path(__file__).resolve().parents[2]
LINUX = ROOT / "packaging" / "linux"
ENTRY = LINUX / "fer-studio.desktop"


@pytest.fixture(scope="module")
def entry() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(ENTRY, encoding="utf-8")
    return parser["Desktop Entry"]


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="desktop-file-utils is not installed")
def test_desktop_entry_is_valid():
    run = subprocess.run(["desktop-file-validate", str(ENTRY)], capture_output=True, text=True)
    assert run.stdout + run.stderr == ""
    assert run.returncode == 0


def test_desktop_entry_opens_files_in_the_window_of_that_class(entry):
    assert entry["Exec"] == "fer-studio %F"
    assert entry["Icon"] == entry["StartupWMClass"] == "fer-studio"
    assert entry["Terminal"] == "false"


def test_desktop_entry_names_the_videos_that_can_be_measured(entry):
    known = mimetypes.MimeTypes()  # without the tables of this system
    types = {known.guess_type(f"clip{suffix}")[0] for suffix in VIDEO_SUFFIXES}
    assert {t for t in types if t and t.startswith("video/")} <= set(entry["MimeType"].split(";"))


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg is not installed")
def test_make_deb_lays_a_folder_out_for_debian(tmp_path):
    frozen = tmp_path / "frozen"
    (frozen / "_internal").mkdir(parents=True)
    (frozen / "_internal" / "library.so").write_bytes(b"x" * 5000)
    program = frozen / "fer-studio"
    program.write_text("#!/bin/sh\necho fer-studio 1.2.3\n")
    program.chmod(0o755)
    subprocess.run([LINUX / "make_deb.sh", frozen, tmp_path / "out"], check=True, capture_output=True, timeout=60)
    (package,) = (tmp_path / "out").glob("fer-studio_1.2.3_*.deb")
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "-x", package, tree], check=True)
    run = subprocess.run([tree / "usr" / "bin" / "fer-studio"], check=True, capture_output=True, text=True)
    assert run.stdout == "fer-studio 1.2.3\n"
    assert (tree / "usr/lib/fer-studio/_internal/library.so").stat().st_size == 5000
    assert (tree / "usr/share/applications/fer-studio.desktop").read_bytes() == ENTRY.read_bytes()
    for name in ("16x16/apps/fer-studio.png", "256x256/apps/fer-studio.png", "scalable/apps/fer-studio.svg"):
        assert (tree / "usr/share/icons/hicolor" / name).is_file()
    control = subprocess.run(["dpkg-deb", "-f", package], check=True, capture_output=True, text=True).stdout
    assert "Version: 1.2.3\n" in control
    (depends,) = [line for line in control.splitlines() if line.startswith("Depends: ")]
    assert "libxcb-cursor0" in depends
    assert (tree / "usr/lib/fer-studio/_internal/library.so").stat().st_mode & 0o111 == 0
    assert "@" not in control.replace("fer-studio@localhost", "")


def test_make_deb_refuses_what_is_not_frozen(tmp_path):
    run = subprocess.run([LINUX / "make_deb.sh", tmp_path, tmp_path / "out"], capture_output=True, text=True)
    assert run.returncode == 2
    assert "FROZEN_FOLDER" in run.stderr
    assert not (tmp_path / "out").exists()
