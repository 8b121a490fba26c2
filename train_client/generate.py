"""`safegrpo generate`: one completion of a policy, and how the reward service scores it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app.schema import Labels, Result, Sample
from train_client.config.errors import ConfigError, sentences
from train_client.config.sections import RewardConfig
from train_client.data.examples import NO_JUDGEMENT, Example, make_example
from train_client.data.pictures import UNREADABLE, Picture
from train_client.data.prompts import encode_prompts
from train_client.data.sources import DataError
from train_client.policy.policy import Policy
from train_client.reward.client import RewardClient
from train_client.rollout.sampling import Sampling
from train_client.run.evaluation import complete

DEADLINE = 10.0
"""Seconds to wait for an unavailable service; short, because the command is interactive."""


@dataclass(frozen=True)
class Generation:
    completion: str
    cut_at: int | None
    """The token limit that cut it off; None if the policy ended it."""
    result: Result | None
    """None without a service."""


def generate(
    policy: Policy,
    example: Example,
    sampling: Sampling,
    service: RewardConfig | None,
    *,
    append_instruction: bool = True,
    seed: int = 0,
) -> Generation:
    """Sample one completion, and let the service score it, if there is one.

    `append_instruction`: append the instruction of the service's profile to the prompt. Raises
    ConfigError for a prompt that the processor refuses or a key that cannot be used, and
    RewardError if the service is unavailable.
    """

    def sample(instruction: str) -> Generation:
        _check_prompt(policy, example, instruction)
        (sampled,) = complete(policy, [example], sampling, instruction=instruction, seed=seed)
        return Generation(sampled.text, None if sampled.finished else sampling.max_tokens, None)

    if service is None:
        return sample("")
    with RewardClient(service) as rewards:
        generation = sample(rewards.profile().instruction if append_instruction else "")
        scored = Sample(
            completion=generation.completion, prompt=example.instruction, labels=example.labels
        )
        (result,) = rewards.score([scored])
    return replace(generation, result=result)


def _check_prompt(policy: Policy, example: Example, instruction: str) -> None:
    try:
        encode_prompts(policy.processor, [example], instruction)
    except Exception as error:  # a processor may raise anything
        raise ConfigError(f"The policy's processor refuses the prompt: {error}") from error


def read_example(prompt: str, images: Sequence[Path], labels: Labels | None) -> Example:
    """The prompt as an example; without labels, with some that mean nothing.

    Raises ConfigError if an image cannot be read, or does not fit the prompt.
    """
    try:
        return make_example("prompt", prompt, labels or NO_JUDGEMENT, tuple(map(_picture, images)))
    except DataError as error:
        raise ConfigError(f"--prompt and --image cannot be used: {error}") from error


def _picture(path: Path) -> Picture:
    picture = Picture(path)
    try:
        picture.open()
    except UNREADABLE as error:
        raise ConfigError(f"The image {path} cannot be read: {error}.") from error
    return picture


def service_at(url: str, profile: str, api_key_env: str) -> RewardConfig | None:
    """How to reach the service; None for an empty `url`. Raises ConfigError for unusable values."""
    if not url:
        return None
    try:
        return RewardConfig(url=url, profile=profile, api_key_env=api_key_env, deadline=DEADLINE)
    except ValidationError as error:
        raise ConfigError(
            f"The reward service cannot be used: {sentences(error, RewardConfig)}."
        ) from error


def parse_labels(text: str) -> Labels | None:
    """`safe,safe,unsafe` as labels; None for an empty text. Raises ConfigError for others."""
    if not text:
        return None
    values = [value.strip().lower() for value in text.split(",")]
    if len(values) != 3 or not set(values) <= {"safe", "unsafe"}:
        raise ConfigError(
            f"--labels {text!r} must be the visual, text and combined label, such as "
            "safe,safe,unsafe."
        )
    return Labels.model_validate(dict(zip(("visual", "text", "combined"), values, strict=True)))


def show(generation: Generation, console: Console, *, with_reward: bool) -> None:
    """Print the completion and what the service read in it.

    `with_reward`: the reward too, which means something only if the labels were given.
    """
    console.print(generation.completion, markup=False, highlight=False, soft_wrap=True)
    if generation.cut_at is not None:
        console.print(f"(cut at {generation.cut_at} tokens)")
    if generation.result is None:
        return
    console.print()
    for line in _findings(generation.result):
        console.print(line, markup=False, highlight=False)
    if with_reward:
        console.print(_reward_table(generation.result))


def _findings(result: Result) -> Iterator[str]:
    """What the service read in the completion, independently of the labels; a line each."""
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
