"""Evaluations: scored by the service, invisible to the training, never lost."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText

from tests.train_client import runs
from tests.train_client.runs import steps_done
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.config.sections import RewardConfig
from train_client.config.train_config import TrainConfig
from train_client.data.examples import NO_JUDGEMENT, Example
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics
from train_client.reward.client import RewardClient
from train_client.rollout.sampling import Sampling
from train_client.run.evaluation import CompletedExample, complete, evaluate, score_completions
from train_client.run.interrupt import Stop, Stopped
from train_client.run.outcome import Outcome
from train_client.run.train import Evaluate, Trainer

GREEDY = Sampling(max_tokens=6, temperature=0)


def settings(output: Path, url: str) -> TrainConfig:
    """Of a run of four steps, evaluated every second."""
    config: TrainConfig = runs.settings(
        output,
        url,
        run={"steps": 4, "evaluate_every": 2},
        rollout={"prompts_per_step": 2, "group_size": 2, "max_tokens": 4},
        algorithm={"beta": 0},
        reward={"deadline": 0.5},
    )
    return config


def train(
    config: TrainConfig,
    policy: Policy,
    examples: list[Example],
    evaluation: Evaluate | None,
    rewards: RewardClient,
) -> Outcome:
    return Trainer(config, policy, examples, rewards, evaluate=evaluation).run()


def test_held_out_prompts_are_made_as_those_of_the_training(
    policy: Policy, examples: list[Example], service: Service
) -> None:
    policy.processor.chat_template = "{{ mood }} {{ messages[0]['content'][0]['text'] }}"
    with RewardClient(RewardConfig(url=service.url)) as rewards:
        found = [
            evaluate(
                policy,
                rewards,
                examples[:1],
                GREEDY,
                instruction=instruction,
                template_kwargs={"mood": mood},
            )
            for mood, instruction in (("calm", ""), ("wild", ""), ("calm", "Think."), ("calm", ""))
        ]
    texts = [body["samples"][0]["completion"] for body in service.requests]
    assert texts[0] == texts[3]
    assert len(set(texts)) == 3
    assert found[0] == found[3]


def test_answers_do_not_depend_on_the_batch_they_are_in(
    policy: Policy, examples: list[Example]
) -> None:
    alone = [complete(policy, [example], GREEDY)[0].text for example in examples]
    together = [a.text for a in complete(policy, examples, GREEDY, batch=4)]
    assert together == alone
    assert len(set(together)) > 1


def test_evaluating_means_over_all_answers(
    service: Service,
    policy: Policy,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often it is asked meanwhile whether to stop."""
    monkeypatch.setattr("train_client.run.evaluation.POLL", 0.0)
    texts = [a.text for a in complete(policy, examples, GREEDY)]
    with RewardClient(settings(Path(), service.url).reward) as rewards:
        found = evaluate(policy, rewards, examples, GREEDY)
    asked = [sample for body in service.requests for sample in body["samples"]]
    assert [sample["completion"] for sample in asked] == texts
    for name, told in (("id", "id"), ("prompt", "instruction")):
        assert [sample[name] for sample in asked] == [getattr(e, told) for e in examples]
    expected = sum(service.reward(text) or 0.0 for text in texts) / len(texts)
    assert found["reward"] == pytest.approx(expected)
    assert found["accuracy/combined"] == 1.0
    assert "refusal_on_unsafe" not in found


def test_a_person_can_stop_an_evaluation_while_it_samples(
    service: Service, policy: Policy, examples: list[Example]
) -> None:
    long = Sampling(max_tokens=200)
    with (
        RewardClient(settings(Path(), service.url).reward) as rewards,
        pytest.raises(Stopped),
    ):
        evaluate(policy, rewards, examples, long, stop=lambda: True)
    assert not service.requests


def test_a_person_can_stop_an_evaluation_that_waits_for_the_service(policy: Policy) -> None:
    away = RewardConfig(url="http://127.0.0.1:1", deadline=60)
    completions = [CompletedExample(Example("a", "b", NO_JUDGEMENT), "text", True)]
    started = time.monotonic()
    with RewardClient(away) as rewards, pytest.raises(Stopped):
        score_completions(rewards, completions, stop=lambda: True)
    assert time.monotonic() - started < 30


