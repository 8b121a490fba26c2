"""What says nothing: courtesies, announcements, placeholders, and talk of the answer itself.

Clauses are listed in `fillers.yaml`, and the words of which an answer can speak of itself for ever.
"""

import re
from collections.abc import Iterable, Set
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import re2
import yaml

from rules.stance.folding import fold_pattern
from rules.stance.reading import looser

LONGEST: Final = 200
"""Characters of the longest answer that is looked at; a longer one says something."""
_CLAUSE_END: Final = re.compile(r"[.!?,;:\n\"()\[\]{}<>*_#`…。！？，：、؟،।¡¿-]+")
_WORD: Final = re.compile(r"[^\W_]+")


class _Fillers(NamedTuple):
    clause: "re2._Regexp[str]"
    """A clause that says nothing."""
    empty: frozenset[str]
    """Words that say nothing without others, `format`, `reply` and `person` among them."""
    format: frozenset[str]
    reply: frozenset[str]
    person: frozenset[str]


def says_nothing(folded: str) -> bool:
    """Whether the folded text is made of fillers alone; False where there is no clause at all."""
    if len(folded) > LONGEST:
        return False
    fillers, rest, found = _fillers(), folded, False
    said: set[str] = set()
    while rest:
        clause, *more = _CLAUSE_END.split(rest, maxsplit=1)
        rest = more[0] if more else ""
        if clause := clause.strip():
            if not fillers.clause.fullmatch(clause.encode()):
                words = _WORD.findall(clause)
                if not are_empty(words):
                    return False  # as nearly always at the first clause
                said.update(words)
            found = True
    return found and (not said or _speaks_of_itself(said))


def are_empty(words: Iterable[str]) -> bool:
    """Whether none of the folded words says anything without others."""
    return all(map(_fillers().empty.__contains__, words))


def _speaks_of_itself(words: Set[str]) -> bool:
    """Whether empty words speak of the format, or of a reply that somebody gives."""
    fillers = _fillers()
    if not fillers.format.isdisjoint(words):
        return True
    return not (fillers.reply.isdisjoint(words) or fillers.person.isdisjoint(words))


@cache
def _fillers() -> _Fillers:
    source = files("rules.stance").joinpath("fillers.yaml").read_text(encoding="utf-8")
    listed = yaml.safe_load(source)
    patterns = [pattern for clauses in listed["clauses"].values() for pattern in clauses]
    whole = "|".join(f"(?:{looser(fold_pattern(pattern))})" for pattern in patterns)
    names = ("format", "reply", "person", "others")
    format_, reply, person, others = (frozenset(listed["words"][name].split()) for name in names)
    empty = format_ | reply | person | others
    return _Fillers(re2.compile(whole), empty, format_, reply, person)
