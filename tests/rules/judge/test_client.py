"""The judge's client against a real HTTP server: it asks, bounds, retries and never guesses."""

import asyncio
import time
from email.utils import formatdate
from typing import Any

import pytest

from rules.judge import JudgeError, Question
from tests.rules.judge.asking import REFUSAL, ask, judge
from tests.rules.judge.endpoint import Reply, chat, serving


def test_it_answers_each_question_in_order() -> None:
    def answer(body: dict[str, Any]) -> Reply:
        asked = body["messages"][0]["content"]
        return chat('{"stance": "%s"}' % ("rebuttal" if "b-answer" in asked else "compliance"))

    with serving(answer) as endpoint:
        assert ask(judge(endpoint.url), "a-answer", "b-answer") == ["compliance", "rebuttal"]
    (path, _, body), _ = endpoint.requests
    assert path == "/v1/chat/completions"
    assert (body["model"], body["temperature"]) == ("m", 0)


def test_equal_questions_are_asked_once_and_remembered() -> None:
    with serving(lambda body: REFUSAL) as endpoint:
        subject = judge(endpoint.url)

        async def run() -> None:
            for _ in range(3):
                assert await subject.ask([Question("p", "a")] * 4) == ["refusal"] * 4
            await subject.close()

        asyncio.run(run())
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("cache", "asked", "requests"),
    [(2, "aba", 2), (2, "abca", 4), (2, "abaca", 3), (1, "aba", 3), (0, "aa", 2)],
)
def test_as_many_answers_are_remembered_as_the_profile_says_and_those_asked_for_last(
    cache: int, asked: str, requests: int
) -> None:
    with serving(lambda body: REFUSAL) as endpoint:
        subject = judge(endpoint.url, cache=cache)

        async def run() -> None:
            for answer in asked:
                await subject.ask([Question("p", answer)])
            await subject.close()

        asyncio.run(run())
    assert len(endpoint.requests) == requests


def test_an_answer_to_another_question_is_another_answer() -> None:
    with serving(lambda body: REFUSAL) as endpoint:
        subject = judge(endpoint.url)

        async def run() -> None:
            for prompt, answer in (("ab", "c"), ("a", "bc"), ("b", "c")):
                await subject.ask([Question(prompt, answer)])
            await subject.close()

        asyncio.run(run())
    assert len(endpoint.requests) == 3


def test_no_more_are_in_flight_than_allowed() -> None:
    def slow(body: dict[str, Any]) -> Reply:
        time.sleep(0.02)
        return REFUSAL

    with serving(slow) as endpoint:
        ask(judge(endpoint.url, concurrency=3), *(f"answer {n}" for n in range(20)))
    assert len(endpoint.requests) == 20
    assert 1 < endpoint.most_at_once <= 3


