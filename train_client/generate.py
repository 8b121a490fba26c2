"""One prompt to a policy, and what the reward service sees in its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app.schema import Labels, Result, Sample
from train_client.config import ConfigError, PolicyConfig, RewardConfig
from train_client.config_errors import sentences
from train_client.data import NO_JUDGEMENT, Example, make_example
from train_client.evaluation import answer
from train_client.pictures import UNREADABLE, Picture
from train_client.policy import Policy, load_policy
from train_client.prompts import encode_prompts
from train_client.reward_client import RewardClient
from train_client.sampling import Sampling
from train_client.sources import DataError

DEADLINE = 10.0
"""Seconds to wait for an unavailable service: a person is waiting."""


@dataclass(frozen=True)
class Reply:
    text: str
    cut_at: int | None
    """The limit on tokens that ended it; None where the policy did."""
    result: Result | None
    """None without a service."""


def generate(
    policy: PolicyConfig,
    prompt: str,
    images: Sequence[Path],
    sampling: Sampling,
    *,
    url: str = "",
    profile: str = "safegrpo",
    api_key_env: str = "",
    labels: Labels | None = None,
    append_instruction: bool = True,
    seed: int = 0,
) -> Reply:
    """Sample one completion; with a service at `url`, the prompt carries its instruction.

    Raises ConfigError for a policy or an image that cannot be read and for a prompt that the policy
    cannot be given, RewardError when the service cannot be had.
    """
    example = _example(prompt, labels, images)
    loaded = load_policy(policy, reference=False)

    def completed(instruction: str) -> Reply:
        _refuse_what_the_processor_refuses(loaded, example, instruction)
        (found,) = answer(loaded, [example], sampling, instruction=instruction, seed=seed)
        return Reply(found.text, None if found.finished else sampling.max_tokens, None)

    if not url:
        return completed("")
    try:
        service = RewardConfig(url=url, profile=profile, api_key_env=api_key_env, deadline=DEADLINE)
    except ValidationError as error:
        raise ConfigError(
            f"The service cannot be asked: {sentences(error, RewardConfig)}."
        ) from error
    with RewardClient(service) as rewards:
        instruction = rewards.profile().instruction if append_instruction else ""
        reply = completed(instruction)
        sample = Sample(completion=reply.text, prompt=example.instruction, labels=example.labels)
        (result,) = rewards.score([sample])
    return replace(reply, result=result)


def _example(prompt: str, labels: Labels | None, images: Sequence[Path]) -> Example:
    try:
        return make_example("prompt", prompt, labels or NO_JUDGEMENT, tuple(map(_picture, images)))
    except DataError as error:
        raise ConfigError(f"--prompt and --image cannot be used: {error}") from error


def _refuse_what_the_processor_refuses(policy: Policy, example: Example, instruction: str) -> None:
    try:
        encode_prompts(policy.processor, [example], instruction)
    except Exception as error:  # a processor may raise anything
        raise ConfigError(f"The policy's processor refuses the prompt: {error}") from error


def parse_labels(text: str) -> Labels | None:
    """`safe,safe,unsafe` as labels; nothing for nothing. Raises ConfigError for anything else."""
    if not text:
        return None
    values = [value.strip().lower() for value in text.split(",")]
    if len(values) != 3 or not set(values) <= {"safe", "unsafe"}:
        raise ConfigError(
            f"--labels {text!r} must be the visual, text and combined label, such as "
            "safe,safe,unsafe."
        )
    return Labels.model_validate(dict(zip(("visual", "text", "combined"), values, strict=True)))


def show_reply(reply: Reply, console: Console, *, with_reward: bool) -> None:
    """Print the completion and what the service read in it.

    `with_reward`: the reward too, which means something only where true labels were given.
    """
    console.print(reply.text, markup=False, highlight=False, soft_wrap=True)
    if reply.cut_at is not None:
        console.print(f"(cut at {reply.cut_at} tokens)")
    if reply.result is None:
        return
    console.print()
    for line in _findings(reply.result):
        console.print(line, markup=False, highlight=False)
    if with_reward:
        console.print(_reward_table(reply.result))


def _findings(result: Result) -> Iterator[str]:
    """What the service read in the completion, whatever the truth is."""
    for section, verdict in (result.verdicts or {}).items():
        yield f"{section:<8} {verdict or '-'}"
    if result.failure is not None:
        place = f"line {result.failure.line}, column {result.failure.column}"
        yield f"failure  {result.failure.code} at {place}: {result.failure.message}"
    if result.stance is not None:
        yield f"stance   {result.stance.kind}, by the rule {result.stance.rule}"


def _reward_table(result: Result) -> Table:
    shown = "none: the service could not score it" if result.reward is None else result.reward
    table = Table(title=f"reward {shown}", title_justify="left")
    table.add_column("component")
    table.add_column("raw", justify="right")
    table.add_column("contribution", justify="right")
    for name, contribution in result.components.items():
        table.add_row(name, f"{result.raw.get(name)}", f"{contribution}")
    return table


def _picture(path: Path) -> Picture:
    picture = Picture(path)
    try:
        picture.open()
    except UNREADABLE as error:
        raise ConfigError(f"The image {path} cannot be read: {error}.") from error
    return picture
