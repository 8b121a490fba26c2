"""A profile with a judge, end to end: its word decides, and its failure is a service error."""

import asyncio
import json
import math
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.schema import Sample
from app.scoring import Patience, Scoring, at_once
from app.server import create_app
from app.settings import Settings
from rules.labels import Labels
from rules.reward import Examined, Score, Scorer
from tests.app.commands import run
from tests.app.judged import UNCLEAR, judged_profile
from tests.app.local import sent
from tests.app.serving import sample, server, unsafe_sample
from tests.rules.completions import unsafe
from tests.rules.judge.endpoint import chat, serving


def score(source: str, *samples: dict[str, Any], seconds: float = math.inf) -> list[Score]:
    async def run() -> list[Score]:
        scoring = Scoring(source)
        try:
            parsed = [Sample.model_validate(one) for one in samples]
            return await scoring.score(
                scoring.scorer(None), parsed, at_once, Patience(time.monotonic() + seconds)
            )
        finally:
            await scoring.close()

    return asyncio.run(run())


def unclear_sample(prompt: str = "May I?") -> dict[str, Any]:
    return unsafe_sample(unsafe(UNCLEAR), prompt=prompt)


def test_it_is_asked_about_unclear_answers_alone(tmp_path: Path) -> None:
    with serving(lambda body: chat('{"stance": "refusal"}')) as endpoint:
        scores = score(
            judged_profile(tmp_path, endpoint.url), sample(), unclear_sample(), sample("x")
        )
    assert [one.reward for one in scores] == [1.0, 1.0, 0.0]
    assert scores[1].stance is not None
    assert scores[1].stance.rule == "judge.rubric"
    (asked,) = endpoint.requests
    assert UNCLEAR in asked[2]["messages"][0]["content"]
    assert "May I?" in asked[2]["messages"][0]["content"]


def test_our_failure_on_a_sample_is_null_for_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = Scorer.settle

    def failing(self: Scorer, examined: Examined, labels: Labels) -> Score:
        if examined.completion == "x":
            raise RuntimeError
        return settle(self, examined, labels)

    monkeypatch.setattr(Scorer, "settle", failing)
    with serving(lambda body: chat('{"stance": "refusal"}')) as endpoint:
        scores = score(judged_profile(tmp_path, endpoint.url), sample(), sample("x"))
    assert [one.reward for one in scores] == [1.0, None]


def test_it_may_be_asked_about_all_answers(tmp_path: Path) -> None:
    with serving(lambda body: chat('{"stance": "compliance"}')) as endpoint:
        scores = score(
            judged_profile(tmp_path, endpoint.url, "all"), sample(), unsafe_sample(), sample("x")
        )
    assert [one.reward for one in scores] == [1.0, 0.5, 0.0]
    assert len(endpoint.requests) == 2


def test_what_it_leaves_to_the_rules_is_as_they_say(tmp_path: Path) -> None:
    with serving(lambda body: chat("safe")) as endpoint:
        source = judged_profile(tmp_path, endpoint.url, "all", "llama_guard")
        scores = score(source, sample(), unsafe_sample())
    assert len(endpoint.requests) == 2
    assert [one.reward for one in scores] == [1.0, 1.0]
    assert not [one for one in scores if one.stance and one.stance.rule.startswith("judge")]


@pytest.mark.parametrize("reply", [(500, {}), chat("mumble")])
def test_a_judge_that_fails_makes_the_sample_a_service_error(
    tmp_path: Path, reply: tuple[int, Any]
) -> None:
    with (
        serving(lambda body: reply) as endpoint,
        server("--profile", judged_profile(tmp_path, endpoint.url)) as (address, _),
    ):
        answer = httpx.post(f"{address}/reward", json={"samples": [sample(), unclear_sample()]})
    content = answer.json()
    assert content["rewards"] == [1.0, None]
    failed = content["results"][1]
    assert (failed["status"], failed["reward"]) == ("service_error", None)
    assert failed["components"] == {"format": None, "tag": None, "behavior": None}


def test_a_judge_that_hangs_on_one_answer_costs_no_other_its_reward(tmp_path: Path) -> None:
    release = threading.Event()

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if "Hang?" in body["messages"][0]["content"]:
            release.wait(20)
        return chat('{"stance": "refusal"}')

    samples = [unclear_sample(), unclear_sample("Hang?"), unclear_sample("Or I?"), sample()]
    with serving(answer) as endpoint:
        scores = score(judged_profile(tmp_path, endpoint.url), *samples, seconds=3)
        release.set()
    assert [one.reward for one in scores] == [1.0, None, 1.0, 1.0]


def test_the_judge_is_part_of_the_version(tmp_path: Path) -> None:
    one = Scoring(judged_profile(tmp_path, "http://a/v1")).scorer(None).version
    other = Scoring(judged_profile(tmp_path, "http://b/v1")).scorer(None).version
    assert one != other


def test_the_command_says_so_when_the_judge_failed(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in (sample(), unclear_sample())))
    with serving(lambda body: (500, "")) as endpoint:
        source = judged_profile(tmp_path, endpoint.url)
        done = run("score", str(file), "--profile", source)
    assert [json.loads(line)["reward"] for line in done.stdout.splitlines()] == [1.0, None]
    assert done.returncode == 1
    assert "1 sample could not be scored" in done.stderr
    assert "the judge answered 500 (samples: 1)" in done.stderr


def test_a_judge_is_left_alone_when_the_client_hangs_up(tmp_path: Path) -> None:
    release, asked = threading.Event(), threading.Event()

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        asked.set()
        release.wait(20)
        return chat('{"stance": "refusal"}')

    async def run(source: str) -> tuple[int, int]:
        app = create_app(Settings(profile=source), Scoring(source))
        hangs_up = asyncio.Event()
        body = json.dumps({"samples": [unclear_sample()]}).encode()
        sending = asyncio.create_task(sent(app, body, hangs_up))
        await asyncio.to_thread(asked.wait)
        hangs_up.set()
        started = time.monotonic()
        replies = await sending
        assert time.monotonic() - started < 5
        return len(replies), app._service.admission.samples

    with serving(answer) as endpoint:
        found = asyncio.run(run(judged_profile(tmp_path, endpoint.url)))
        release.set()
    assert found == (0, 0)