@pytest.mark.parametrize(
    "failure",
    [
        *((status, {}) for status in (408, 425, 429, 500, 502, 503, 504)),
        (200, "no json"),
        chat("no stance"),
    ],
)
def test_a_failed_try_is_retried(failure: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    failures = [failure]
    with serving(lambda body: failures.pop() if failures else REFUSAL) as endpoint:
        assert ask(judge(endpoint.url), "a") == ["refusal"]
    assert len(endpoint.requests) == 2


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is slept between tries, in seconds, without sleeping; chance draws the most."""
    asked, sleep = [], asyncio.sleep

    async def pause(seconds: float) -> None:
        asked.append(seconds)
        await sleep(0)

    monkeypatch.setattr("asyncio.sleep", pause)
    monkeypatch.setattr("random.random", lambda: 1.0)
    return asked


def test_pauses_between_tries_double_by_chance_up_to_ten_seconds(pauses: list[float]) -> None:
    with serving(lambda body: (503, {})) as endpoint:
        ask(judge(endpoint.url, retries=7), "a")
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("asks", "waited"),
    [
        ("3", [3.0, 3.0, 3.0]),
        ("60", [10.0] * 3),
        ("-1", [0.5, 1, 2]),
        ("soon", [0.5, 1, 2]),
        ("Fri, 31 Dec 9999 23:59:59 GMT", [10.0] * 3),
        ("Sun, 06 Nov 1994 08:49:37 GMT", [0.5, 1, 2]),
        ("1 Jan 99999999999 00:00:00 GMT", [0.5, 1, 2]),
    ],
)
def test_a_judge_that_asks_to_be_left_alone_is_for_up_to_ten_seconds(
    asks: str, waited: list[float], pauses: list[float]
) -> None:
    with serving(lambda body: (429, {}), {"Retry-After": asks}) as endpoint:
        ask(judge(endpoint.url, retries=3), "a")
    assert pauses == waited


def test_a_judge_may_name_the_moment_until_which_it_is_to_be_left_alone(
    pauses: list[float],
) -> None:
    headers = {"Retry-After": formatdate(time.time() + 9, usegmt=True)}
    with serving(lambda body: (429, {}), headers) as endpoint:
        ask(judge(endpoint.url), "a")
    (pause,) = pauses
    assert 4 < pause <= 9


@pytest.mark.parametrize(
    ("reply", "tries", "says"),
    [
        ((500, {}), 2, "the judge answered 500"),
        ((401, {}), 1, "the judge answered 401"),
        (chat("gibberish"), 2, "cannot be read"),
        ((200, {"choices": []}), 2, "no reply of an OpenAI-compatible endpoint"),
        ((200, "<html>"), 2, "no JSON"),
        ((200, "[" * 100_000), 2, "no JSON"),
        (chat('{"stance": %s}' % ("[" * 3000)), 2, "no JSON object"),
    ],
)
def test_a_judge_that_fails_is_an_error_never_a_guess(reply: Reply, tries: int, says: str) -> None:
    with serving(lambda body: reply) as endpoint:
        (outcome,) = ask(judge(endpoint.url), "secret answer")
    assert isinstance(outcome, JudgeError)
    assert says in str(outcome)
    assert "secret" not in str(outcome)
    assert len(endpoint.requests) == tries


def test_a_reply_that_is_not_encoded_as_it_says_is_an_error() -> None:
    with serving(lambda body: REFUSAL, {"Content-Encoding": "gzip"}) as endpoint:
        (outcome,) = ask(judge(endpoint.url), "a")
    assert isinstance(outcome, JudgeError)
    assert len(endpoint.requests) == 2


def test_a_judge_that_talks_for_ever_is_an_error() -> None:
    with serving(lambda body: (200, " " * 2**21)) as endpoint:
        (outcome,) = ask(judge(endpoint.url, retries=0), "a")
    assert str(outcome) == "the judge's reply cannot be read: it is too long"


def test_a_judge_that_thinks_may_be_given_more_tokens() -> None:
    with serving(lambda body: REFUSAL) as endpoint:
        ask(judge(endpoint.url), "a")
        ask(judge(endpoint.url, max_tokens=4096), "a")
    assert [body["max_tokens"] for _, _, body in endpoint.requests] == [256, 4096]


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
def test_a_key_that_no_header_carries_is_refused(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", key)
    with pytest.raises(
        JudgeError, match="THE_KEY has characters that no header carries"
    ) as refused:
        judge("http://localhost/v1", api_key_variable="THE_KEY")
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["http://", "http://[::1/v1", "http://judge:80 80/v1", "http://user:password@judge/v1"],
)
def test_an_address_that_nobody_can_have_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        judge(url)


def test_an_error_is_not_remembered() -> None:
    replies = [REFUSAL, (500, {})]
    with serving(lambda body: replies.pop()) as endpoint:
        subject = judge(endpoint.url, retries=0)

        async def run() -> list[Any]:
            first = await subject.ask([Question("p", "a")])
            second = await subject.ask([Question("p", "a")])
            await subject.close()
            return [*first, *second]

        first, second = asyncio.run(run())
    assert isinstance(first, JudgeError)
    assert second == "refusal"


def test_a_judge_that_is_not_there_is_an_error() -> None:
    (outcome,) = ask(judge("http://127.0.0.1:9/v1", retries=0), "a")
    assert isinstance(outcome, JudgeError)
    assert "cannot be reached" in str(outcome)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(JudgeError, match="export MY_KEY"):
        judge("http://127.0.0.1:9/v1", api_key_variable="MY_KEY")
    monkeypatch.setenv("MY_KEY", "k-1\n")
    with serving(lambda body: REFUSAL) as endpoint:
        ask(judge(endpoint.url, api_key_variable="MY_KEY"), "a")
    assert endpoint.requests[0][1]["Authorization"] == "Bearer k-1"
