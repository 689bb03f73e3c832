"""What the processor of this machine can do."""

from __future__ import annotations

from functools import cache
from pathlib import Path

#: Instructions that multiply bytes and add the products up without overflow, by Linux's names.
_BYTE_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni"}
_LINUX = Path("/proc/cpuinfo")


@cache
def multiplies_bytes(cpuinfo: Path = _LINUX) -> bool:
    """Whether it has dot products of bytes (VNNI), on which a network of int8 is faster than one of float32.

    Only Linux tells without help; elsewhere the answer is no. It depends on the machine alone, never on how busy it is:
    the same machine gives the same numbers each time.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return not _BYTE_DOT_PRODUCTS.isdisjoint(flags)
