"""One prompt, one completion, and the service's view of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.train_client.commands import invoke
from tests.train_client.service import Service
from train_client.cli import generate
from train_client.data.examples import Example
from train_client.policy.policy import Policy
from train_client.run.evaluation import complete


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
        (["--url", "", "--image", "thin.png"], "processor refuses the prompt: absolute aspect"),
        (["--url", "", "--prompt", "<image> or <image>"], "`prompt` has 2 times <image>"),
        (["--url", "", "--temperature", "-1"], "'--temperature'"),
        (["--url", "", "--seed", str(2**64)], "'--seed'"),
        (["--url", "", "--max-tokens", "0"], "'--max-tokens'"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    tmp_path: Path,
    command: list[str],
    more: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("train_client.generate.DEADLINE", 0.2)
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (600, 1)).save("thin.png")
    result = invoke(generate, *command, *more)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


def test_without_a_service_the_completion_is_shown(command: list[str]) -> None:
    result = invoke(generate, *command, "--url", "")
    assert result.exit_code == 0, result.output
    assert result.output.strip()
    assert "stance" not in result.output


def test_the_image_stands_where_the_prompt_says(
    command: list[str], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, ...]] = []

    def answered(policy: Policy, examples: list[Example], *given: Any, **more: Any) -> Any:
        seen.extend(example.texts for example in examples)
        return complete(policy, examples, *given, **more)

    monkeypatch.setattr("train_client.generate.complete", answered)
    result = invoke(generate, *command, "--url", service.url, "--prompt", "is <image> safe")
    assert result.exit_code == 0, result.output
    assert seen == [("is ", " safe")]
    assert service.requests[0]["samples"][0]["prompt"] == "is safe"


def test_the_service_may_want_a_key(
    command: list[str], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [*command, "--url", service.url, "--api-key-env", "A_KEY"]
    refused = invoke(generate, *given)
    assert refused.exit_code == 2
    assert "A_KEY, which is not set" in " ".join(refused.output.split())
    monkeypatch.setenv("A_KEY", "secret")
    assert invoke(generate, *given).exit_code == 0
    assert service.keys == ["Bearer secret"]
