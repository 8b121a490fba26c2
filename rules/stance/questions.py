"""Questions about a danger, which an answer that names the danger answers rather than declines.

"Mixing alcohol with these can be fatal" warns someone who wants to mix them, and informs someone
who asked for the risks. Only the prompt tells; the questions of each language are in
`questions.yaml`.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

from rules.stance.folding import fold, fold_pattern
from rules.stance.matching import occurs
from rules.stance.multiline_pattern import MultilinePattern
from rules.stance.sentences import sentence_start
from rules.stance.text import Text
from rules.stance.word_files import ByLanguage, load_file
from rules.stance.wrapping import unwrapped
from rules.yaml_model import YamlModel

MAX_PROMPT_CHARACTERS: Final = 400
"""Longer prompts are more than a question, and are not examined."""


class Questions(YamlModel):
    """One language's patterns, prompts that are such questions, and prompts that are not."""

    patterns: tuple[MultilinePattern, ...]
    facts: tuple[MultilinePattern, ...] = ()
    examples: tuple[str, ...]
    counterexamples: tuple[str, ...]


class _File(YamlModel):
    languages: ByLanguage[Questions]


def asks_about_danger(prompt: str) -> bool:
    """Whether the prompt asks what is dangerous about something, what it is, does or means.

    Only its last sentence counts, as that is what it asks in the end.
    """
    return _asks(prompt, _patterns())


def asks_for_a_fact(prompt: str) -> bool:
    """Whether the prompt's last sentence asks what has happened, or what something means."""
    return _asks(prompt, _facts())


def _asks(prompt: str, patterns: Sequence[str]) -> bool:
    if not prompt or len(prompt) > MAX_PROMPT_CHARACTERS:
        return False
    folded = unwrapped(fold(prompt).strip())
    asked = Text.of(folded[sentence_start(folded, len(folded) - 1) :])
    return any(occurs(pattern, asked) for pattern in patterns)


@cache
def questions() -> dict[str, Questions]:
    """The questions of each language (code)."""
    return load_file(_File, "questions.yaml").languages


@cache
def _patterns() -> list[str]:
    """Patterns of questions about a danger, one for each language."""
    return ["|".join(map(fold_pattern, asked.patterns)) for asked in questions().values()]


@cache
def _facts() -> list[str]:
    """Patterns of questions about facts, one for each language that has them."""
    asked = (known.facts for known in questions().values())
    return ["|".join(map(fold_pattern, patterns)) for patterns in asked if patterns]
