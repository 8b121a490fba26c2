"""Prompts to scored groups: all of a step's are there, each once, and none waits for another."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import train_client.run.train as training
from tests.train_client.ranks import Rule
from tests.train_client.runs import exact, settings, train
from tests.train_client.service import Service
from train_client import distributed
from train_client.config.train_config import TrainConfig
from train_client.data.examples import Example
from train_client.data.feed import PromptFeed
from train_client.data.prompts import Prompts
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics
from train_client.rollout.rollout import Ended, LocalEngine, Rollout


@pytest.mark.parametrize("extra", [0, 8])
def test_groups_of_equal_rewards_are_replaced_where_asked(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example], extra: int
) -> None:
    service.reward = lambda text: float(len(text) % 3 == 0)
    algorithm = {"dynamic_sampling": extra, "beta": 0.0}
    config = settings(tmp_path, service.url, run={"steps": 3}, algorithm=algorithm)
    train(config, policy, examples)
    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").open()]
    groups = [{row["reward"] for row in rows[start : start + 4]} for start in range(0, 48, 4)]
    sampled = [line["scored_completions"] for line in read_metrics(tmp_path)]
    equal = [line["groups/equal_rewards"] for line in read_metrics(tmp_path)]
    assert 0 < max(equal) < 1  # of all that was sampled, dropped or not
    ids = [sample["id"] for request in service.requests for sample in request["samples"]]
    assert len(set(ids)) == len(ids)
    assert {request["step"] for request in service.requests} == {1, 2, 3}
    # What was sampled is learned from with its own prompt.
    assert max(line["sampler_gap"] for line in read_metrics(tmp_path)) < 1e-5
    assert len(rows) == 3 * 16
    if extra:
        assert all(len(group) == 2 for group in groups)
        assert max(sampled) > 16
    else:
        assert any(len(group) == 1 for group in groups)
        assert sampled == [16] * 3


@pytest.mark.parametrize(("equal", "sampled"), [(0, 16), (4, 32)])
def test_no_more_is_sampled_than_fills_the_batch(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    equal: int,
    sampled: int,
) -> None:
    """Of rewards of which the first few are equal."""
    calls = iter(range(1000))
    service.reward = lambda text: float(max(next(calls), equal - 1))
    config = settings(tmp_path, service.url, run={"steps": 1}, algorithm={"dynamic_sampling": 3})
    train(config, policy, examples, engine=Rule())
    assert read_metrics(tmp_path)[0]["scored_completions"] == sampled


def refilled_once(folder: Path, service: Service) -> TrainConfig:
    """One step on the first prompts; what teaches nothing is sampled for once more."""
    algorithm, data = {"dynamic_sampling": 1}, {"shuffle": False}
    return settings(folder, service.url, run={"steps": 1}, algorithm=algorithm, data=data)


def test_what_replaces_a_group_takes_its_place(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """So that the groups that nothing replaced are not all in the last minibatch."""
    calls = iter(range(1000))

    def reward(text: str) -> float:
        call = next(calls)
        return float(call % 2) if call // 4 in (1, 2, 4) else 0.5

    service.reward = reward
    config = refilled_once(tmp_path, service)
    train(config, policy, examples, engine=Rule())
    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").open()]
    assert [row["prompt"] for row in rows[::4]] == ["p4", "p1", "p2", "p3"]


def test_groups_that_could_not_be_replaced_fill_up_the_batch(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """With the same prompts in the same places, since there are no others."""
    service.reward = lambda text: 0.5
    config = refilled_once(tmp_path, service)
    train(config, policy, examples[:4])
    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").open()]
    assert len(rows) == 16
    assert len({row["prompt"] for row in rows}) == 4
    (line,) = read_metrics(tmp_path)
    assert line["scored_completions"] == 32
    assert "time/reference" in line
    asked = [sample["id"] for request in service.requests for sample in request["samples"]]
    assert len(set(asked)) == 32


def test_prompts_are_encoded_once_for_the_update_where_no_group_is_replaced(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded: list[int] = []

    def counting(self: PromptFeed, chosen: list[Example], repeat: int = 1) -> Any:
        encoded.append(len(chosen))
        return encode(self, chosen, repeat)

    encode = PromptFeed.encode
    monkeypatch.setattr(PromptFeed, "encode", counting)
    calls = iter(range(1000))
    service.reward = lambda text: float(next(calls) % 2)
    config = refilled_once(tmp_path, service)
    config.rollout.prompts_per_pass = 2  # so the update cannot reuse the rollout's encoding
    train(config, policy, examples, engine=Rule())
    assert read_metrics(tmp_path)[0]["scored_completions"] == 16
    assert encoded == [4]


def test_prompts_that_are_too_long_are_counted_whenever_they_were_passed_over(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """Two of the seven fit: two are passed over before both were sampled, five more before they
    are sampled again."""
    service.reward = lambda text: 0.5
    config = settings(
        tmp_path,
        service.url,
        run={"steps": 1},
        rollout={"prompts_per_step": 2},
        algorithm={"dynamic_sampling": 1},
        data={"shuffle": False, "max_prompt_tokens": 9},
    )
    train(config, policy, examples)
    (line,) = read_metrics(tmp_path)
    assert line["prompts/too_long"] == 7


def test_the_seed_of_a_run_decides_what_is_sampled(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """And not only the order of the prompts."""
    texts = []
    for place, seed in enumerate((0, 1, 0)):
        run = {"steps": 1, "seed": seed}
        folder = tmp_path / str(place)
        train(
            settings(folder, service.url, run=run, data={"shuffle": False}),
            copy.deepcopy(policy),
            examples,
        )
        rows = [json.loads(line) for line in (folder / "completions.jsonl").open()]
        texts.append([row["completion"] for row in rows])
    assert texts[0] == texts[2] != texts[1]


def test_another_process_samples_the_same_prompts_differently(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or it would teach nothing that the first one does not."""
    texts = []
    for place, rank in enumerate((0, 1, 0)):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        config = settings(tmp_path / str(place), service.url, run={"steps": 1})
        train(config, copy.deepcopy(policy), examples)
        samples = [sample for request in service.requests for sample in request["samples"]]
        texts.append({sample["id"]: sample["completion"] for sample in samples})
        service.requests.clear()
    assert texts[0].keys() == texts[1].keys()
    assert texts[0] == texts[2] != texts[1]