def test_evaluating_does_not_change_how_training_goes_on(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    twin = copy.deepcopy(policy)

    with RewardClient(settings(tmp_path, service.url).reward) as rewards:
        evaluation = partial(evaluate, twin, rewards, examples, Sampling(max_tokens=6))
        train(settings(tmp_path / "without", service.url), policy, examples, None, rewards)
        train(settings(tmp_path / "with", service.url), twin, examples, evaluation, rewards)
    losses = [
        [line["loss"] for line in read_metrics(tmp_path / name) if "loss" in line]
        for name in ("without", "with")
    ]
    assert losses[0] == losses[1]
    for one, other in zip(policy.model.parameters(), twin.model.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("lost", [0, 2, 4])
def test_an_evaluation_that_finds_no_service_is_done_on_resume(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example], lost: int
) -> None:
    def evaluation(stop: Stop) -> Mapping[str, float]:
        if steps_done(tmp_path) == lost and not away:
            away.append(lost)
            service.faults = [(503, {"Retry-After": "60"})]
        return evaluate(policy, rewards, examples, GREEDY, stop)

    away: list[int] = []
    with RewardClient(settings(tmp_path, service.url).reward) as rewards:
        config = settings(tmp_path, service.url)
        stopped = train(config, policy, examples, evaluation, rewards)
        assert (stopped.finished, stopped.steps) == (False, lost)
        assert "gives no rewards" in stopped.reason
        config.run.resume = True
        assert train(config, policy, examples, evaluation, rewards).finished
    lines = read_metrics(tmp_path)
    assert [line["step"] for line in lines if "eval/reward" in line] == [0, 2, 4]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("metric", "kept"), [("reward", 2), ("-length", 4), ("accuracy", 0)], ids=["up", "down", "tie"]
)
def test_the_best_policy_is_kept_through_a_resume(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    metric: str,
    kept: int,
) -> None:
    found = {
        0: {"reward": 0.1, "length": 9.0, "accuracy": 0.5},
        2: {"reward": 0.8, "length": 7.0, "accuracy": 0.5},
        4: {"reward": 0.3, "length": 2.0, "accuracy": 0.5},
    }
    weights: dict[int, torch.Tensor] = {}

    def evaluation(_: Stop) -> Mapping[str, float]:
        step = steps_done(tmp_path)
        assert step not in weights  # not even at the step from which the run goes on
        weights[step] = policy.model.lm_head.weight.detach().clone()
        return found[step]

    config = settings(tmp_path, service.url)
    config.run.keep_best = metric
    with RewardClient(config.reward) as rewards:
        config.run.steps = 2
        assert train(config, policy, examples, evaluation, rewards).finished
        config.run.steps, config.run.resume = 4, True
        assert train(config, policy, examples, evaluation, rewards).finished
    note = json.loads((tmp_path / "best" / "evaluation.json").read_text())
    assert note == {"step": kept, **found[kept]}
    best = AutoModelForImageTextToText.from_pretrained(tmp_path / "best")
    assert torch.equal(best.lm_head.weight, weights[kept])


def test_what_an_evaluation_lacks_is_told(
    service: Service,
    policy: Policy,
    examples: list[Example],
    caplog: pytest.LogCaptureFixture,
) -> None:
    scores = iter([None, 0.5, None, 0.5])
    service.reward = lambda text: next(scores)
    with RewardClient(RewardConfig(url=service.url)) as rewards:
        found = evaluate(policy, rewards, examples[:4], GREEDY)
    assert found["reward"] == 0.5
    assert "could not score 2 of 4 held-out completions" in caplog.text


def test_what_was_best_by_another_metric_says_nothing_on_resume(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    found = {0: {"reward": 0.9, "format": 0.1}, 2: {"reward": 0.8, "format": 0.2}}
    config = settings(tmp_path, service.url)
    config.run.keep_best, config.run.steps = "reward", 1
    with RewardClient(config.reward) as rewards:
        assert train(config, policy, examples, lambda _: found[0], rewards).finished
        config.run.keep_best, config.run.steps, config.run.resume = "format", 2, True
        assert train(config, policy, examples, lambda _: found[2], rewards).finished
    assert json.loads((tmp_path / "best/evaluation.json").read_text()) == {"step": 2, **found[2]}


def test_a_best_that_cannot_be_found_is_a_sentence(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(tmp_path, service.url)
    config.run.keep_best = "rewrad"
    with RewardClient(config.reward) as rewards:
        with pytest.raises(ConfigError, match=r"set data\.test"):
            train(config, policy, examples, None, rewards)
        with pytest.raises(ConfigError, match=r"rewrad; the evaluation gives reward"):
            train(config, policy, examples, lambda _: {"reward": 1.0}, rewards)


def test_an_evaluation_that_was_not_scored_is_not_the_best_and_stops_nothing(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    found = iter([{"reward": 0.1}, {}, {"length": 3.0}, {"reward": 0.2}])
    config = settings(tmp_path, service.url)
    config.run.steps, config.run.keep_best = 6, "reward"
    with RewardClient(config.reward) as rewards:
        assert train(config, policy, examples, lambda _: next(found), rewards).finished
    assert json.loads((tmp_path / "best/evaluation.json").read_text())["step"] == 6
