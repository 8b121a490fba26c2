"""The numbers of metrics.jsonl reach the loggers that a run asks for, and no other is imported."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from train_client.config.errors import ConfigError
from train_client.config.train_config import parse_config
from train_client.report.loggers import open_loggers
from train_client.report.metrics import MetricsWriter


def config(folder: Path, *names: str) -> Any:
    return parse_config({"run": {"output": str(folder), "loggers": list(names)}})


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_is_told_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    calls: list[tuple[str, Any]] = []
    package: Any = ModuleType(name)
    package.init = lambda **options: calls.append(("init", options))
    package.log = lambda values, step: calls.append(("log", (step, values)))
    package.finish = lambda: calls.append(("finish", None))
    monkeypatch.setitem(sys.modules, name, package)
    options = config(tmp_path / "first-run", name)
    writer = MetricsWriter(tmp_path, open_loggers(options, None))
    writer.write(3, {"reward": 0.5})
    writer.close()
    (_, started), *rest = calls
    assert (started["project"], started["name"]) == ("safegrpo", "first-run")
    assert started["config"]["run"]["loggers"] == [name]
    assert rest == [("log", (3, {"reward": 0.5})), ("finish", None)]


def test_a_tracker_that_is_absent_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"run\.loggers names wandb: pip install wandb"):
        open_loggers(config(tmp_path, "wandb"), None)


def test_without_loggers_nothing_is_opened(tmp_path: Path) -> None:
    assert open_loggers(config(tmp_path), None) == []
