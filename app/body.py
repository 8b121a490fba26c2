"""A request's body: read within its limits, and parsed straight from bytes.

JSON from Python clients may contain lone surrogates (`"\\ud800"`), which the parser rejects. They
are policy output like any other, so such a body is parsed again with each replaced by U+FFFD.
"""

import asyncio
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.admission import Ticket
from app.errors import RequestError, invalid_request

_SURROGATES = re.compile(
    rb"(?<!\\)((?:\\\\)*)"  # backslashes that escape each other
    rb"(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F])|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""An escaped surrogate pair (group 2), or a lone surrogate."""

MOST_VALUES = 2**20
"""Most JSON values in a body: several times what the default `max_samples` needs."""
_TOKEN = re.compile(rb'(?s)"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[,\[{]')
"""A string, complete or cut off, or a mark outside strings, each of which begins a value."""
_MARKS = (b",", b"[", b"{")

Model = TypeVar("Model", bound=BaseModel)


async def read_body(
    receive: Receive, headers: Mapping[bytes, bytes], limit: int, seconds: float, ticket: Ticket
) -> bytes:
    """The body as it was sent, with at most `limit` bytes of it in memory.

    Raises:
        RequestError: 413 as soon as the body is known to be larger, 429 if it does not fit now,
            408 if it is not complete after `seconds`, 400 if it was lost.
        ClientDisconnect: the client hung up.
    """
    # The header may have thousands of digits, which `int` would refuse.
    declared = headers.get(b"content-length", b"").lstrip(b"0")
    if declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            body = await _read(receive, limit, ticket)
    except TimeoutError:
        message = f"the body was not whole after {seconds:g} seconds; send smaller batches"
        raise RequestError(408, message) from None
    if not body and b"upgrade" in headers:  # uvicorn takes what follows for the other protocol
        raise RequestError(
            400, "the body was lost to the header Upgrade; have the client speak plain HTTP/1.1"
        )
    return body


async def _read(receive: Receive, limit: int, ticket: Ticket) -> bytes:
    """Reserve what has arrived, not what is announced, so that slow senders keep nobody out."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        ticket.hold(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if len(chunks) > 1 else chunk


def _too_large(limit: int) -> RequestError:
    message = f"the body is larger than {limit} bytes; send smaller batches"
    return RequestError(413, message, reason="body_size")


def parse_body(model: type[Model], body: bytes) -> Model:
    """Validate a JSON body.

    Raises:
        RequestError: 400 if it is not JSON, 413 if it has too many values, 422 if a field is
            missing or wrong.
    """
    _check_values(body)
    try:
        # Some editors and Windows clients write a byte-order mark.
        return model.model_validate(_loaded(body.removeprefix(BOM_UTF8)))
    except ValidationError as error:
        raise invalid_request(error) from None


def _check_values(body: bytes) -> None:
    """Refuse more than `MOST_VALUES` values.

    Parsing blocks the process, and an empty object takes thirty times the memory of its text.
    """
    if len(body) <= MOST_VALUES:
        return
    if sum(_occurrences(body, mark) for mark in _MARKS) <= MOST_VALUES:
        return
    marks = texts = 0
    for token in _TOKEN.finditer(body):
        if token[0] in _MARKS:
            marks += 1
        else:
            texts += 1
        # JSON has at most two strings, a key and a value, to each mark.
        if marks > MOST_VALUES or texts > 2 * MOST_VALUES:
            raise RequestError(
                413,
                f"the body holds more than {MOST_VALUES} values; send smaller batches",
                reason="body_size",
            )


def _occurrences(body: bytes, mark: bytes) -> int:
    """The number of marks, counted up to `MOST_VALUES + 1`.

    `replace` jumps from one to the next; `count` looks at every byte, which takes several times as
    long in text, where they are rare.
    """
    return len(body) - len(body.replace(mark, b"", MOST_VALUES + 1))


def _loaded(body: bytes) -> Any:
    """The parsed JSON. Having pydantic parse and validate in one step takes 1.5 times as long."""
    try:
        return from_json(body)
    except ValueError:
        mended = _SURROGATES.sub(_replaced, body)
    try:
        return from_json(mended)
    except ValueError as error:  # its message has the position, and nothing of the content
        raise RequestError(400, f"the body is not valid JSON in UTF-8: {error}") from None


def _replaced(found: re.Match[bytes]) -> bytes:
    return found[0] if found[2] else found[1] + rb"\ufffd"
