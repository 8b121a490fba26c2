"""`safegrpo train` as a person runs it: a process of its own, stopped by Ctrl-C and continued."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.train_client.service import Service
from train_client.config.file import load_config
from train_client.policy.policy import Policy
from train_client.report.metrics import COMPLETIONS, METRICS
from train_client.run.outcome import Outcome
from train_client.run.run import run_training

TIMED = ("time/", "tokens_per_second", "reward/tail_time")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def until(happened: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.02)


ALONE = ("app",)
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "app")


@contextmanager
def process(*arguments: str, launcher: tuple[str, ...] = ALONE) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", *launcher, *arguments]
    running = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        # torchrun takes its processes along only if it is asked to end.
        running.kill() if launcher is ALONE else running.terminate()
        running.communicate()


@pytest.fixture
def config(tmp_path: Path, policy: Policy) -> Path:
    """Of a run of six steps on a saved policy and four rows with an image."""
    policy.save(tmp_path / "model")
    Image.new("RGB", (16, 16), "navy").save(tmp_path / "a.png")
    row = {"images": ["a.png"], "image_tag": "safe", "text_tag": "safe", "combine_tag": "safe"}
    rows = [json.dumps({"prompt": f"tell me {n}", **row}) for n in "abcd"]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    path = tmp_path / "run.yaml"
    path.write_text(
        "run: {steps: 6, loggers: []}\n"
        # Bit for bit the same is a promise for the CPU.
        f"policy: {{path: {tmp_path}/model, device: cpu}}\n"
        f"data: {{train: {tmp_path}/rows.jsonl}}\n"
        "rollout: {prompts_per_step: 2, group_size: 4, max_tokens: 8}\n"
        "algorithm: {beta: 0.05}\n"
        "optimizer: {lr: 0.02}\n"
    )
    return path


def results(folder: Path) -> list[dict[str, Any]]:
    """Every number and completion of a run that does not depend on the clock."""
    lines = (folder / METRICS).read_text() + (folder / COMPLETIONS).read_text()
    return [
        {key: value for key, value in json.loads(line).items() if not key.startswith(TIMED)}
        for line in lines.splitlines()
    ]


def test_ctrl_c_saves_the_run_and_resume_continues_it_exactly(
    tmp_path: Path, service: Service, config: Path
) -> None:
    url, bare = f"reward.url={service.url}", "run.plots=false"
    assert run_training(load_config(config, [url, bare, f"run.output={tmp_path}/whole"])).finished
    service.requests.clear()

    slow, pay = itertools.count(), service.reward
    # From the third step on there is time to press the keys.
    service.reward = lambda text: (time.sleep(0.03 * (next(slow) >= 16)), pay(text))[1]
    broken = [url, f"run.output={tmp_path}/broken"]
    with process("train", str(config), *broken) as stopped:
        until(lambda: len(service.requests) >= 3)
        stopped.send_signal(signal.SIGINT)
        _, words = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, words
    assert "Stopped on request." in words
    assert "run.resume=true" in words
    done = len({row["step"] for row in results(tmp_path / "broken")})
    assert 2 <= done < 6
    assert (tmp_path / f"broken/checkpoints/step-{done}").is_dir()
    assert (tmp_path / "broken/plots/reward.png").exists()

    service.reward = pay
    assert run_training(load_config(config, [*broken, bare, "run.resume=true"])).finished
    assert results(tmp_path / "broken") == results(tmp_path / "whole")
    assert any(row.get("loss") for row in results(tmp_path / "whole"))


@pytest.mark.timeout(600)
def test_ctrl_c_under_torchrun_saves_the_run_of_all_processes(
    tmp_path: Path, service: Service, config: Path
) -> None:
    """One process goes on from it here; test_distributed has two go on from two."""
    run = tmp_path / "run"
    changes = [f"reward.url={service.url}", f"run.output={run}", "run.plots=false"]
    slow, pay = itertools.count(), service.reward
    service.reward = lambda text: (time.sleep(0.03 * (next(slow) >= 16)), pay(text))[1]
    with process("train", str(config), *changes, launcher=TORCHRUN) as stopped:
        until(lambda: len(service.requests) >= 5, seconds=300)
        stopped.send_signal(signal.SIGINT)
        _, words = stopped.communicate(timeout=200)
    assert words.count("Stopped on request.") == 1, words
    assert "torchrun … -m app train" in words
    steps = [json.loads(line)["step"] for line in (run / METRICS).read_text().splitlines()]
    assert steps == list(range(1, 1 + len(steps)))
    assert 2 <= len(steps) < 6
    assert (run / f"checkpoints/step-{len(steps)}").is_dir()

    service.reward = pay
    assert run_training(load_config(config, [*changes, "run.resume=true"])).finished
    lines = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 7))
    assert {line["scored_completions"] for line in lines} == {8}


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False


def scored(url: str) -> float:
    """Completions that this process of the service has scored."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next(
        float(line.split()[-1]) for line in lines if line.startswith("safegrpo_reward_count")
    )


def test_the_real_service_may_be_killed_and_started_again_during_a_run(
    tmp_path: Path, config: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    url, metrics = f"http://127.0.0.1:{port}", tmp_path / "run" / METRICS
    serve = ["serve", "--port", port, "--profile", "safegrpo"]
    places = [f"reward.url={url}", f"run.output={tmp_path}/run", "run.plots=false"]
    outcomes: list[Outcome] = []

    def train() -> None:
        outcomes.append(run_training(load_config(config, [*places, "run.steps=30"])))

    training = threading.Thread(target=train)
    with process(*serve):
        until(lambda: ready(url))
        training.start()
        until(lambda: metrics.exists() and len(metrics.read_text().splitlines()) >= 2)
    with process(*serve):
        training.join(timeout=240)
        again = scored(url)
    assert outcomes[0].finished
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 31))
    assert {line["scored_completions"] for line in lines} == {8}
    assert 0 < again < 30 * 8
