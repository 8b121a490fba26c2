"""A request's body: read within its limit, and parsed straight from bytes.

JSON from Python clients may hold lone surrogates (`"\\ud800"`), which the fast parser rejects. They
are policy output like any other: such a body is parsed again the slow way, each replaced by U+FFFD.
"""

import json
import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from app.errors import RequestError, invalid_request

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATES = re.compile("[\ud800-\udfff]")

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request, limit: int) -> bytes:
    """The body of `request`, at most `limit` bytes of it in memory.

    Raises:
        RequestError: 413 as soon as the body is known to be larger.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> RequestError:
    return RequestError(413, f"the body is larger than {limit} bytes; send smaller batches")


def parse_body(model: type[Model], body: bytes) -> Model:
    """Validate a JSON body.

    Raises:
        RequestError: 400 if it is no JSON, 422 if a field is missing or wrong.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] != "json_invalid":
            raise invalid_request(error) from None
    if not _SURROGATE_ESCAPE.search(body):
        raise _not_json()
    try:
        return model.model_validate(_whole(json.loads(body)))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise _not_json() from None
    except ValidationError as error:
        raise invalid_request(error) from None


def _not_json() -> RequestError:
    return RequestError(400, "the body is not valid JSON in UTF-8")


def _whole(value: object) -> object:
    """`value` with U+FFFD in the place of each lone surrogate."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value
