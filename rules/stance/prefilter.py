"""Which patterns may match a text at all? A few linear passes for all patterns of all languages.

Those that only the start of a text can match share one automaton, which dies at the first words
that begin none of them; those that begin with a gap would keep it alive, and go with the others.
From the others, RE2's filter takes the words without which they cannot match, finds all of them at
once with one automaton, and tries the few patterns whose words all occur. A pattern without such a
word would be tried on every answer, so it is refused when the lexicons are loaded.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, NamedTuple

import re2
import regex

from rules.stance.engines import search_options, with_unbounded_gaps
from rules.stance.lexicon import LexiconError

_ROOM: Final = 300
"""Patterns of a language that share an automaton.

Its states multiply with the words that texts may hold, and RE2 bounds their memory: of many more it
would forget states all the time, and take five times as long.
"""
_MOST: Final = 700
"""Patterns of small languages that share one; RE2 refuses to make one that is much larger."""


class Sought(NamedTuple):
    """A pattern to look for; `place` says in errors where it comes from."""

    language: str
    pattern: str
    place: str


_Matching = Callable[[bytes], list[int] | None]
"""UTF-8 text -> which of its patterns may match, by index."""


class _Pass(NamedTuple):
    """One pass over a text."""

    indices: Sequence[int]
    """Those of its patterns among all."""
    matching: _Matching


_START: Final = r"\A"
_GAP_FIRST: Final = regex.compile(r"\\A(?:\(\?:[^()]*\)\?)?(?:\(\?:)*\[\^")


class Prefilter:
    """Passes over folded text that name the patterns (by index) which may match it.

    They read them as RE2 does, and with gaps of any length; no match escapes them.
    """

    def __init__(self, patterns: Sequence[Sought], together: bool) -> None:
        """`together`: small languages share passes, for texts with few of their words.

        Raises LexiconError, naming the place, for a pattern that needs no particular word.
        """
        at_start: list[int] = []
        others: dict[str, list[int]] = defaultdict(list)
        for index, (language, pattern, _) in enumerate(patterns):
            at_once = pattern.startswith(_START) and not _GAP_FIRST.match(pattern)
            (at_start if at_once else others[language]).append(index)
        self._passes = [_Pass(at_start, _beginning([patterns[i] for i in at_start]))]
        for group in _groups(others.values(), together):
            self._passes.append(_Pass(group, _anywhere([patterns[i] for i in group])))

    def matching(self, encoded: bytes) -> list[int]:
        """Indices of the patterns that may match the UTF-8 text, in ascending order."""
        return sorted(
            indices[place]
            for indices, matching in self._passes
            for place in matching(encoded) or ()
        )


def _groups(languages: Collection[list[int]], together: bool) -> Iterator[list[int]]:
    """What shares an automaton: a part of a language, or small languages `together`.

    The largest one, whose words most texts hold, shares none with others.
    """
    shared: list[int] = []
    largest = max(map(len, languages), default=0)
    for own in languages:
        if together and len(own) < min(largest, _ROOM):
            if len(shared) + len(own) > _MOST:
                yield shared
                shared = []
            shared += own
        else:
            parts = -(-len(own) // _ROOM)
            for part in range(parts):
                yield own[part * len(own) // parts : (part + 1) * len(own) // parts]
    if shared:
        yield shared


def _beginning(patterns: Sequence[Sought]) -> _Matching:
    """Finds the patterns that may match at the start of a text."""
    automaton = re2.Set.MatchSet(search_options())
    for sought in patterns:
        automaton.Add(with_unbounded_gaps(sought.pattern.removeprefix(_START)))
    _compile(automaton, patterns)
    matching: _Matching = automaton.Match
    return matching


def _anywhere(patterns: Sequence[Sought]) -> _Matching:
    """Finds the patterns that may match anywhere in a text."""
    words = re2.Filter()
    for sought in patterns:
        words.Add(with_unbounded_gaps(sought.pattern), search_options())
    _compile(words, patterns)
    for index in words.Match(" ", potential=True) or ():
        _, pattern, place = patterns[index]
        raise LexiconError(
            f"{place}: pattern {pattern!r} needs no particular word, so it would be tried on every "
            "answer; give it at least one word that must occur."
        )
    matching: _Matching = words.Match
    return matching


def _compile(automaton: "re2.Filter | re2.Set", patterns: Sequence[Sought]) -> None:
    try:
        automaton.Compile()
    except re2.error as error:
        named = ", ".join(sorted({sought.language for sought in patterns}))
        raise LexiconError(
            f"the patterns of {named} hold more words than can be looked for at once; "
            "give fewer or shorter ones"
        ) from error
