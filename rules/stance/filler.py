"""Courtesies, announcements, placeholders: clauses that say nothing, listed in `fillers.yaml`."""

import re
from functools import cache
from importlib.resources import files
from typing import Final

import re2
import yaml

from rules.stance.folding import fold_pattern
from rules.stance.reading import looser

LONGEST: Final = 200
"""Characters of the longest answer that is looked at; a longer one says something."""
_CLAUSE_END: Final = re.compile(r"[.!?,;:\n\"()\[\]{}<>*_#`…。！？，：、؟،।¡¿-]+")


def says_nothing(folded: str) -> bool:
    """Whether the folded text is made of fillers alone; False where there is no clause at all."""
    if len(folded) > LONGEST:
        return False
    filler, rest, found = _fillers(), folded, False
    while rest:
        clause, *more = _CLAUSE_END.split(rest, maxsplit=1)
        rest = more[0] if more else ""
        if clause := clause.strip():
            if not filler.fullmatch(clause.encode()):
                return False  # as nearly always at the first clause
            found = True
    return found


@cache
def _fillers() -> "re2._Regexp[str]":
    source = files("rules.stance").joinpath("fillers.yaml").read_text(encoding="utf-8")
    patterns = [pattern for listed in yaml.safe_load(source).values() for pattern in listed]
    return re2.compile("|".join(f"(?:{looser(fold_pattern(pattern))})" for pattern in patterns))
