"""Whether a file is as long as its own head says, where its index does not tell (Matroska, WebM, ASF)."""

from __future__ import annotations

from pathlib import Path

_HEAD_BYTES = 4096

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
#: File Properties Object of ASF: a GUID, the size of the object (8), an identifier (16), the size of the file (8).
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_SIZE_AT, _ASF_FLAGS_AT = 40, 88
_ASF_BROADCAST = 1


def is_shorter_than_stated(path: Path) -> bool:
    """True when the head of the file states a size that the file does not reach; False where it states none."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    stated = _matroska_size(head) if head.startswith(_EBML) else _asf_size(head)
    return stated is not None and path.stat().st_size < stated


def _matroska_size(head: bytes) -> int | None:
    """End of the segment, which holds everything but a few bytes (RFC 8794, section 6; RFC 9559, section 5.1)."""
    body = _element(head, len(_EBML))
    if body is None or not head.startswith(_SEGMENT, sum(body)):
        return None
    segment = _element(head, sum(body) + len(_SEGMENT))
    return None if segment is None else sum(segment)


def _element(head: bytes, at: int) -> tuple[int, int] | None:
    """Where the content of an element begins, and its length; None where the length is unknown.

    ``at`` is where the length stands: as many zero bits as bytes follow the first, a one, then the number.
    """
    if at >= len(head) or not head[at]:
        return None
    width = 9 - head[at].bit_length()
    largest = (1 << 7 * width) - 1
    length = int.from_bytes(head[at : at + width], "big") & largest
    return None if length == largest else (at + width, length)


def _asf_size(head: bytes) -> int | None:
    at = head.find(_ASF_PROPERTIES)
    if at < 0 or at + _ASF_FLAGS_AT >= len(head) or head[at + _ASF_FLAGS_AT] & _ASF_BROADCAST:
        return None
    return int.from_bytes(head[at + _ASF_SIZE_AT : at + _ASF_SIZE_AT + 8], "little")
