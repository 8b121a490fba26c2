"""Which keys open which addresses."""

import base64

import pytest

from app.auth import Keys
from app.errors import RequestError


def basic(user_and_password: str) -> bytes:
    return b"Basic " + base64.b64encode(user_and_password.encode())


API = {b"authorization": b"Bearer one"}


@pytest.mark.parametrize(
    "headers",
    [
        {b"authorization": b"Bearer one"},
        {b"authorization": b"bearer  two "},
        {b"x-api-key": b"two"},
        {b"authorization": b"Bearer of-the-gateway", b"x-api-key": b"two"},
        {b"authorization": basic("one")},
        {b"authorization": basic("one:")},
        {b"authorization": basic("trainer:two")},
    ],
)
def test_any_of_the_keys_opens_in_either_header(headers: dict[bytes, bytes]) -> None:
    Keys(["one", "two"]).check("/reward", headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b"Bearer three"},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Basic one"},
        {b"authorization": basic("three:")},
        {b"authorization": basic("")},
        {b"x-api-key": b"one "},
        {b"x-api-key": "ä".encode("latin-1")},
    ],
)
def test_anything_else_is_401(headers: dict[bytes, bytes]) -> None:
    for path in ("/reward", "/profiles", "/metrics", "/nothing"):
        with pytest.raises(RequestError) as refused:
            Keys(["one", "two"]).check(path, headers)
        assert refused.value.status == 401
        assert refused.value.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/docs", "/docs/files/swagger-ui.css", "/openapi.json"]
)
def test_probes_and_documentation_are_open(path: str) -> None:
    Keys(["one"], "statistics").check(path, {})


def test_without_keys_everything_is_open() -> None:
    Keys([]).check("/reward", {})
    Keys([]).check("/metrics", {})


def test_metrics_have_a_key_of_their_own() -> None:
    keys = Keys(["one"], "statistics")
    keys.check("/metrics", {b"x-api-key": b"statistics"})
    for path, headers in (("/metrics", API), ("/reward", {b"x-api-key": b"statistics"})):
        with pytest.raises(RequestError):
            keys.check(path, headers)
    Keys(["one"]).check("/metrics", API)
