"""A body: read within its limits; odd JSON, and errors without end."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.admission import Admission
from app.body import MOST_VALUES, parse_body, read_body
from app.errors import MAX_PROBLEMS, RequestError
from app.schema import RewardRequest
from tests.app.serving import LABELS_SAFE, sample


class Holder(BaseModel):
    value: Any


LIMIT, ROOM = 10, 8


def read(*chunks: bytes, headers: Mapping[bytes, bytes] = {}, whole: bool = True) -> bytes:
    """What `read_body` reads of a body sent in `chunks`, after which the client is gone unless it
    is `whole`."""
    last = len(chunks) - 1 if whole else len(chunks)
    sent: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": index != last}
        for index, chunk in enumerate(chunks)
    ]
    messages = iter([*sent, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(messages)

    async def run() -> bytes:
        with Admission(max_bytes=ROOM, max_samples=1).ticket() as ticket:
            return await read_body(receive, headers, LIMIT, 60, ticket)

    return asyncio.run(run())


def test_a_body_is_read_up_to_the_limit() -> None:
    assert read(b"", b"1234", b"5678") == b"12345678"
    assert read(b"12", headers={b"content-length": b"10"}) == b"12"
    assert read(b"12", headers={b"content-length": b"2".zfill(5000)}) == b"12"


@pytest.mark.parametrize(
    ("chunks", "headers", "status"),
    [
        ((), {b"content-length": b"11"}, 413),  # before any of it is read
        ((), {b"content-length": b"9" * 5000}, 413),  # more digits than Python reads
        ((b"1234", b"5678901"), {}, 413),
        ((b"1234", b"56789"), {}, 429),  # as soon as what is held of all bodies has no room
    ],
)
def test_a_body_that_does_not_fit_is_refused_before_the_rest_is_read(
    chunks: tuple[bytes, ...], headers: dict[bytes, bytes], status: int
) -> None:
    with pytest.raises(RequestError) as found:
        read(*chunks, headers=headers, whole=False)
    assert found.value.status == status


def test_a_body_that_was_lost_to_another_protocol_is_refused() -> None:
    with pytest.raises(RequestError) as found:
        read(b"", headers={b"upgrade": b"h2c"})
    assert found.value.status == 400


def test_of_a_client_that_hangs_up_there_is_no_body() -> None:
    with pytest.raises(ClientDisconnect):
        read(b"1234", whole=False)


def refused(body: bytes) -> RequestError:
    with pytest.raises(RequestError) as found:
        parse_body(RewardRequest, body)
    return found.value


@pytest.mark.parametrize(
    ("escaped", "read"),
    [
        (r"\ud800", "\ufffd"),
        (r"\uDFFF.", "\ufffd."),
        (r"\ud83d\ude00 \udc00", "\U0001f600 \ufffd"),
        (r"\ud800\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
        (r"\\ud800 \ud800", r"\ud800 " + "\ufffd"),
        (r"\\\ud800\n", "\\\ufffd\n"),
    ],
)
def test_lone_surrogates_are_replaced_and_nothing_else(escaped: str, read: str) -> None:
    body = f'{{"value": ["{escaped}", {{"{escaped}": NaN}}, {10**30}]}}'.encode()
    text, mapping, number = parse_body(Holder, body).value
    assert text == read
    assert list(mapping) == [read]
    assert number == 10**30


def test_a_byte_order_mark_is_no_part_of_the_json() -> None:
    assert parse_body(Holder, b'\xef\xbb\xbf{"value": 1}').value == 1


def test_what_is_no_json_is_told_by_its_place() -> None:
    said = str(refused(b'{"samples": [],}'))
    assert said == "the body is not valid JSON in UTF-8: trailing comma at line 1 column 16"
    assert "secret" not in str(refused(b'{"samples": secret}'))


@pytest.mark.parametrize("text", ["x", r"\ud800"])
def test_json_that_is_too_deep_is_refused_with_surrogates_and_without(text: str) -> None:
    for depth, fits in ((100, True), (300, False), (100_000, False)):
        body = f'{{"value": "{text}", "samples": {"[" * depth}{"]" * depth}}}'.encode()
        if fits:
            parse_body(Holder, body)
        else:
            assert refused(body).status == 400


@pytest.mark.parametrize("value", ["{}", "[]", "0", '""', '"\\""', "{,", '"\\'])
def test_a_host_of_tiny_values_is_refused_before_it_is_parsed(value: str) -> None:
    body = '{"samples": [' + ",".join([value] * (MOST_VALUES + 1)) + "]}"
    assert refused(body.encode()).status == (413 if value != '"\\' else 400)


@pytest.mark.parametrize("brackets", [0, 100, 100_000])
def test_no_value_too_many_is_taken_however_many_of_them_are_bracketed(brackets: int) -> None:
    # What is counted: the two brackets of the body, those of the items, and a comma between items.
    most = ["{}"] * brackets + ["0"] * (MOST_VALUES - 1 - 2 * brackets)
    for items, fits in ((most, True), ([*most, "0"], False)):
        body = f'{{"value": [{",".join(items)}]}}'.encode()
        if fits:
            assert len(parse_body(Holder, body).value) == len(items)
        else:
            assert refused(body).status == 413


def test_what_parts_values_may_stand_in_a_text_as_often_as_it_likes() -> None:
    text = ',{["\\' * MOST_VALUES
    assert parse_body(Holder, json.dumps({"value": text}).encode()).value == text


def test_a_value_and_its_key_are_two_texts_but_one_value() -> None:
    pairs = ",".join(['"a,b":"c"'] * (MOST_VALUES - 2))
    assert parse_body(Holder, f'{{"value": {{{pairs}}}}}'.encode()).value == {"a,b": "c"}


def test_texts_that_nothing_parts_are_counted_too() -> None:
    assert refused(b'["{"' + b'"{"' * (2 * MOST_VALUES)).status == 413


def test_of_many_wrong_samples_the_first_is_reported() -> None:
    wrong = [sample(), *[{}] * 100_000]
    error = refused(json.dumps({"samples": wrong}).encode())
    named = {problem.field for problem in error.reply.problems}
    assert named == {"samples[1].completion", "samples[1].labels"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            {"samples": [], "detial": "none"},
            "the request: holds a key that is not known; there are profile, run, step, detail, "
            "samples",
        ),
        (
            {"samples": [sample(instruction="May I?")]},
            "samples[0]: holds a key that is not known; there are id, group, completion, prompt, "
            "labels",
        ),
        (
            {"samples": [sample(labels={**LABELS_SAFE, "image_tag": "safe"})]},
            "samples[0].labels: holds a key that is not known; there are visual, text, combined",
        ),
        (
            {"samples": [sample(labels={**LABELS_SAFE, "text": "harmless"})]},
            "samples[0].labels.text: must be 'safe' or 'unsafe'",
        ),
        ({"samples": [], "detail": "all"}, "detail: must be 'components' or 'none'"),
    ],
)
def test_a_refusal_says_what_would_be_right(body: dict[str, Any], says: str) -> None:
    assert refused(json.dumps(body).encode()).reply.error == says


@pytest.mark.parametrize("keys", [MAX_PROBLEMS, 100_000])
def test_many_unknown_keys_are_counted_but_not_listed(keys: int) -> None:
    odd = sample() | {f"key-{number}": 0 for number in range(keys)}
    error = refused(json.dumps({"samples": [odd]}).encode())
    assert error.status == 422
    assert len(error.reply.problems) == (keys if keys <= MAX_PROBLEMS else 1)
    assert "key-" not in error.reply.model_dump_json()
