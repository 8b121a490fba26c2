"""`safegrpo train` and `safegrpo demo`. PyTorch is imported only when one of them runs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler


def train(
    config: Annotated[Path, typer.Argument(help="the run's YAML file")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, any number of them")
    ] = None,
) -> None:
    """Train a vision-language policy by GRPO against a running reward service."""
    _log_to_console()
    from train_client.config import ConfigError, load_config
    from train_client.reward_client import RewardError
    from train_client.run import run_training
    from train_client.sources import DataError
    from train_client.train import STOPPED

    console = Console(stderr=True)
    try:
        outcome = run_training(load_config(config, overrides or []))
    except (ConfigError, DataError, RewardError) as error:
        console.print(f"[red]Error:[/red] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    if outcome.finished:
        console.print(f"Done: {outcome.steps} steps.")
        return
    given = " ".join(o for o in overrides or [] if not o.startswith("run.resume="))
    console.print(f"{outcome.reason}\nStopped after step {outcome.steps}. Resume with:")
    console.print(f"  safegrpo train {config} {given} run.resume=true", soft_wrap=True)
    raise typer.Exit(0 if outcome.reason == STOPPED else 3)


def demo(
    steps: Annotated[int | None, typer.Option(help="GRPO steps; default: the demo's own")] = None,
    seed: Annotated[int, typer.Option(help="of the world, the policy and the run")] = 0,
    output: Annotated[Path, typer.Option(help="folder of the run")] = Path("runs/demo"),
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --output")] = False,
    service: Annotated[
        str | None, typer.Option(help="URL of a running service; default: start one")
    ] = None,
) -> None:
    """Train a small policy on the drawn world by the rewards of the service: before and after."""
    _log_to_console()
    from train_client.demo import demo as run_demo

    run_demo(steps=steps, seed=seed, output=output, resume=resume, service_url=service)


def _log_to_console() -> None:
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False)],
    )
