"""The training commands. PyTorch is imported only when one of them runs."""

from __future__ import annotations

import logging
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

_LESS_MEMORY = (
    "Lower optimizer.prompts_per_pass or optimizer.completions_per_pass, or set "
    "optimizer.gradient_checkpointing=true; if it was sampling, lower rollout.prompts_per_pass. "
    "Checkpoints are whole: add run.resume=true."
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
    import torch

    from train_client.checkpoint import SaveError
    from train_client.config import ConfigError
    from train_client.config_file import load_config
    from train_client.distributed import is_main, joined, world_size
    from train_client.progress import show_evaluations
    from train_client.reward_client import RewardError
    from train_client.rollout import Diverged
    from train_client.run import run_training
    from train_client.sources import DataError

    console = Console(stderr=True)
    try:
        run = load_config(config, overrides or [])
        with joined(run.policy.device, run.reward.deadline):
            command = "safegrpo train" if world_size() == 1 else "torchrun … -m app train"
            outcome, speaks = run_training(run), is_main()
    except (ConfigError, DataError, RewardError) as error:
        raise _refused(error) from error
    except (SaveError, OSError) as error:
        words = f"{error}\nCheckpoints are whole: once that is mended, add run.resume=true."
        raise _refused(OSError(words), status=3) from error
    except Diverged as error:
        raise _refused(error, status=3) from error
    except torch.OutOfMemoryError as error:
        raise _refused(RuntimeError(f"{error}\n{_LESS_MEMORY}"), status=3) from error
    if not speaks:
        # torchrun ends all when one fails, and the main one has yet to say how to resume.
        raise typer.Exit(0 if outcome.stopped_by else outcome.status)
    show_evaluations(run.run.output, console)
    if outcome.finished:
        policy = run.run.output / "policy"
        console.print(f"Done: {outcome.steps} steps. The policy is in {policy}.", soft_wrap=True)
        return
    given = [o for o in overrides or [] if not o.startswith("run.resume=")]
    again = shlex.join([str(config), *given, "run.resume=true"])
    words = (
        f"{outcome.reason}\nStopped after step {outcome.steps}. Resume with:\n  {command} {again}"
    )
    console.print(words, soft_wrap=True, markup=False, highlight=False)
    raise typer.Exit(outcome.status)


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
    """Train a small policy on the drawn world by the rewards of the service: before and after."""
    _begin()
    from train_client.demo import demo as run_demo

    run_demo(steps=steps, seed=seed, output=output, resume=resume, service_url=service)


def plot(
    runs: Annotated[list[Path], typer.Argument(help="folders of runs")],
    output: Annotated[Path, typer.Option(help="the picture")] = Path("runs.png"),
) -> None:
    """Compare runs in one picture: rewards, verdicts, refusals, KL, length, speed."""
    _begin()
    from train_client.compare import compare_runs
    from train_client.config import ConfigError

    console = Console(stderr=True)
    try:
        console.print(f"Drawn: {compare_runs(runs, output)}", soft_wrap=True)
    except ConfigError as error:
        raise _refused(error) from error


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
    """Show a policy's thinking and answer to one prompt, and how the reward service reads it."""
    _begin()
    from train_client.config import ConfigError, PolicyConfig
    from train_client.generate import findings, parse_labels, reward_table
    from train_client.generate import generate as answer_one
    from train_client.reward_client import RewardError
    from train_client.sampling import Sampling

    console = Console()
    try:
        truth = parse_labels(labels)
        reply = answer_one(
            PolicyConfig(path=model, dtype=dtype),
            prompt,
            image or [],
            Sampling(max_tokens=max_tokens, temperature=temperature),
            url=url,
            profile=profile,
            api_key_env=api_key_env,
            labels=truth,
            append_instruction=instruction,
            seed=seed,
        )
    except (ConfigError, RewardError) as error:
        raise _refused(error) from error
    console.print(reply.text, markup=False, highlight=False, soft_wrap=True)
    if not reply.finished:
        console.print(f"(cut at {max_tokens} tokens)")
    if reply.result is not None:
        console.print()
        for line in findings(reply.result):
            console.print(line, markup=False, highlight=False)
        if truth is not None:
            console.print(reward_table(reply.result))


def _refused(error: Exception, status: int = 2) -> typer.Exit:
    """Say why a command cannot run; its text may hold brackets, which are no markup."""
    words = f"[red]Error:[/red] {escape(str(error))}"
    Console(stderr=True).print(words, highlight=False, soft_wrap=True)
    return typer.Exit(status)


def _begin() -> None:
    """What every training command does first: is all installed? Then log to the console."""
    missing = [package for package in ("torch", "transformers") if find_spec(package) is None]
    if missing:
        raise _refused(
            ModuleNotFoundError(
                f"{' and '.join(missing)} not found; the training commands want more than the "
                "service: pip install '.[train]' in the folder of this repository."
            )
        )
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False)],
    )
