"""What a person reads at the end of a run, however it ends."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest
import torch
from typer.testing import CliRunner

import train_client.cli
import train_client.demo
import train_client.run.run
from app.cli import build
from tests.train_client.commands import invoke
from tests.train_client.service import Service
from train_client.cli import demo, train
from train_client.config.errors import ConfigError
from train_client.config.file import load_config
from train_client.config.train_config import TrainConfig
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics
from train_client.reward.errors import RewardError
from train_client.rollout.rollout import Diverged
from train_client.run.outcome import STOPPED, Outcome
from train_client.saved.checkpoint import SaveError
from train_client.world.service import ServiceError

ROW = (
    '{"prompt":"what is it","images":[],"image_tag":"safe","text_tag":"safe","combine_tag":"safe"}'
)


@pytest.fixture
def config(tmp_path: Path, service: Service, policy: Policy) -> Path:
    """A run of two steps over saved files and a running server."""
    policy.save(tmp_path / "model")
    (tmp_path / "rows.jsonl").write_text(f"{ROW}\n" * 3)
    path = tmp_path / "run.yaml"
    path.write_text(
        f"run: {{output: {tmp_path}/run, steps: 2, progress: false}}\n"
        f"policy: {{path: {tmp_path}/model}}\n"
        f"data: {{train: {tmp_path}/rows.jsonl, test: {tmp_path}/rows.jsonl}}\n"
        "rollout: {prompts_per_step: 2, group_size: 2, max_tokens: 5}\n"
        f"reward: {{url: '{service.url}', deadline: 0.5}}\n"
    )
    return path


def test_a_run_from_files_to_the_saved_policy(config: Path, service: Service) -> None:
    result = invoke(train, str(config), "run.steps=3")
    assert result.exit_code == 0, result.output
    assert "Done: 3 steps." in result.output
    folder = config.parent / "run"
    lines = read_metrics(folder)
    assert [line["step"] for line in lines] == [0, 1, 2, 3, 3]
    assert "eval/reward" in lines[0]
    assert "eval/reward" in lines[-1]
    assert (folder / "policy/config.json").exists()
    assert (folder / "config.yaml").exists()
    scored = [s for body in service.requests if body.get("step") for s in body["samples"]]
    assert len(scored) == 3 * 4


def test_an_absent_service_is_a_sentence(config: Path, service: Service) -> None:
    service.faults = [(503, {})] * 100
    result = invoke(train, str(config))
    assert result.exit_code == 2
    assert "gives no rewards within reward.deadline=0.5 s" in result.output


def test_a_wrong_key_is_a_sentence(config: Path) -> None:
    result = invoke(train, str(config), "rollout.tempature=1")
    assert result.exit_code == 2
    assert "did you mean temperature" in result.output


def test_an_error_with_brackets_is_shown_as_it_is(config: Path) -> None:
    result = invoke(train, str(config), "algorithm.loss='[ppo]'")
    assert "(given: '[ppo]')" in result.output


@pytest.mark.parametrize(
    ("reason", "by", "code"),
    [(STOPPED, SIGINT, 130), (STOPPED, SIGTERM, 143), ("The service is away.", 0, 3)],
)
def test_a_stopped_run_says_how_to_resume(
    config: Path, monkeypatch: pytest.MonkeyPatch, reason: str, by: int, code: int
) -> None:
    outcome = Outcome(1, False, reason, None, by)
    monkeypatch.setattr(train_client.run.run, "run_training", lambda config: outcome)
    given = ["run.loggers=[trackio, wandb]", "run.steps=9", "run.resume=false"]
    result = invoke(train, str(config), *given)
    assert result.exit_code == code
    assert reason in result.output
    again = f"safegrpo train {config} 'run.loggers=[trackio, wandb]' run.steps=9 run.resume=true"
    assert again in result.output


def test_too_little_memory_says_which_settings_take_less(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(config: TrainConfig) -> Outcome:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(train_client.run.run, "run_training", fails)
    result = invoke(train, str(config))
    assert result.exit_code == 3
    assert "Tried to allocate 2.00 GiB" in result.output
    settings = load_config(config, [])
    told = re.findall(r"(optimizer|rollout|run)\.([a-z_]+)", result.output)
    assert len(told) == 5
    assert all(hasattr(getattr(settings, section), key) for section, key in told)


def test_a_policy_that_diverges_ends_the_run_and_keeps_the_checkpoints_before(
    config: Path,
) -> None:
    result = invoke(train, str(config), "optimizer.eps=1e-300", "run.save_every=1")
    assert result.exit_code == 3
    assert "it has diverged" in result.output
    assert "Lower optimizer.lr" in result.output
    assert [path.name for path in (config.parent / "run/checkpoints").iterdir()] == ["step-1"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("That folder holds a run."), 2),
        (RewardError("No rewards within 300 s."), 2),
        (ServiceError("Another process listens on the port."), 1),
        (SaveError("The disk is full."), 3),
        (Diverged("The policy has diverged."), 3),
    ],
)
def test_a_demo_that_fails_says_why(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fails(**_: object) -> None:
        raise error

    monkeypatch.setattr(train_client.demo, "demo", fails)
    result = invoke(demo)
    assert result.exit_code == code
    assert f"Error: {error}" in result.output
    assert ("add --resume" in result.output) == isinstance(error, SaveError)


def test_finding_the_commands_imports_no_torch() -> None:
    script = "import sys, train_client.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("command", [["train", "x.yaml"], ["demo"], ["plot", "x"]])
def test_where_only_the_service_is_installed_a_command_says_what_it_wants(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_client.cli, "find_spec", lambda package: None)
    result = CliRunner().invoke(build(), command)
    assert result.exit_code == 2
    assert "pip install '.[train]'" in result.output
