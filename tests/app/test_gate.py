"""What every request passes, whatever it asks for."""

import asyncio
import gzip
import json
import logging
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import Message

from app.body import parse_body
from app.logs import JsonFormatter
from app.scoring import Scoring
from app.server import create_app
from app.settings import Settings
from rules.reward import Scorer
from tests.app.local import SCORING, ask, post, sent
from tests.app.serving import sample

SECRET = "do-not-echo-me"
BODY = json.dumps({"samples": [sample()]}).encode()


def test_a_key_is_asked_for_before_anything_else() -> None:
    async def talk(client: httpx.AsyncClient) -> list[int]:
        key = {"Authorization": "Bearer one"}
        return [
            (await client.post("/reward", content=b"{", headers={})).status_code,
            (await client.post("/reward", content=BODY, headers=key)).status_code,
            (await client.get("/profiles")).status_code,
            (await client.get("/metrics", headers=key)).status_code,
            (await client.get("/metrics", headers={"X-API-Key": "two"})).status_code,
            (await client.get("/healthz")).status_code,
        ]

    settings = {"api_keys": "one, three", "metrics_key": "two"}
    assert ask(talk, **settings) == [401, 200, 401, 401, 200, 200]


def test_a_newline_behind_an_address_opens_nothing_and_echoes_nothing() -> None:
    """Routes that end with `$` match before it, but keys and protocols are known by whole paths."""

    async def talk(client: httpx.AsyncClient) -> list[httpx.Response]:
        unlabelled = {"samples": [{"completion": "secret"}]}
        return [await client.get("/metrics%0A"), await client.post("/reward%0A", json=unlabelled)]

    for reply in ask(talk, metrics_key="two"):
        assert reply.status_code == 404
        assert reply.json()["problems"] == []
        assert "secret" not in reply.text


def test_compressed_bodies_are_read() -> None:
    reply = post(gzip.compress(BODY), {"Content-Encoding": "gzip"})
    assert reply.json()["rewards"] == [1.0]


def test_a_compressed_body_as_large_as_the_queue_fits_in_it() -> None:
    text = random.Random(0).randbytes(1200).hex()
    body = json.dumps({"samples": [sample(text)]}).encode()
    packed = gzip.compress(body)
    assert len(packed) > 1024
    limits = {"max_body_bytes": len(body), "queue_bytes": len(body)}
    assert post(packed, {"Content-Encoding": "gzip"}, **limits).status_code == 200


def test_a_bomb_is_413() -> None:
    bomb = gzip.compress(b" " * 2**24)
    reply = post(bomb, {"Content-Encoding": "gzip"}, max_body_bytes=2**20)
    assert reply.status_code == 413


def test_a_body_that_does_not_arrive_is_408() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield BODY[:10]
        await asyncio.sleep(60)

    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/reward", content=slowly())

    reply = ask(talk, body_seconds=0.05)
    assert reply.status_code == 408
    assert "close" in reply.headers["connection"]


def test_what_is_not_scored_by_the_deadline_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    examine = Scorer.examine

    def slow(self: Scorer, completion: str, prompt: str = "") -> Any:
        if completion == "slow":
            time.sleep(1.1)
        return examine(self, completion, prompt)

    monkeypatch.setattr(Scorer, "examine", slow)
    batch = {"samples": [sample(), sample("slow"), sample()]}
    reply = post(batch, deadline_seconds=1).json()
    assert reply["rewards"] == [1.0, 0.0, None]
    assert reply["results"][2]["status"] == "service_error"


def test_what_has_begun_and_is_not_scored_at_all_by_the_deadline_is_503(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def slow(model: Any, body: bytes) -> Any:
        time.sleep(0.6)
        return parse_body(model, body)

    monkeypatch.setattr("app.service.parse_body", slow)
    reply = post(BODY, deadline_seconds=0.5)
    assert reply.status_code == 503
    assert "in time" in reply.json()["error"]
    assert reply.headers["retry-after"]
    assert [event["reason"] for event in events(caplog)] == ["deadline"]


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What the log says of requests."""
    return [record.event for record in caplog.records if hasattr(record, "event")]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """The lines as they are written, the fields of the records' events among them."""
    return "\n".join(map(JsonFormatter().format, caplog.records))


def failing(monkeypatch: pytest.MonkeyPatch, on: str) -> None:
    examine = Scorer.examine

    def broken(self: Scorer, completion: str, prompt: str = "") -> Any:
        if on in completion:
            raise RuntimeError(completion)
        return examine(self, completion, prompt)

    monkeypatch.setattr(Scorer, "examine", broken)


def test_our_failure_on_a_sample_is_null_for_it_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, SECRET)
    reply = post({"samples": [sample(), sample(SECRET)]})
    assert reply.json()["rewards"] == [1.0, None]
    assert post({"samples": [sample(SECRET)]}).status_code == 503
    lines = logged(caplog)
    assert "a sample could not be scored" in lines
    assert SECRET not in reply.text + lines


def test_our_failure_on_a_request_is_503_and_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError(SECRET)

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(Scoring, "scorer", broken)
    reply = post(BODY)
    assert reply.status_code == 503
    assert reply.headers["retry-after"]
    assert reply.headers["x-request-id"]
    assert SECRET not in reply.text + logged(caplog)
    assert any(getattr(record, "event", {}).get("error") for record in caplog.records)


