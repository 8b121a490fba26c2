"""The configurations in a run's folder: that of its beginning, and those of later resumes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from train_client.config import TrainConfig

log = logging.getLogger(__name__)

FIRST = "config.yaml"
_LATER = "config-from-step-"


def save_config(config: TrainConfig, resumed: int | None) -> None:
    """Write the configuration of a run that begins, or that goes on from step `resumed`.

    A resumed run gets another file, and only if something changed. Warns of changes that decide
    what is computed.
    """
    folder = config.run.output
    if resumed is None:
        config.save(folder / FIRST)
        return
    for file in [file for file in _later(folder) if _step(file) > resumed]:
        # Of steps that are done again.
        file.unlink()
    saved = [file for file in (folder / FIRST, *_later(folder)) if file.exists()]
    if not saved:
        config.save(folder / FIRST)
        return
    before = yaml.safe_load(saved[-1].read_text())
    found = _differences(before, config.model_dump(mode="json"))
    changed = [change for change in found if not change.startswith("run.resume:")]
    if changed:
        config.save(folder / f"{_LATER}{resumed}.yaml")
    # What it shows may change; what it draws by may not unnoticed, nor what its schedule ends with.
    decisive = ["run.seed:"] + ["run.steps:"] * (config.optimizer.schedule != "constant")
    told = [c for c in changed if not c.startswith("run.") or c.startswith(tuple(decisive))]
    if told:
        log.warning("The run goes on with other settings than it had: %s", "; ".join(told))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], at: str = "") -> list[str]:
    """`section.key: old -> new` of two configurations as they are saved; what one lacks is None."""
    found = []
    for key in {**before, **now}:
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{at}{key}.")
        elif old != new:
            found.append(f"{at}{key}: {old} -> {new}")
    return found


def _later(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_LATER}*.yaml"), key=_step)


def _step(file: Path) -> int:
    return int(file.stem.removeprefix(_LATER))
