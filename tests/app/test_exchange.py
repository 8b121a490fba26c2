"""What is known about a request: its id, its phases, and no longer than it lasts."""

import json
import weakref
from typing import Any

import pytest

from app.exchange import Exchange, exchange_of
from tests.app.local import post
from tests.app.serving import sample

BODY = json.dumps({"samples": [sample()]}).encode()


def test_a_request_id_is_given_back_or_made() -> None:
    assert post(BODY, {"X-Request-Id": "trainer-7/3"}).headers["x-request-id"] == "trainer-7/3"
    made = [post(BODY, headers).headers["x-request-id"] for headers in ({}, {"X-Request-Id": "<"})]
    assert all(len(one) == 24 for one in made)
    assert made[0] != made[1]


@pytest.mark.parametrize(
    ("given", "kept"),
    [(b"7" * 128, True), (b"7" * 129, False), (b"7<", False), (b"<7", False), (b"7\n", False)],
)
def test_a_request_id_is_short_and_plain(given: bytes, kept: bool) -> None:
    exchange = Exchange({"type": "http", "headers": [(b"x-request-id", given)]})
    assert (exchange.id == given) == kept


@pytest.mark.parametrize("samples", [1, 50])
def test_a_reply_says_how_long_each_step_took(samples: int) -> None:
    reply = post({"samples": [sample()] * samples})
    phases = dict(part.split(";dur=") for part in reply.headers["server-timing"].split(", "))
    assert list(phases) == ["queue", "parse", "score", "serialise"]
    assert all(float(took) >= 0 for took in phases.values())
    assert float(phases["score"]) > 0


def test_what_is_known_of_a_request_is_let_go_with_it_and_not_by_the_next_collection() -> None:
    scope: dict[str, Any] = {"type": "http", "method": "GET", "headers": []}
    exchange = weakref.ref(Exchange(scope))
    assert exchange() is exchange_of(scope)
    del scope
    assert exchange() is None
