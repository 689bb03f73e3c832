"""What the C library is told about memory: counted in the pages that the system has to clear."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")),
    reason="only glibc can be told",
)

#: Prints how many new pages a loop takes that allocates, fills and frees an array again and again.
_LOOP = """
import resource, sys
import numpy as np
from fer_core import allocator
if sys.argv[1] != "nothing":
    getattr(allocator, sys.argv[1])()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    np.ones(int(sys.argv[2]), np.uint8)
step()
before = faults()
for _ in range(20):
    step()
print(faults() - before)
"""


def _new_pages(setting: str, size: int) -> int:
    command = [sys.executable, "-c", _LOOP, setting, str(size)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_training_uses_the_memory_again_that_it_freed() -> None:
    size = 24 * 2**20
    assert _new_pages("nothing", size) > 20 * size / 2**21  # new pages each time, be they huge ones
    assert _new_pages("keep_freed_memory", size) < 20


def test_pictures_are_given_back_at_once() -> None:
    size = 2**20
    assert _new_pages("keep_memory_together", size) > 10 * size / mmap.PAGESIZE
