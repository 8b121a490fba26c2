"""Which patterns may match a text: a few linear passes for all patterns of all languages.

Patterns anchored at the start share one automaton, which dies at the first words that begin none of
them; those that begin with a gap would keep it alive, so they go with the others. For the others
RE2's filter extracts the words without which a pattern cannot match, finds them all with one
automaton, and tries the few patterns whose words occur. A pattern that needs no particular word
would be tried on every answer, so it is refused when the lexicons are loaded.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import re2

from rules.stance.engines import search_options, with_unbounded_gaps
from rules.stance.language import FUNCTION_WORDS
from rules.stance.lexicon import LexiconError

_MAX_PATTERNS_PER_PASS: Final = 300
"""Patterns of one language that share an automaton.

Its states multiply with the words that texts may contain, and RE2 bounds their memory: with many
more patterns it would keep discarding states, and take five times as long.
"""
_MAX_PATTERNS_PER_SHARED_PASS: Final = 150
"""Patterns of small languages that share an automaton. Texts that mix them need many states."""
_MAX_PATTERNS_PER_SHARED_ASCII_PASS: Final = 700
"""The same for ASCII texts, which hold fewer of the words; RE2 refuses much larger automata."""
_IN_LATIN_LETTERS: Final = frozenset(FUNCTION_WORDS)
"""Codes of languages."""


class Sought(NamedTuple):
    """A pattern to search for; `place` tells in errors where it comes from."""

    language: str
    pattern: str
    place: str


_Matching = Callable[[bytes], list[int] | None]
"""UTF-8 text -> indices, within the pass, of the patterns that may match."""


class _Pass(NamedTuple):
    """One pass over a text."""

    indices: Sequence[int]
    """The indices of its patterns among all patterns."""
    matching: _Matching


_START: Final = r"\A"
_GAP_FIRST: Final = re.compile(r"\\A(?:\(\?:[^()]*\)\?)?(?:\(\?:)*\[\^")


class Prefilter:
    """Passes over folded text that name the patterns (by index) which may match it.

    Patterns are read as RE2 does, with gaps of any length, so that no match is missed.
    """

    def __init__(self, patterns: Sequence[Sought], in_ascii: bool) -> None:
        """`in_ascii`: all texts will be in ASCII.

        Raises LexiconError, naming the place, for a pattern that needs no particular word.
        """
        at_start: list[int] = []
        others: dict[str, list[int]] = defaultdict(list)
        for index, (language, pattern, _) in enumerate(patterns):
            at_once = pattern.startswith(_START) and not _GAP_FIRST.match(pattern)
            (at_start if at_once else others[language]).append(index)
        self._passes = [_Pass(at_start, _beginning([patterns[i] for i in at_start]))]
        most = _MAX_PATTERNS_PER_SHARED_ASCII_PASS if in_ascii else _MAX_PATTERNS_PER_SHARED_PASS
        for group in _groups(others, most):
            self._passes.append(_Pass(group, _anywhere([patterns[i] for i in group])))

    def matching(self, encoded: bytes) -> list[int]:
        """Indices of the patterns that may match the UTF-8 text, in ascending order."""
        return sorted(
            indices[place]
            for indices, matching in self._passes
            for place in matching(encoded) or ()
        )


def _groups(languages: Mapping[str, list[int]], most_shared: int) -> Iterator[list[int]]:
    """The groups that share an automaton: part of a large language, or small ones of like script.

    A text holds words of languages in its own script, and hardly any of the others: their automaton
    stays small. `most_shared`: most patterns of small languages in a group.
    """
    latin = [own for code, own in languages.items() if code in _IN_LATIN_LETTERS]
    others = [own for code, own in languages.items() if code not in _IN_LATIN_LETTERS]
    for alike in (latin, others):
        shared: list[int] = []
        for own in alike:
            if len(own) > _MAX_PATTERNS_PER_PASS:
                yield from _parts(own)
                continue
            if shared and len(shared) + len(own) > most_shared:
                yield shared
                shared = []
            shared += own
        if shared:
            yield shared


def _parts(own: list[int]) -> Iterator[list[int]]:
    for first in range(0, len(own), _MAX_PATTERNS_PER_PASS):
        yield own[first : first + _MAX_PATTERNS_PER_PASS]


def _beginning(patterns: Sequence[Sought]) -> _Matching:
    """A search for the patterns that may match at the start of a text."""
    automaton = re2.Set.MatchSet(search_options())
    for sought in patterns:
        automaton.Add(with_unbounded_gaps(sought.pattern.removeprefix(_START)))
    _compile(automaton, patterns)
    matching: _Matching = automaton.Match
    return matching


def _anywhere(patterns: Sequence[Sought]) -> _Matching:
    """A search for the patterns that may match anywhere in a text. Raises LexiconError."""
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
