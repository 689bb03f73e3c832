"""Says inside a file, for programs to read, that what it shows is partly synthetic.

An XMP packet with the IPTC property ``DigitalSourceType``, the usual way to fulfil such duties as that of Article 50(2)
of the EU AI Act. Where it stands is laid down by Adobe's XMP specification, part 3: an ``iTXt`` chunk of PNG, an
``APP1`` segment of JPEG, a ``uuid`` box of MP4 and QuickTime.
"""

from __future__ import annotations

import struct
import zlib
from uuid import UUID

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"

_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'xmp:CreatorTool="fer-studio" Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
).encode()
_PNG_SIGNATURE, _PNG_HEAD = b"\x89PNG\r\n\x1a\n", 33  # signature and the IHDR chunk, which must come first
_BOX_TYPE = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes


def marked_image(encoded: bytes) -> bytes:
    """A PNG or JPEG file with the mark; another kind of file as it is."""
    if encoded.startswith(_PNG_SIGNATURE):
        chunk = b"iTXt" + b"XML:com.adobe.xmp\0\0\0\0\0" + _XMP
        framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return encoded[:_PNG_HEAD] + framed + encoded[_PNG_HEAD:]
    if encoded.startswith(b"\xff\xd8\xff\xe0"):
        after_jfif = 4 + int.from_bytes(encoded[4:6], "big")
        body = b"http://ns.adobe.com/xap/1.0/\0" + _XMP
        segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
        return encoded[:after_jfif] + segment + encoded[after_jfif:]
    return encoded


def video_mark() -> bytes:
    """A box to be written behind the last one of an MP4 or QuickTime file."""
    return struct.pack(">I", 24 + len(_XMP)) + b"uuid" + _BOX_TYPE + _XMP
