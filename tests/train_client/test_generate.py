"""One prompt, one completion, and the service's view of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.train_client.commands import invoke
from tests.train_client.service import Service
from train_client.cli import generate
from train_client.policy import Policy


@pytest.fixture
def command(tmp_path: Path, policy: Policy) -> list[str]:
    policy.save(tmp_path / "model")
    Image.new("RGB", (16, 16), "navy").save(tmp_path / "a.png")
    given = ["--prompt", "tell me", "--image", f"{tmp_path}/a.png", "--max-tokens", "6"]
    return [f"{tmp_path}/model", *given, "--dtype", "float32"]


def test_with_labels_the_reward_is_shown(command: list[str], service: Service) -> None:
    result = invoke(generate, *command, "--url", service.url, "--labels", "safe,safe,safe")
    assert result.exit_code == 0, result.output
    sent = service.requests[0]["samples"][0]
    assert sent["prompt"] == "tell me"
    assert sent["completion"] in result.output
    assert "stance   compliance" in result.output
    assert f"reward {service.reward(sent['completion'])}" in result.output


def test_without_labels_no_reward_is_made_up(command: list[str], service: Service) -> None:
    result = invoke(generate, *command, "--url", service.url)
    assert result.exit_code == 0, result.output
    assert "combined safe" in result.output
    assert "reward" not in result.output


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--url", "", "--labels", "safe,maybe"], "must be the visual, text and combined label"),
        (["--url", "", "--image", "/no/such.png"], "The image /no/such.png cannot be read"),
        (["--url", "http://127.0.0.1:9", "--labels", ""], "gives no rewards"),
        (["--url", "localhost:9"], "url: must be a URL such as http://127.0.0.1:8700 (given:"),
        (["--url", "", "--temperature", "-1"], "'--temperature'"),
        (["--url", "", "--max-tokens", "0"], "'--max-tokens'"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    command: list[str],
    more: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("train_client.generate.DEADLINE", 0.2)
    result = invoke(generate, *command, *more)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


def test_without_a_service_the_completion_is_shown(command: list[str]) -> None:
    result = invoke(generate, *command, "--url", "")
    assert result.exit_code == 0, result.output
    assert result.output.strip()
    assert "stance" not in result.output
