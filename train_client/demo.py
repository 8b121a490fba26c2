"""`safegrpo demo`: a whole training run on a small drawn world, on a CPU, without downloads.

It starts the reward service, warms up a policy that recognises objects and writes the format but
knows nothing about safety, trains it by GRPO with rewards over HTTP, and evaluates it on held-out
pairs before and after.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from transformers import AutoModelForImageTextToText
from transformers.utils.logging import disable_progress_bar

from train_client.config.errors import ConfigError
from train_client.config.train_config import TrainConfig, parse_config
from train_client.learning.retention import Retention
from train_client.policy.policy import Policy, frozen_copy
from train_client.reward.client import RewardClient
from train_client.run.lock import only_run_in
from train_client.run.outcome import Outcome
from train_client.run.train import Trainer
from train_client.saved.checkpoint import checkpoints, save_folder, step_of
from train_client.saved.config import begun_with, refuse_foreign_config
from train_client.world.cases import Drawn, balanced, draw_cases
from train_client.world.evaluation import HELD_OUT_SEED, WorldEvaluation
from train_client.world.policy import build_processor, freeze_perception
from train_client.world.report import Report, evaluations, table, training_count, write_report
from train_client.world.rules import Rules, load_rules
from train_client.world.service import RewardService, RunningService, ServiceError
from train_client.world.skill import skill_cases
from train_client.world.split import split_pairs
from train_client.world.warmup import WarmupConfig, warm_policy

STEPS = 200
MAX_TOKENS = 72
"""Of a completion; a demonstration has 45 to 55."""

CASES_PER_PAIR = 48
"""Training cases of each (object, instruction) pair."""

GENERAL_CASES = 500
"""Cases to draw the retention examples from."""

WARM = "warm"
"""Folder in a run's output of the warmed-up policy: the start of training, and its reference."""

console = Console()


