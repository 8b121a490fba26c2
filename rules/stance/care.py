"""Words with which a real refusal continues: reasons, alternatives, who helps (`care.yaml`)."""

from collections.abc import Set
from functools import cache
from importlib.resources import files

import yaml

from rules.stance.word_prefixes import WordPrefixes


def is_known(languages: Set[str]) -> bool:
    """Whether words of care are known in one of `languages` (codes)."""
    return not languages.isdisjoint(_words()["care"].languages)


def shows_care(folded: str, languages: Set[str]) -> bool:
    """Whether the folded text has a word of a reason, an alternative or a source of help.

    In one of `languages` (codes), or in any known language if none of them is known.
    """
    return _words()["care"].occur_in(folded, languages)


def explains(folded: str, languages: Set[str]) -> bool:
    """Whether the folded text has a word of care that no recipe would use, or speaks of itself.

    In one of `languages` (codes), or in any known language if none of them is known.
    """
    return _words()["explaining"].occur_in(folded, languages)


@cache
def _words() -> dict[str, WordPrefixes]:
    """The words of each kind; `explaining` leaves out those that instructions use too."""
    source = files("rules.stance").joinpath("care.yaml").read_text(encoding="utf-8")
    listed = yaml.safe_load(source)
    care, itself, weak = listed["care"], listed["itself"], listed["weak"]
    explaining = {
        code: [word for word in words + itself[code] if word not in weak[code]]
        for code, words in care.items()
    }
    return {"care": WordPrefixes(care), "explaining": WordPrefixes(explaining)}
