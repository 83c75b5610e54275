"""Content-Encoding of bodies: packing ours, unpacking theirs within a limit; signatures cover the content."""

from __future__ import annotations

import gzip
import zlib

GZIP_ABOVE_BYTES = 8_192
REQUEST_MAX_BYTES = 64 * 1024 * 1024
"""What a packet of 100.000 lines may take, unpacked, with room to spare."""
_CHUNK_BYTES = 1 << 20


class BodyRefused(Exception):
    """The body cannot be unpacked: unknown encoding, broken, or larger than allowed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def pack(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The bytes for the wire and the headers that go with them; the same content packs to the same bytes."""
    if len(body) <= GZIP_ABOVE_BYTES:
        return body, {}
    return gzip.compress(body, compresslevel=5, mtime=0), {"Content-Encoding": "gzip"}


def unpack(body: bytes, encoding: str | None, *, limit: int = REQUEST_MAX_BYTES) -> bytes:
    """The content of a body, never more than `limit` bytes of it in memory; else BodyRefused."""
    if len(body) > limit:
        raise BodyRefused(413, "too large")
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return body
    if name != "gzip":
        raise BodyRefused(415, "Content-Encoding: gzip or none")
    unpacker = zlib.decompressobj(wbits=31)
    content = bytearray()
    rest = body
    try:
        while rest and not unpacker.eof:
            content += unpacker.decompress(rest, _CHUNK_BYTES)
            rest = unpacker.unconsumed_tail
            if len(content) > limit:
                raise BodyRefused(413, "too large when unpacked")
    except zlib.error as error:
        raise BodyRefused(400, "broken gzip") from error
    if not unpacker.eof or unpacker.unused_data:
        raise BodyRefused(400, "gzip cut short or followed by something else")
    return bytes(content)
