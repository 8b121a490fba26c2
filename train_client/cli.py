"""The training commands. PyTorch is imported only when one of them runs."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from train_client.run.outcome import Outcome

_LESS_MEMORY = (
    "Lower optimizer.prompts_per_pass or optimizer.completions_per_pass, or set "
    "optimizer.gradient_checkpointing=true; if it was sampling, lower rollout.prompts_per_pass."
)

_LARGEST_SEED = 2**32 - 1
"""As of `run.seed`."""


def train(
    config: Annotated[Path, typer.Argument(help="the run's YAML file")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, any number of them")
    ] = None,
) -> None:
    """Train a vision-language policy by GRPO against a running reward service."""
    _begin()
    from train_client.config.file import load_config
    from train_client.distributed import is_main, joined, world_size
    from train_client.report.progress import show_evaluations
    from train_client.run.run import run_training

    console = Console(stderr=True)
    settings = overrides or []
    with _errors_as_sentences(resume="run.resume=true"):
        run = load_config(config, settings)
        with joined(run.policy.device, run.reward.deadline):
            command = "safegrpo train" if world_size() == 1 else "torchrun … -m app train"
            reports = is_main()
            outcome = run_training(run)
    if not reports:
        # torchrun ends all when one fails, and the main one has yet to say how to resume.
        raise typer.Exit(0 if outcome.stopped_by else outcome.status)
    show_evaluations(run.run.output, console)
    if not outcome.finished:
        _say_how_to_resume(console, outcome, command, [str(config), *settings])
        raise typer.Exit(outcome.status)
    policy = run.run.output / "policy"
    console.print(f"Done: {outcome.steps} steps. The policy is in {policy}.", soft_wrap=True)


def _say_how_to_resume(
    console: Console, outcome: Outcome, command: str, arguments: list[str]
) -> None:
    kept = [argument for argument in arguments if not argument.startswith("run.resume=")]
    again = shlex.join([*kept, "run.resume=true"])
    message = (
        f"{outcome.reason}\nStopped after step {outcome.steps}. Resume with:\n  {command} {again}"
    )
    console.print(message, soft_wrap=True, markup=False, highlight=False)


def demo(
    steps: Annotated[int | None, typer.Option(help="GRPO steps; default: the demo's own")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=_LARGEST_SEED, help="of the world, the policy and the run")
    ] = 0,
    output: Annotated[Path, typer.Option(help="folder of the run")] = Path("runs/demo"),
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --output")] = False,
    service: Annotated[
        str | None, typer.Option(help="URL of a running service; default: start one")
    ] = None,
) -> None:
    """Train a small policy on a toy world, rewarded by the service; compare before and after."""
    _begin()
    from train_client.demo import demo as run_demo
    from train_client.world.service import ServiceError

    with _errors_as_sentences(resume="--resume"):
        try:
            run_demo(steps=steps, seed=seed, output=output, resume=resume, service_url=service)
        except ServiceError as error:
            raise _failed(str(error), status=1) from error


def plot(
    runs: Annotated[list[Path], typer.Argument(help="folders of runs")],
    output: Annotated[Path, typer.Option(help="the picture")] = Path("runs.png"),
) -> None:
    """Compare runs in one picture: rewards, verdicts, refusals, KL, length, speed."""
    _begin()
    from train_client.config.errors import ConfigError
    from train_client.report.compare import compare_runs

    console = Console(stderr=True)
    try:
        console.print(f"Drawn: {compare_runs(runs, output)}", soft_wrap=True)
    except ConfigError as error:
        raise _failed(str(error)) from error


def generate(
    model: Annotated[str, typer.Argument(help="folder or hub name of a policy")],
    prompt: Annotated[str, typer.Option(help="the user's instruction")],
    image: Annotated[list[Path] | None, typer.Option(help="any number of them")] = None,
    url: Annotated[
        str, typer.Option(help="the reward service; empty: none")
    ] = "http://127.0.0.1:8700",
    profile: Annotated[str, typer.Option(help="reward profile")] = "safegrpo",
    api_key_env: Annotated[
        str, typer.Option(help="variable that holds the service's key; empty: no key")
    ] = "",
    labels: Annotated[
        str, typer.Option(help="visual,text,combined as in safe,safe,unsafe: shows the reward too")
    ] = "",
    instruction: Annotated[bool, typer.Option(help="append the profile's instruction")] = True,
    max_tokens: Annotated[int, typer.Option(min=1, help="longest completion")] = 4096,
    temperature: Annotated[float, typer.Option(min=0, help="0: the likeliest token")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=_LARGEST_SEED, help="of the sampling")] = 0,
    dtype: Annotated[
        Literal["float32", "bfloat16"], typer.Option(help="of the weights")
    ] = "bfloat16",
) -> None:
    """Show a policy's completion of one prompt, and how the reward service reads it."""
    _begin()
    from train_client.config.errors import ConfigError
    from train_client.config.sections import PolicyConfig
    from train_client.generate import generate as sample_completion
    from train_client.generate import parse_labels, read_example, service_at, show
    from train_client.policy.policy import load_policy
    from train_client.reward.errors import RewardError
    from train_client.rollout.sampling import Sampling

    try:
        known_labels = parse_labels(labels)
        example = read_example(prompt, image or [], known_labels)
        reward_service = service_at(url, profile, api_key_env)
        policy = load_policy(PolicyConfig(path=model, dtype=dtype), reference=False)
        sampling = Sampling(max_tokens=max_tokens, temperature=temperature)
        generation = sample_completion(
            policy, example, sampling, reward_service, append_instruction=instruction, seed=seed
        )
    except (ConfigError, RewardError) as error:
        raise _failed(str(error)) from error
    show(generation, Console(), with_reward=known_labels is not None)


@contextmanager
def _errors_as_sentences(*, resume: str) -> Iterator[None]:
    """End the command with a sentence where a run cannot begin (status 2) or go on (status 3).

    `resume` is what continues a run from its newest checkpoint.
    """
    import torch

    from train_client.config.errors import ConfigError
    from train_client.data.sources import DataError
    from train_client.reward.errors import RewardError
    from train_client.rollout.rollout import Diverged
    from train_client.saved.checkpoint import SaveError

    whole = f"Checkpoints are whole: once that is mended, add {resume}."
    try:
        yield
    except (ConfigError, DataError, RewardError) as error:
        raise _failed(str(error)) from error
    except (SaveError, OSError) as error:
        raise _failed(f"{error}\n{whole}", status=3) from error
    except Diverged as error:
        raise _failed(str(error), status=3) from error
    except torch.OutOfMemoryError as error:
        raise _failed(f"{error}\n{_LESS_MEMORY} {whole}", status=3) from error


def _failed(message: str, status: int = 2) -> typer.Exit:
    """Print why a command cannot go on; returns the exit to raise."""
    text = f"[red]Error:[/red] {escape(message)}"  # what is in brackets is no markup
    Console(stderr=True).print(text, highlight=False, soft_wrap=True)
    return typer.Exit(status)


def _begin() -> None:
    """What every training command does first: check that all is installed, and log to the console.

    Raises typer.Exit where a package is missing.
    """
    missing = [package for package in ("torch", "transformers") if find_spec(package) is None]
    if missing:
        raise _failed(
            f"{' and '.join(missing)} not found; the training commands want more than the "
            "service: pip install '.[train]' in the folder of this repository."
        )
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False)],
    )
