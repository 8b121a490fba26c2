"""Compressed bodies come out as they were, and no further than the limit."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable, Iterator

import httpx
import pytest
import zstandard
from starlette.types import Message

from app import compression
from app.compression import unpack
from app.errors import RequestError
from app.server import create_app
from app.settings import Settings
from tests.app.local import SCORING, ask, sent
from tests.app.serving import sample

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}
LIMIT = 2**22
TEXT = b'{"samples": []}' * 1000


def held(size: int) -> None:
    """Takes any size."""


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:])),
        ("deflate", zlib.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT[:5000]) + zstandard.compress(TEXT[5000:])),
    ],
    ids=["plain", "identity", "gzip", "two gzip members", "deflate", "zstd", "two zstd frames"],
)
def test_a_body_is_as_it_was_before_it_was_compressed(encoding: str, body: bytes) -> None:
    assert unpack(body, encoding, LIMIT, held) == TEXT


@pytest.mark.parametrize("encoding", list(COMPRESS))
def test_a_bomb_is_413_and_goes_off_no_further_than_the_limit(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces, unpacked = compression._PIECES[encoding], []

    def noting(body: bytes) -> Iterator[bytes]:
        for piece in pieces(body):
            unpacked.append(len(piece))
            yield piece

    monkeypatch.setitem(compression._PIECES, encoding, noting)
    zeros = bytes(2**28)
    bomb = COMPRESS[encoding](zeros)
    sizes: list[int] = []
    with pytest.raises(RequestError) as refused:
        unpack(bomb, encoding, LIMIT, sizes.append)
    assert refused.value.status == 413
    assert sum(sizes) <= LIMIT
    assert sum(unpacked) <= LIMIT + 2 * compression._PIECE  # the piece that is too much, and slack


def test_what_a_body_grows_by_is_held_as_it_was_when_sent() -> None:
    grown: list[int] = []
    packed = gzip.compress(TEXT)
    unpack(packed, "gzip", LIMIT, grown.append)
    assert sum(grown) == len(TEXT) - len(packed)


def test_a_body_that_unpacks_to_more_than_there_is_room_for_is_429() -> None:
    """Each is within its own limits, but together they are more than the queue holds."""
    body = json.dumps({"samples": [sample()]}).encode().ljust(2**20)

    async def run() -> Message:
        app = create_app(Settings(max_body_bytes=2**20, queue_bytes=2**20 + 2**10), SCORING)
        other = asyncio.create_task(sent(app, b" " * 2**12, more_body=True))
        await asyncio.sleep(0)  # it holds what it has sent so far
        start, _ = await sent(app, gzip.compress(body), headers=[(b"content-encoding", b"gzip")])
        other.cancel()
        return start

    assert asyncio.run(run())["status"] == 429


@pytest.mark.timeout(60)  # minutes, where what follows a member is copied for each of them
def test_a_body_of_nothing_but_tiny_members_keeps_nobody_waiting() -> None:
    members = gzip.compress(b"") * 800_000
    assert unpack(members + gzip.compress(TEXT), "gzip", LIMIT, held) == TEXT


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", b"x", 415),
        ("gzip, gzip", b"x", 415),
        ("gzip", b"plain", 400),
        ("gzip", gzip.compress(TEXT)[:-9], 400),
        ("zstd", b"plain", 400),
        ("zstd", zstandard.compress(TEXT)[:-9], 400),
    ],
    ids=["unknown", "two encodings", "no gzip", "half a gzip", "no zstd", "half a zstd"],
)
def test_what_cannot_be_unpacked_is_refused(encoding: str, body: bytes, status: int) -> None:
    with pytest.raises(RequestError) as refused:
        unpack(body, encoding, LIMIT, held)
    assert refused.value.status == status


@pytest.mark.parametrize(("window_log", "fits"), [(27, True), (28, False)])
def test_a_zstd_frame_that_asks_for_much_memory_is_refused(window_log: int, fits: bool) -> None:
    parameters = zstandard.ZstdCompressionParameters(
        window_log=window_log, hash_log=6, chain_log=6, write_content_size=False
    )
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = frame.compress(TEXT) + frame.flush()
    if fits:
        assert unpack(body, "zstd", LIMIT, held) == TEXT
    else:
        with pytest.raises(RequestError) as refused:
            unpack(body, "zstd", LIMIT, held)
        assert refused.value.status == 400


def test_encodings_may_stand_in_two_headers() -> None:
    twice = [("Content-Encoding", "gzip")] * 2

    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/reward", content=gzip.compress(TEXT), headers=twice)

    assert ask(talk).status_code == 415
