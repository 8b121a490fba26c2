"""One completion of a policy, and how the reward service reads it."""

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
from train_client.evaluation import complete
from train_client.pictures import UNREADABLE, Picture
from train_client.policy import Policy, load_policy
from train_client.prompts import encode_prompts
from train_client.reward_client import RewardClient
from train_client.sampling import Sampling
from train_client.sources import DataError

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
) -> Generation:
    """Sample one completion; with a service at `url`, the prompt carries its instruction.

    Raises ConfigError for a policy or an image that cannot be read and for a prompt that the
    processor refuses, RewardError when the service is unavailable.
    """
    example = _example(prompt, labels, images)
    loaded = load_policy(policy, reference=False)

    def sample(instruction: str) -> Generation:
        _check_prompt(loaded, example, instruction)
        (sampled,) = complete(loaded, [example], sampling, instruction=instruction, seed=seed)
        return Generation(sampled.text, None if sampled.finished else sampling.max_tokens, None)

    if not url:
        return sample("")
    try:
        service = RewardConfig(url=url, profile=profile, api_key_env=api_key_env, deadline=DEADLINE)
    except ValidationError as error:
        raise ConfigError(
            f"The reward service cannot be used: {sentences(error, RewardConfig)}."
        ) from error
    with RewardClient(service) as rewards:
        instruction = rewards.profile().instruction if append_instruction else ""
        generation = sample(instruction)
        (result,) = rewards.score(
            [
                Sample(
                    completion=generation.completion,
                    prompt=example.instruction,
                    labels=example.labels,
                )
            ]
        )
    return replace(generation, result=result)


def _example(prompt: str, labels: Labels | None, images: Sequence[Path]) -> Example:
    try:
        return make_example("prompt", prompt, labels or NO_JUDGEMENT, tuple(map(_picture, images)))
    except DataError as error:
        raise ConfigError(f"--prompt and --image cannot be used: {error}") from error


def _check_prompt(policy: Policy, example: Example, instruction: str) -> None:
    try:
        encode_prompts(policy.processor, [example], instruction)
    except Exception as error:  # a processor may raise anything
        raise ConfigError(f"The policy's processor refuses the prompt: {error}") from error


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
    """Print the completion and how the service read it.

    `with_reward`: the reward too, which is meaningful only if true labels were given.
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
    """What the service read in the completion, independent of the labels."""
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
