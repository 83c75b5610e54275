"""Bodies on the wire: packed above a size, unpacked within a limit, never a bomb."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from app.agency.bodies import GZIP_ABOVE_BYTES, BodyRefused, pack, unpack


def test_a_small_body_travels_as_it_is() -> None:
    body = b"x" * GZIP_ABOVE_BYTES
    assert pack(body) == (body, {})
    assert unpack(body, None) == unpack(body, "identity") == body


def test_a_large_body_is_packed_the_same_way_every_time() -> None:
    body = b"Nguyen " * 100_000
    packed, headers = pack(body)
    assert headers == {"Content-Encoding": "gzip"}
    assert pack(body)[0] == packed and len(packed) < len(body) / 50
    assert unpack(packed, " GZIP ") == body


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = gzip.compress(b"0" * 300_000_000, 1, mtime=0)
    tracemalloc.start()
    try:
        with pytest.raises(BodyRefused) as caught:
            unpack(bomb, "gzip", limit=10_000_000)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"x" * 101, None, 413),
        (gzip.compress(b"x" * 101, mtime=0), "gzip", 413),
        (b"x", "br", 415),
        (b"x", "gzip, gzip", 415),
        (b"x", "gzip", 400),
        (b"", "gzip", 400),
        (gzip.compress(b"x", mtime=0)[:-1], "gzip", 400),
        (gzip.compress(b"x", mtime=0)[:-4] + b"\0\0\0\0", "gzip", 400),
        (gzip.compress(b"x", mtime=0) + b"y", "gzip", 400),
        (gzip.compress(b"x", mtime=0) + gzip.compress(b"y", mtime=0), "gzip", 400),
        (zlib.compress(b"x"), "gzip", 400),
    ],
)
def test_a_body_that_cannot_be_unpacked_has_a_status(body: bytes, encoding: str | None, status: int) -> None:
    with pytest.raises(BodyRefused) as caught:
        unpack(body, encoding, limit=100)
    assert caught.value.status == status


def test_the_limit_itself_is_allowed() -> None:
    assert unpack(gzip.compress(b"x" * 100, mtime=0), "gzip", limit=100) == b"x" * 100
