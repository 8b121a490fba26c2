"""Compressed bodies (gzip, deflate, zstd), decompressed up to the limit on bodies."""

import io
import zlib
from collections.abc import Callable, Iterator

import zstandard

from app.errors import RequestError

_PIECE = 2**20
_SLICE = 2**10
"""Compressed bytes per step, which expand to about `_PIECE` at most. The decompressor copies all
that follows a gzip member; given the whole body, many tiny members would take hours."""
_WINDOW = 2**27
"""Most memory that a zstd frame may ask for: the default limit of the zstd tools."""


def unpack(body: bytes, encoding: str, limit: int, hold: Callable[[int], None]) -> bytes:
    """The body as it was before its sender compressed it.

    Args:
        body: as received.
        encoding: the header Content-Encoding; empty or `identity` leaves the body unchanged.
        limit: most bytes of the result.
        hold: called with each growth beyond the size as received, before decompressing further.

    Raises:
        RequestError: 413 beyond the limit, 415 for an unknown encoding, 400 for invalid data.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in _PIECES:
        raise RequestError(415, "Content-Encoding must be gzip, deflate, zstd or none")
    unpacked, held = bytearray(), len(body)
    try:
        for piece in _PIECES[name](body):
            if len(unpacked) + len(piece) > limit:
                raise RequestError(
                    413, f"the body is larger than {limit} bytes unpacked; send smaller batches"
                )
            unpacked += piece
            if len(unpacked) > held:
                hold(len(unpacked) - held)
                held = len(unpacked)
    except (zlib.error, zstandard.ZstdError, EOFError):
        raise RequestError(400, f"the body is not valid {name}") from None
    return bytes(unpacked)


def _zlib(body: bytes) -> Iterator[bytes]:
    """Unpack gzip members or a zlib stream; `EOFError` if the last one is incomplete."""
    stream = None
    for start in range(0, len(body), _SLICE):
        packed = body[start : start + _SLICE]
        while packed:
            stream = stream or zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
            yield stream.decompress(packed)
            packed = stream.unused_data
            if stream.eof:
                stream = None
    if stream is not None:
        raise EOFError


def _zstd(body: bytes) -> Iterator[bytes]:
    """Unpack zstd frames; `EOFError` if there is less than the first one announces."""
    unpacked, announced = 0, zstandard.frame_content_size(body)  # -1 where it says nothing
    unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    with unpacker.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
        while piece := reader.read(_PIECE):
            unpacked += len(piece)
            yield piece
    if unpacked < announced:
        raise EOFError


_PIECES: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": _zlib,
    "x-gzip": _zlib,
    "deflate": _zlib,
    "zstd": _zstd,
}
