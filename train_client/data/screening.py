"""Leaves out prompts that the policy's processor refuses, or that are too long."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from train_client.config.sections import DataConfig
from train_client.data.examples import Example
from train_client.data.prompts import Prompts, prompt_lengths
from train_client.data.sources import DataError

log = logging.getLogger(__name__)

Encode = Callable[[Sequence[Example]], Prompts]


@dataclass(frozen=True)
class Screened:
    examples: list[Example]
    prompts: Prompts | None
    """Encoded, if no example was left out."""
    refused: list[str]
    """A sentence for each prompt that the processor refuses, or whose image is gone."""
    too_long: list[str]
    """A sentence for each prompt over `data.max_prompt_tokens`."""

    @property
    def problems(self) -> list[str]:
        return self.refused + self.too_long


def screened(encode: Encode, examples: Sequence[Example], config: DataConfig) -> Screened:
    """Encode the prompts, leaving out those that cannot be used.

    Raises DataError for a prompt that the processor refuses or whose image is gone, unless
    `data.bad_rows` is `drop`, and for one that is too long if `data.long_prompts` is `error`.
    """
    accepted: list[Example] = list(examples)
    refused: list[str] = []
    try:
        prompts = encode(accepted)
    except Exception:
        # A processor may raise anything, and does not say which prompt is at fault.
        accepted, refused = _one_by_one(encode, examples)
        if refused and config.bad_rows == "error":
            raise DataError(
                f"{refused[0]} Repair the row, or set data.bad_rows=drop to leave it out."
            ) from None
        if not accepted:
            return Screened([], None, refused, [])
        prompts = _together(encode, accepted)
    lengths = list(zip(accepted, prompt_lengths(prompts.inputs), strict=True))
    limit = config.max_prompt_tokens
    too_long = [
        f"The prompt {example.id} has {length} tokens, over {limit}; "
        "raise data.max_prompt_tokens, or set data.max_pixels to shrink the images."
        for example, length in lengths
        if length > limit
    ]
    if too_long and config.long_prompts == "error":
        raise DataError(too_long[0])
    fitting = [example for example, length in lengths if length <= limit]
    complete = prompts if len(fitting) == len(examples) else None
    return Screened(fitting, complete, refused, too_long)


def _together(encode: Encode, accepted: Sequence[Example]) -> Prompts:
    try:
        return encode(accepted)
    except Exception as error:
        raise DataError(
            f"The processor accepts these prompts one by one, but not in one batch: {error}"
        ) from error


def _one_by_one(encode: Encode, examples: Sequence[Example]) -> tuple[list[Example], list[str]]:
    """The examples that can be encoded, and a sentence for each of the others."""
    accepted, refused = [], []
    for example in examples:
        try:
            encode([example])
        except DataError as error:
            refused.append(str(error))
        except Exception as error:
            refused.append(f"The processor refuses the prompt {example.id}: {error}")
        else:
            accepted.append(example)
    return accepted, refused


def screened_rows(
    name: str, encode: Encode, examples: Sequence[Example], config: DataConfig
) -> list[Example]:
    """The examples that can be used, screened one at a time; warns of the others.

    Raises DataError as `screened` does, and if none can be used.
    """
    parts = [screened(encode, [example], config) for example in examples]
    problems = [problem for part in parts for problem in part.problems]
    kept = [example for part in parts for example in part.examples]
    if problems and not kept:
        raise DataError(f"None of the {len(examples)} {name} can be used. {problems[0]}")
    if problems:
        log.warning(
            "%d of %d %s are left out. The first: %s",
            len(problems),
            len(examples),
            name,
            problems[0],
        )
    return kept