GROUP = 4
"""Completions a prompt in these runs."""


class Counting(Rule):
    """Answers by a rule, not by chance, and tells of some completions before the others."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def generate(self, prompts: Prompts, group: int, *rest: Any) -> Rollout:
        rollout = super().generate(prompts, GROUP)
        if group == 1:
            # The prompts are a group's already, and copies of one are to be answered differently.
            copies = torch.arange(len(rollout.tokens_RT)).view(-1, GROUP, GROUP)
            rollout = _rows(rollout, copies.diagonal(dim1=1, dim2=2).flatten())
        self.rows.append(len(rollout.tokens_RT))
        logprobs = rollout.logprobs_RT.tolist()
        ended = [
            Ended(row, tokens, logprobs[row][: len(tokens)])
            for row, tokens in enumerate(rollout.rows()[: GROUP + 1])
            if rollout.finished_R[row]
        ]
        rest[-1](ended)
        return rollout


def _rows(rollout: Rollout, rows_R: Tensor) -> Rollout:
    return Rollout(**{name: tensor[rows_R] for name, tensor in vars(rollout).items()})


@pytest.mark.parametrize("forks", [True, False])
def test_sampling_a_few_prompts_at_once_samples_the_same_groups(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    twin: Policy,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
    forks: bool,
) -> None:
    monkeypatch.setattr(training, "can_fork", lambda model: forks)
    engines = Counting(), Counting()
    config = settings(tmp_path / "whole", service.url, run={"steps": 2})
    train(config, policy, examples, engine=engines[0])
    config = settings(tmp_path / "parts", service.url, run={"steps": 2})
    config.rollout.prompts_per_pass = 3
    train(config, twin, examples, engine=engines[1])
    assert [engine.rows for engine in engines] == [[16, 16], [12, 4, 12, 4]]
    written = [(tmp_path / name / "completions.jsonl").read_text() for name in ("whole", "parts")]
    assert written[0] == written[1]
    for whole, parts in zip(exact(tmp_path / "whole"), exact(tmp_path / "parts"), strict=True):
        assert parts == pytest.approx(whole, rel=1e-4, abs=1e-6)
    # Of what the service told apart, and not of groups from which nothing can be learned.
    for learner in (policy, twin):
        assert learner.reference is not None
        pairs = zip(learner.model.parameters(), learner.reference.parameters(), strict=True)
        assert not any(torch.equal(now, then) for now, then in pairs)
    for line in read_metrics(tmp_path / "parts"):
        assert line["groups/equal_rewards"] == 0
        assert line["grad_norm"] > 0.1


class Staged(LocalEngine):
    """Tells of the first group, and goes on only when the service has been asked about it."""

    def __init__(self, policy: Policy, service: Service) -> None:
        super().__init__(policy.model, policy.eos_ids, policy.pad_id)
        self._service = service

    def generate(self, *arguments: Any) -> Rollout:
        *plain, listener = arguments
        rollout = super().generate(*plain)
        logprobs = rollout.logprobs_RT.tolist()
        ended = [
            Ended(row, tokens, logprobs[row][: len(tokens)])
            for row, tokens in enumerate(rollout.rows()[:5])
        ]
        listener(ended[:3])
        assert not self._service.requests
        listener(ended[3:])
        deadline = time.monotonic() + 60
        while not self._service.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        return rollout


def test_a_group_is_scored_while_others_are_sampled(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(tmp_path, service.url, run={"steps": 1})
    outcome = train(config, policy, examples, engine=Staged(policy, service))
    assert outcome.finished
    sizes = [len(request["samples"]) for request in service.requests]
    assert sizes == [4, 12]
    ids = [sample["id"] for request in service.requests for sample in request["samples"]]
    assert len(set(ids)) == 16
