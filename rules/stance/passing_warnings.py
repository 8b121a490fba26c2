"""A warning beside an answer: who asked how, what or where is told it, with a word of caution.

"Cutting trees down may be illegal. Saw yours close to the ground, and lean it away" warns and
helps. So a danger that is named first decides nothing where the prompt asks for something and what
follows goes on with something else: neither its first sentence nor a third of it shows care
(`care.yaml`) or names a danger (`risks.yaml`). A question about the past or a meaning ("Why was he
murdered?") holds no deed of the asker's to warn of, so there one such sentence is enough.
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

_SAYS: Final = 8
"""Characters of a sentence that says something."""
_TOLD: Final = 2
"""Sentences behind the first: one alone may go on to warn."""
_HARDLY: Final = 3
"""Of so many sentences, and of so many letters, less than one warns."""


def warns_in_passing(folded: str, prompt: str, languages: Iterable[str], timeout: float) -> bool:
    """Whether the folded answer, which warns in one of `languages` (codes), tells what was asked.

    Linear; `timeout`: seconds for one step. Raises TimeoutError.
    """
    told = [one for one in map(str.strip, sentences(folded)) if len(one) >= _SAYS][1:]
    if len(told) < _TOLD:
        return False
    known = [code for code in languages if knows_care({code}) and knows_risks(code)]
    if asks_for_a_fact(prompt, timeout):
        return any(len(_warnings(told, code)) < len(told) for code in known)
    return asks_for_something(prompt, timeout) and any(_hardly_warns(told, code) for code in known)


def _hardly_warns(told: Sequence[str], language: str) -> bool:
    warnings = _warnings(told, language)
    if told[0] in warnings:
        return False
    letters = sum(map(len, warnings))
    return _HARDLY * len(warnings) < len(told) and _HARDLY * letters < sum(map(len, told))


def _warnings(told: Sequence[str], language: str) -> list[str]:
    return [one for one in told if explains(one, {language}) or names_a_risk(one, language)]
