"""What a run is told before anything is loaded: what its data cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import train_client.run.run
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.config.sections import RolloutConfig
from train_client.config.train_config import TrainConfig, parse_config
from train_client.data.sources import DataError
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics
from train_client.reward.errors import RewardError
from train_client.run.run import rows_at_once, run_training

TAGS = {"image_tag": "safe", "text_tag": "safe", "combine_tag": "safe"}


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    """Of a run on two rows, one without an image, and no policy."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    rows = [{"prompt": "what is it", "images": images, **TAGS} for images in (["a.png"], [])]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return parse_config(
        {
            "run": {"output": str(tmp_path / "run"), "evaluate_every": 5},
            "data": {"train": str(tmp_path / "rows.jsonl")},
            "reward": {"url": "http://127.0.0.1:1", "deadline": 0.1},
        }
    )


@pytest.fixture
def ready(config: TrainConfig, tmp_path: Path, service: Service, policy: Policy) -> TrainConfig:
    """The same with a policy, and a service that answers."""
    policy.save(tmp_path / "model")
    config.policy.path, config.policy.device = str(tmp_path / "model"), "cpu"
    config.reward.url = service.url
    return config


def test_several_processes_want_images_in_all_rows_or_in_none(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_client.run.run, "world_size", lambda: 2)
    with pytest.raises(ConfigError, match=r"1 of 2 rows of data\.train have no image"):
        run_training(config)


def test_settings_of_retention_without_its_rows_are_refused(config: TrainConfig) -> None:
    config.retention.weight = 2
    with pytest.raises(ConfigError, match=r"retention does nothing without retention\.data"):
        run_training(config)


def test_an_evaluation_of_nothing_is_told(
    config: TrainConfig, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RuntimeError, match=r"gives no rewards within reward\.deadline"):
        run_training(config)
    assert "Nothing will be evaluated" in caplog.text


def test_a_used_folder_is_refused_before_anything_is_loaded(config: TrainConfig) -> None:
    (config.run.output / "checkpoints" / "step-4").mkdir(parents=True)
    config.data.train = "no such rows"
    with pytest.raises(ConfigError, match=r"already holds a run of 4 steps.*run\.resume=true"):
        run_training(config)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [((0, 1), (7, 1), "run.seed: 0 -> 7"), ((0, 1), (0, 0), "1 -> 0"), ((0, 0), (0, 1), "0 -> 1")],
    ids=["another seed", "none any more", "none before"],
)
def test_a_run_goes_on_with_no_other_held_out_rows(
    config: TrainConfig, before: tuple[int, int], now: tuple[int, int], told: str
) -> None:
    config.run.seed, config.data.hold_out = before
    (config.run.output / "checkpoints" / "step-4").mkdir(parents=True)
    config.save(config.run.output / "config.yaml")
    config.run.seed, config.data.hold_out = now
    config.run.resume = True
    with pytest.raises(ConfigError, match=rf"other held-out rows \(.*{told}\)"):
        run_training(config)


def test_a_run_goes_on_with_no_other_rows_to_hold_some_out_of(config: TrainConfig) -> None:
    config.data.hold_out, config.data.limit = 1, 2
    (config.run.output / "checkpoints" / "step-4").mkdir(parents=True)
    config.save(config.run.output / "config.yaml")
    config.data.limit, config.run.resume = 0, True
    with pytest.raises(ConfigError, match=r"other held-out rows \(data\.limit: 2 -> 0\)"):
        run_training(config)


def test_a_run_without_a_step_may_begin_anew_with_other_held_out_rows(config: TrainConfig) -> None:
    config.run.output.mkdir()
    config.save(config.run.output / "config.yaml")
    config.data.hold_out, config.run.resume = 1, True
    with pytest.raises(RewardError, match="gives no rewards"):
        run_training(config)


def test_a_best_by_no_metric_is_refused_before_anything_is_loaded(config: TrainConfig) -> None:
    config.run.keep_best = "-rewrad"
    with pytest.raises(ConfigError, match=r"names rewrad; the evaluation gives .*reward, "):
        run_training(config)
    config.run.keep_best = "reward/behavior"  # which components there are is the service's to say
    with pytest.raises(RewardError, match="gives no rewards"):
        run_training(config)


def test_a_warm_up_that_lasts_the_whole_run_is_told(
    config: TrainConfig, caplog: pytest.LogCaptureFixture
) -> None:
    config.run.steps, config.optimizer.minibatches, config.optimizer.warmup_steps = 10, 2, 20
    with pytest.raises(RewardError, match="gives no rewards"):
        run_training(config)
    assert "warmup_steps=20 lasts the whole run, which makes 20 updates" in caplog.text


def test_held_out_rows_are_screened_before_anything_is_trained(
    ready: TrainConfig,
) -> None:
    ready.data.hold_out, ready.data.max_prompt_tokens = 1, 5
    with pytest.raises(DataError, match=r"None of the 1 held-out rows can be used.*over 5"):
        run_training(ready)


@pytest.fixture
def general(ready: TrainConfig, tmp_path: Path) -> TrainConfig:
    """The same with a general row."""
    path = tmp_path / "general.jsonl"
    path.write_text(json.dumps({"prompt": "what is it", "images": [], "response": "a cat"}))
    ready.retention.data = str(path)
    return ready


def test_a_run_is_held_on_its_general_rows(general: TrainConfig) -> None:
    general.run = general.run.model_copy(update={"steps": 2, "loggers": [], "plots": False})
    general.rollout = RolloutConfig(prompts_per_step=2, group_size=2, max_tokens=4)
    general.optimizer.lr = 0.01
    assert run_training(general).finished
    first, second = (row["retention_kl"] for row in read_metrics(general.run.output))
    assert first == pytest.approx(0, abs=1e-5)
    assert second > 1e-4  # of a policy that the first step has changed


def test_general_rows_are_screened_too(general: TrainConfig) -> None:
    general.data.max_prompt_tokens = 2
    with pytest.raises(DataError, match=r"None of the 1 rows of retention\.data can be used"):
        run_training(general)


def test_a_general_response_with_the_placeholder_of_an_image_is_refused_at_the_start(
    general: TrainConfig,
) -> None:
    """No processor would take it with the prompt before it, and that would be known in an update
    only."""
    row = {"prompt": "what is it", "images": [], "response": "see <image>"}
    Path(general.retention.data).write_text(json.dumps(row))
    with pytest.raises(DataError, match="its response has <image>, which stands for an image"):
        run_training(general)


@pytest.mark.parametrize(
    ("prompts", "per_pass", "rows"), [(8, 2, 8), (8, 0, 32), (99, 0, 64), (99, 99, 396)]
)
def test_no_more_held_out_rows_are_answered_at_once_than_are_sampled(
    prompts: int, per_pass: int, rows: int
) -> None:
    options = {"prompts_per_step": prompts, "prompts_per_pass": per_pass, "group_size": 4}
    assert rows_at_once(parse_config({"rollout": options})) == rows
