"""An image that can no longer be read stops a run at its last whole step."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.train_client.ranks import Rule
from tests.train_client.runs import settings, train
from tests.train_client.service import Service
from train_client.data.examples import Example, ExampleWithResponse
from train_client.data.pictures import Picture
from train_client.data.sources import DataError
from train_client.learning.retention import Retention
from train_client.policy.policy import Policy
from train_client.reward.client import RewardClient
from train_client.rollout.rollout import Rollout
from train_client.rollout.sampling import Sampling
from train_client.run.evaluation import evaluate
from train_client.run.train import Trainer
from train_client.saved.checkpoint import load_state


class Removing(Rule):
    """Removes a file as the third step begins."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._times = 0

    def generate(self, *given: Any) -> Rollout:
        self._times += 1
        if self._times == 3:
            self._file.unlink()
        return super().generate(*given)


def test_an_image_that_is_gone_when_it_is_read_again_stops_the_run_at_the_last_whole_step(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    file = tmp_path / "first.png"
    Image.new("RGB", (16, 16)).save(file)
    examples[0] = replace(examples[0], pictures=(Picture(file),))

    config = settings(
        tmp_path,
        service.url,
        run={"save_every": 0},
        data={"shuffle": False},
        algorithm={"beta": 0.0},
        optimizer={"prompts_per_pass": 2},
    )
    outcome = train(config, policy, examples[:4], engine=Removing(file))
    assert (outcome.finished, outcome.steps) == (False, 2)
    assert "can no longer be" in outcome.reason
    assert outcome.checkpoint == tmp_path / "checkpoints/step-2"


def test_a_row_whose_image_is_gone_is_dropped_where_bad_rows_are_and_no_processor_is_blamed(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    caplog: pytest.LogCaptureFixture,
) -> None:
    examples[0] = replace(examples[0], pictures=(Picture(tmp_path / "gone.png"),))
    changes: dict[str, dict[str, Any]] = {"run": {"steps": 1}, "data": {"shuffle": False}}
    with pytest.raises(DataError, match=r"^An image of the row p0 can .* Repair the row, or set"):
        train(settings(tmp_path / "a", service.url, **changes), policy, examples)

    changes["data"]["bad_rows"] = "drop"
    assert train(settings(tmp_path / "b", service.url, **changes), policy, examples).finished
    (told,) = {line for line in caplog.messages if "left out" in line}
    assert told.startswith("An image of the row p0 can no longer be read: ")
    assert told.endswith("Is it gone? The row is left out (data.bad_rows=drop).")


@pytest.mark.parametrize("section", ["evaluation", "retention"])
def test_an_image_of_other_rows_that_is_gone_stops_the_run_at_the_last_whole_step(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example], section: str
) -> None:
    """One of held-out or of general rows, of which no update of the step may have been made."""
    file = tmp_path / "gone.png"
    Image.new("RGB", (16, 16)).save(file)
    row = replace(examples[0], pictures=(Picture(file),))

    config = settings(
        tmp_path,
        service.url,
        run={"save_every": 0, "evaluate_every": 3},
        algorithm={"updates_per_batch": 2},
    )
    with RewardClient(config.reward) as rewards:
        general = Retention(config.retention, policy, [ExampleWithResponse(row, "so")], seed=0)

        evaluated = partial(evaluate, policy, rewards, [row], Sampling(max_tokens=4))

        outcome = Trainer(
            config,
            policy,
            examples,
            rewards,
            engine=Removing(file),
            evaluate=evaluated if section == "evaluation" else None,
            retention=general if section == "retention" else None,
        ).run()
    assert "can no longer be read" in outcome.reason
    reached = 3 if section == "evaluation" else 2
    assert outcome.checkpoint == tmp_path / f"checkpoints/step-{reached}"
    steps = load_state(outcome.checkpoint)["optimizer"]["adam"]["state"][0]["step"]
    assert int(steps) == 2 * reached
