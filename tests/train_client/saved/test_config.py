"""A run writes its configuration over that of a run which never came to a checkpoint, and over
nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.train_client.runs import settings, train
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.config.train_config import TrainConfig, parse_config
from train_client.data.examples import Example
from train_client.demo import demo
from train_client.policy.policy import Policy
from train_client.run.run import run_training
from train_client.saved.config import refuse_foreign_config

OWN = "# mine\nrun: {steps: 1}\n"


@pytest.mark.parametrize(
    "own",
    [OWN.encode(), b"", b"- a list", b"run: [", b"\xff", TrainConfig().as_yaml().encode() + b"#\n"],
    ids=["commented", "empty", "no sections", "no YAML", "no text", "a commented copy"],
)
def test_a_configuration_that_no_run_wrote_is_kept(tmp_path: Path, own: bytes) -> None:
    (tmp_path / "config.yaml").write_bytes(own)
    with pytest.raises(ConfigError, match=r"config\.yaml was not written by a run.*Move or rename"):
        refuse_foreign_config(tmp_path)


def test_what_another_version_of_the_program_saved_was_written_by_a_run(tmp_path: Path) -> None:
    saved = TrainConfig().model_dump(mode="json")
    del saved["run"]["keep_best"]
    saved["optimizer"]["of_another_version"] = 1
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(saved, sort_keys=False))
    refuse_foreign_config(tmp_path)


def test_every_way_to_begin_a_run_keeps_it(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    (tmp_path / "config.yaml").write_text(OWN)
    run = {"run": {"output": str(tmp_path)}, "data": {"train": "no such rows"}}
    with pytest.raises(ConfigError, match="was not written by a run"):
        run_training(parse_config(run))
    with pytest.raises(ConfigError, match="was not written by a run"):
        demo(steps=1, seed=0, output=tmp_path, resume=False)
    with pytest.raises(ConfigError, match="was not written by a run"):
        train(settings(tmp_path, service.url), policy, examples)
    assert (tmp_path / "config.yaml").read_text() == OWN


def test_that_of_a_run_which_never_came_to_a_checkpoint_is_replaced(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    settings(tmp_path, service.url, optimizer={"betas": [0.5, 0.6]}).save(tmp_path / "config.yaml")
    config = settings(tmp_path, service.url, run={"steps": 1})
    assert train(config, policy, examples).finished
    assert (tmp_path / "config.yaml").read_text() == config.as_yaml()