def demo(
    *,
    steps: int | None,
    seed: int,
    output: Path,
    resume: bool,
    service_url: str | None = None,
    warmup: WarmupConfig | None = None,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """Run or resume the demo; everything is written below `output`.

    Args:
        steps: GRPO steps in all; None: `STEPS`.
        seed: of the training scenes, the policy and the run.
        output: the run's folder.
        resume: whether to continue the run in `output`.
        service_url: the reward service; None: one is started for the run.
        warmup: the supervised warm-up; None: the defaults.
        overrides: section -> key -> value, over the demo's training configuration.

    Raises:
        ConfigError, RewardError: the run cannot begin.
        SaveError, Diverged: it had to stop.
        ServiceError: the service did not start, or counted other rewards than the client.
        typer.Exit: Ctrl-C (status 130), SIGTERM (143) or an unavailable service (3) stopped it.
    """
    started = time.monotonic()
    with only_run_in(output):
        _refuse_other_run(output, seed, resume=resume)
        with _service(service_url, output) as service:
            console.print(f"Reward service: {service}")
            config = demo_config(service.url, steps, seed, output, resume, overrides or {})
            _run(config, service, warmup or WarmupConfig(), started)


def _service(url: str | None, output: Path) -> RewardService | RunningService:
    return RunningService(url) if url else RewardService(output / "service.log")


def _refuse_other_run(output: Path, seed: int, *, resume: bool) -> None:
    """Raise ConfigError if `output` cannot hold this run.

    Without `resume` it must hold no run, and with it a run of the same seed, which determined the
    warmed-up policy. Nor may it hold a config.yaml that no run wrote.
    """
    if not resume and checkpoints(output / "checkpoints"):
        raise ConfigError(
            f"{output} already holds a run. Continue it with --resume, or choose another --output."
        )
    refuse_foreign_config(output)
    first_seed = begun_with(output).get("run", {}).get("seed", seed)
    if resume and first_seed != seed:
        raise ConfigError(
            f"The run in {output} began with --seed {first_seed} and cannot go on with --seed "
            f"{seed}. Resume it with --seed {first_seed}, or choose another --output."
        )


def demo_config(
    url: str,
    steps: int | None,
    seed: int,
    output: Path,
    resume: bool,
    overrides: Mapping[str, Mapping[str, object]],
) -> TrainConfig:
    """The training configuration of the demo; see `demo` for the arguments.

    Raises ConfigError for values that cannot be used, and for the seed of the held-out scenes, some
    of which would be trained on.
    """
    if seed == HELD_OUT_SEED:
        raise ConfigError(
            f"Seed {seed} draws the held-out scenes, some of which would be trained on; choose "
            "another."
        )
    tree: dict[str, dict[str, object]] = {
        "run": {
            "output": str(output),
            "steps": STEPS if steps is None else steps,
            "seed": seed,
            "resume": resume,
            "evaluate_every": 50,
            "save_every": 20,
        },
        "data": {"append_instruction": False, "shuffle": False},  # balanced already
        "rollout": {
            "prompts_per_step": 32,
            "group_size": 8,
            "max_tokens": MAX_TOKENS,
            # So small a policy has a long tail of stray tokens, after each of which the rest of
            # the completion is noise for the update. Rare verdicts remain possible.
            "min_p": 0.02,
        },
        "algorithm": {"beta": 0.2, "old_logprobs": "sampler"},
        "optimizer": {
            "lr": 6e-4,
            "eps": 1e-6,
            "warmup_steps": 40,
            "schedule": "cosine",
            "minibatches": 4,
            "betas": (0.9, 0.99),
        },
        "retention": {"weight": 0.5, "examples": 16, "examples_per_pass": 0},
        "reward": {"url": url, "batch_size": 256},
    }
    for section, values in overrides.items():
        tree.setdefault(section, {}).update(values)
    return parse_config(tree, source="the demo's configuration")


def _run(
    config: TrainConfig,
    service: RewardService | RunningService,
    warmup: WarmupConfig,
    started: float,
) -> None:
    """Warm up, train and report. `started`: time.monotonic() at the start of the demo."""
    disable_progress_bar()  # of saving the warmed-up policy
    rules, output = load_rules(), config.run.output
    policy = _warm_policy(rules, config, warmup)
    with RewardClient(config.reward, run=output.name) as rewards:
        evaluation = WorldEvaluation(policy, rewards, rules, config.rollout.max_tokens)
        resumed_from = _steps_done(output) if config.run.resume else 0
        trainer = _trainer(config, policy, rules, rewards, evaluation)
        outcome = trainer.run()
        if not outcome.finished:
            _say_how_to_resume(outcome, config, service)
            raise typer.Exit(outcome.status)
        measured = evaluations(output)
        report = Report(
            seed=config.run.seed,
            steps=outcome.steps,
            minutes=(time.monotonic() - started) / 60,
            before=measured[0],
            after=measured[-1],
            client=training_count(output, resumed_from) + evaluation.count,
            server=service.count(),
            server_restarts=service.restarts,
            version=rewards.version or "",
        )
    path = write_report(output, report)
    console.print(table(report))
    _compare_counts(report)
    console.print(f"{report.minutes:.1f} minutes. Report: {path}, plots: {output / 'plots'}")


def _trainer(
    config: TrainConfig,
    policy: Policy,
    rules: Rules,
    rewards: RewardClient,
    evaluation: WorldEvaluation,
) -> Trainer:
    training, _ = split_pairs(rules)
    cases = draw_cases(rules, training, CASES_PER_PAIR, seed=config.run.seed)
    return Trainer(
        config,
        policy,
        Drawn(rules, balanced(rules, cases, seed=config.run.seed)),
        rewards,
        evaluate=evaluation,
        retention=retention_of(config, policy, rules),
    )


def retention_of(config: TrainConfig, policy: Policy, rules: Rules) -> Retention:
    """Retention of the general skill: its questions and responses, on scenes that no test has."""
    cases = skill_cases(rules, GENERAL_CASES, seed=f"general/{config.run.seed}")
    return Retention(config.retention, policy, cases, seed=config.run.seed)


def _warm_policy(rules: Rules, config: TrainConfig, warmup: WarmupConfig) -> Policy:
    """The policy after its warm-up, which is done now, or on a resume loaded from the run's folder.

    Raises ConfigError if there is no run to resume, and SaveError if it cannot be saved.
    """
    folder = config.run.output / WARM
    if config.run.resume:
        if not folder.exists():
            raise ConfigError(f"{folder} does not exist, so there is no demo run to resume.")
        model = AutoModelForImageTextToText.from_pretrained(folder).eval()
        # Built again, because loading a saved processor may choose another image library.
        policy = Policy(model, build_processor(rules))
    else:
        policy = warm_policy(rules, warmup, seed=config.run.seed)
        save_folder(folder, policy)
    if config.algorithm.beta > 0:
        policy.reference = frozen_copy(policy.model)
    freeze_perception(policy.model)
    return policy


def _steps_done(output: Path) -> int:
    """Steps of the newest checkpoint; 0 without one."""
    return max(map(step_of, checkpoints(output / "checkpoints")), default=0)


def _say_how_to_resume(
    outcome: Outcome, config: TrainConfig, service: RewardService | RunningService
) -> None:
    console.print(f"{escape(outcome.reason)} Stopped after step {outcome.steps}. Resume with:")
    options = f"--steps {config.run.steps} --seed {config.run.seed} --output {config.run.output}"
    if isinstance(service, RunningService):
        options += f" --service {service.url}"
    console.print(f"  safegrpo demo {options} --resume", soft_wrap=True)


def _compare_counts(report: Report) -> None:
    """Print the counts of client and server; raises ServiceError if they differ."""
    for name, count in (("client's log", report.client), ("server's /metrics", report.server)):
        console.print(f"{name:>18}: {count.completions} completions, mean reward {count.mean:.6f}")
    if report.server_restarts:
        console.print(
            "The service was restarted meanwhile and then counts from zero, so the two are not "
            "compared."
        )
    elif not report.client.agrees(report.server):
        raise ServiceError(
            "The service counted other completions or rewards than the client, or scored for "
            "another client too."
        )
