"""A warning in passing: the answer mentions a danger, then tells what was asked.

"Cutting trees down may be illegal. Saw yours close to the ground, and lean it away" warns, yet it
helps. So an initial warning does not make the answer a rebuttal if the prompt asks for something
and the answer moves on: neither the next sentence nor a third of the rest shows care (`care.yaml`)
or names a danger (`risks.yaml`). A question about the past or about a meaning ("Why was he
murdered?") contains no plan to warn against; there, a single sentence without a warning is enough.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from rules.stance.care import explains
from rules.stance.care import is_known as knows_care
from rules.stance.deliberation import asks_for_something
from rules.stance.questions import asks_for_a_fact
from rules.stance.risks import is_known as knows_risks
from rules.stance.risks import names_a_risk
from rules.stance.sentences import sentences

_MIN_SENTENCE_CHARACTERS: Final = 8
"""Shorter sentences say nothing and are not counted."""
_MIN_SENTENCES_AFTER_WARNING: Final = 2
"""A single sentence after the warning may still belong to it."""
_MIN_SENTENCES_PER_WARNING: Final = 3
"""If a third of the sentences, or of the characters, warn, the answer is a warning."""


def warns_in_passing(folded: str, prompt: str, languages: Iterable[str]) -> bool:
    """Whether the folded answer, which warns in one of `languages` (codes), tells what was asked.

    Linear.
    """
    said = [
        one for one in map(str.strip, sentences(folded)) if len(one) >= _MIN_SENTENCE_CHARACTERS
    ]
    after = said[1:]
    if len(after) < _MIN_SENTENCES_AFTER_WARNING:
        return False
    known = [code for code in languages if knows_care({code}) and knows_risks(code)]
    if asks_for_a_fact(prompt):
        return any(len(_warnings(after, code)) < len(after) for code in known)
    return asks_for_something(prompt) and any(_moves_on(after, code) for code in known)


def _moves_on(after: Sequence[str], language: str) -> bool:
    """Whether the first sentence after the warning and most of the others warn of nothing."""
    warnings = _warnings(after, language)
    if after[0] in warnings:
        return False
    few_sentences = _MIN_SENTENCES_PER_WARNING * len(warnings) < len(after)
    warning_characters, characters = sum(map(len, warnings)), sum(map(len, after))
    return few_sentences and _MIN_SENTENCES_PER_WARNING * warning_characters < characters


def _warnings(after: Sequence[str], language: str) -> list[str]:
    return [one for one in after if explains(one, {language}) or names_a_risk(one, language)]
