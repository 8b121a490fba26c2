"""Filler: courtesies, announcements, placeholders, and talk about the answer itself.

`fillers.yaml` lists clauses, and the words with which an answer can talk about itself endlessly.
"""

import re
from collections.abc import Set
from functools import cache
from typing import Annotated, Final, NamedTuple

import re2
from pydantic import AfterValidator

from rules.stance.engines import as_superset, search_options
from rules.stance.folding import fold_pattern
from rules.stance.word_files import ByLanguage, Words, each_once, load_file
from rules.yaml_model import YamlModel

MAX_ANSWER_CHARACTERS: Final = 500
"""Longer answers are taken to say something, so that the check stays cheap."""
_STOP: Final = r"[.!?,;:\n\"()\[\]{}<>*_#`…。！？，：、؟،।¡¿-]"
_CLAUSE_END: Final = re.compile(f"{_STOP}+")
_BEFORE: Final = re.compile(f"(?: |{_STOP})*")
_MAX_AUTOMATON_BYTES: Final = 64 * 2**20
"""RE2's memory bound for the clauses of all languages, of which it uses a tenth."""
_WORD: Final = re.compile(r"[^\W_]+")


def _words_once(text: str) -> str:
    each_once(text.split())
    return text


_Text = Annotated[str, AfterValidator(_words_once)]
"""Words with a space between any two."""


class EmptyWords(YamlModel):
    """The words of `fillers.yaml` that say nothing on their own."""

    format: _Text
    reply: _Text
    person: _Text
    telling: _Text
    others: _Text


class FillerFile(YamlModel):
    """The clauses and words of `fillers.yaml`."""

    clauses: ByLanguage[Words]
    words: EmptyWords


class _Fillers(NamedTuple):
    clause: "re2._Regexp[str]"
    """A clause that says nothing, with the punctuation after it."""
    empty: frozenset[str]
    """Words that say nothing on their own, including those of the next four fields."""
    format: frozenset[str]
    reply: frozenset[str]
    person: frozenset[str]
    telling: frozenset[str]


def says_nothing(folded: str) -> bool:
    """Whether the folded text consists of fillers only; False if it has no clause at all."""
    said = _empty_words(folded)
    return said is not None and (not said or _speak_of_the_answer(said))


def adds_nothing(folded: str) -> bool:
    """Whether the folded text around a repeated question answers nothing."""
    said = _empty_words(folded)
    return said is not None and said.isdisjoint(all_fillers().telling)


def _empty_words(folded: str) -> set[str] | None:
    """The words of clauses of empty words that are not fillers; None if any clause has content."""
    if len(folded) > MAX_ANSWER_CHARACTERS:
        return None
    fillers, found = all_fillers(), False
    said: set[str] = set()
    while rest := _BEFORE.sub("", folded, count=1):
        found = True
        folded = _after_filler(rest, fillers)
        if folded == rest:
            clause, *more = _CLAUSE_END.split(rest, maxsplit=1)
            folded = more[0] if more else ""
            words = _WORD.findall(clause)
            # No clause ends with an article: "a" is the letter of a multiple choice.
            if not words or words[-1] == "a" or not fillers.empty.issuperset(words):
                return None  # nearly always at the first clause
            said.update(words)
    return said if found else None


def _after_filler(text: str, fillers: _Fillers) -> str:
    """The text without an initial filler, if it has one."""
    encoded = text.encode()
    found = fillers.clause.match(encoded)
    return encoded[found.end() :].decode() if found else text


def _speak_of_the_answer(words: Set[str]) -> bool:
    """Whether empty words talk about the format, or about a reply that somebody gives."""
    fillers = all_fillers()
    if not fillers.format.isdisjoint(words):
        return True
    return not (fillers.reply.isdisjoint(words) or fillers.person.isdisjoint(words))


@cache
def all_fillers() -> _Fillers:
    """The fillers of all languages."""
    listed = load_file(FillerFile, "fillers.yaml")
    words = {name: frozenset(text.split()) for name, text in listed.words}
    empty = frozenset().union(*words.values())
    named = (words[name] for name in ("format", "reply", "person", "telling"))
    clauses = [clause for patterns in listed.clauses.values() for clause in patterns]
    return _Fillers(_any_of(clauses), empty, *named)


def _any_of(patterns: list[str]) -> "re2._Regexp[str]":
    """A pattern for any of the clauses; the longest wins, as one may be a prefix of another."""
    options = search_options()
    options.longest_match = True
    options.max_mem = _MAX_AUTOMATON_BYTES
    whole = "|".join(f"(?:{as_superset(fold_pattern(pattern))})" for pattern in patterns)
    return re2.compile(rf"(?:{whole}) *(?:{_STOP}|\z)", options)
