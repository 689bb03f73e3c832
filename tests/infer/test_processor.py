from pathlib import Path

import pytest

from fer_core.infer.processor import multiplies_bytes


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse4_2 avx2 avx_vnni", True),
        ("fpu avx512f avx512_vnni avx512_vpopcntdq", True),
        ("fpu avx2 avx512f", False),
        ("", False),
    ],
)
def test_multiplies_bytes_reads_the_flags_of_the_processor(tmp_path: Path, flags: str, expected: bool):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: Made avx_vnni\nflags\t\t: {flags}\nbugs\t\t: none\n" * 2)
    assert multiplies_bytes(cpuinfo) is expected


@pytest.mark.parametrize("content", [None, b"", b"Features : asimddp\n", b"flags"])
def test_multiplies_bytes_is_no_where_nothing_tells(tmp_path: Path, content: bytes | None):
    cpuinfo = tmp_path / "cpuinfo"
    if content is not None:
        cpuinfo.write_bytes(content)
    assert multiplies_bytes(cpuinfo) is False