def test_what_is_cut_off_when_the_service_ends_is_503() -> None:
    async def never() -> AsyncIterator[bytes]:
        yield BODY[:10]
        await asyncio.sleep(60)

    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        asking = asyncio.create_task(client.post("/reward", content=never()))
        await asyncio.sleep(0.1)
        asking.cancel()  # as the server does with what has not ended within `grace_seconds`
        return await asking

    reply = ask(talk)
    assert reply.status_code == 503
    assert reply.headers["retry-after"]


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/reward", {"reason": "invalid", "route": "/reward", "status": 422}),
        (f"/{SECRET}", {"status": 404}),
    ],
)
def test_a_refusal_is_logged_with_its_reason_and_nothing_that_was_sent(
    path: str, known: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "safegrpo")
    body = {"samples": [{"completion": SECRET, "labels": {"visual": SECRET}}]}

    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(f"{path}?{SECRET}", json=body)

    reply = ask(talk, log_requests=True)
    assert SECRET not in reply.text + logged(caplog)
    (event,) = events(caplog)
    assert {name: event.get(name) for name in ("reason", "route", "status")} == {
        "reason": None,
        "route": None,
        **known,
    }


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (BODY[:-1], {}, "json"),
        (BODY, {"X-API-Key": "two"}, "unauthorized"),
        (BODY.ljust(1025), {}, "body_size"),
        (json.dumps({"samples": [sample("x")] * 3}).encode(), {}, "size"),
        (BODY, {"Content-Encoding": "br"}, "encoding"),
        (b"{}", {}, "invalid"),
    ],
)
def test_why_there_are_no_rewards_is_a_word_for_the_statistics(
    body: bytes, headers: dict[str, str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    limits = {"max_body_bytes": 1024, "max_samples": 2}
    post(body, {"X-API-Key": "one", **headers}, api_keys="one", **limits)
    assert [event["reason"] for event in events(caplog)] == [reason]


@pytest.mark.parametrize("log_requests", [True, False])
def test_a_request_that_got_its_rewards_is_logged_where_that_is_switched_on(
    log_requests: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    post(BODY, {"X-Request-Id": "trainer-7/3"}, log_requests=log_requests)
    logged_events = events(caplog)
    assert len(logged_events) == log_requests
    for event in logged_events:
        assert event.pop("milliseconds") >= event.pop("queue_milliseconds") >= 0
        assert event == {
            "request_id": "trainer-7/3",
            "method": "POST",
            "route": "/reward",
            "status": 200,
            "protocol": "reward",
            "profile": "safegrpo",
            "samples": 1,
            "bytes": len(BODY),
        }


def test_a_client_that_hangs_up_gets_nothing_and_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    app = create_app(Settings(log_requests=True), SCORING)
    assert asyncio.run(sent(app, BODY[:10], hangs_up=True, more_body=True)) == []
    (record,) = [record for record in caplog.records if hasattr(record, "event")]
    assert (record.levelname, record.event["status"]) == ("INFO", 499)


def test_a_hang_up_is_no_refusal_where_the_framework_answers_either(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its handler of unexpected errors sees it first."""
    caplog.set_level(logging.INFO)
    app = create_app(Settings(log_requests=True), SCORING)
    where: dict[str, Any] = {"path": "/aggregate_metrics", "query_string": b""}
    asyncio.run(sent(app, b"{", hangs_up=True, more_body=True, **where))
    (record,) = [record for record in caplog.records if hasattr(record, "event")]
    assert (record.levelname, record.event["status"]) == ("INFO", 499)
    assert "reason" not in record.event


@pytest.mark.parametrize("breaks_off", [False, True], ids=["answered", "breaks off"])
def test_a_request_is_in_flight_until_it_has_its_reply(breaks_off: bool) -> None:
    async def run() -> list[int]:
        app = create_app(Settings(), SCORING)
        in_flight = [app._service.in_flight]

        async def send(message: Message) -> None:
            in_flight.append(app._service.in_flight)
            if breaks_off:
                raise OSError

        await sent(app, BODY, send=send)
        return [*in_flight, app._service.in_flight]

    before, *during, after = asyncio.run(run())
    assert (before, set(during), after) == (0, {1}, 0)


def test_a_reply_that_breaks_off_is_not_begun_again() -> None:
    begun = []

    async def send(message: Message) -> None:
        begun.append(message["type"])
        if message["type"] == "http.response.body":
            raise OSError

    app = create_app(Settings(), SCORING)
    asyncio.run(sent(app, BODY, send=send))
    assert begun == ["http.response.start", "http.response.body"]


def test_probes_of_a_draining_service_are_no_errors(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(client: httpx.AsyncClient) -> tuple[httpx.Response, str]:
        probed = await client.get("/readyz")  # never ready, since never started
        return probed, (await client.get("/metrics")).text

    probed, page = ask(talk)
    assert probed.status_code == 503
    assert probed.headers["connection"] == "close"  # so that the client asks another one next
    assert 'reason="draining"' not in page
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
