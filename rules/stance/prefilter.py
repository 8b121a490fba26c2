"""Which patterns may match a text: a few linear passes for all patterns of all languages.

Patterns anchored at the start share one automaton, which dies at the first words that begin none of
them; those that begin with a gap would keep it alive, so they go with the others. For the others
RE2's filter extracts the words without which a pattern cannot match, finds them all with one
automaton, and tries the few patterns whose words occur. A pattern that needs no particular word
would be tried on every answer, so it is refused when the lexicons are loaded.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, NamedTuple

import re2

from rules.stance.engines import search_options, with_unbounded_gaps
from rules.stance.lexicon import LexiconError

_MAX_PATTERNS_PER_PASS: Final = 300
"""Patterns of one language that share an automaton.

Its states multiply with the words that texts may contain, and RE2 bounds their memory: with many
more patterns it would keep discarding states, and take five times as long.
"""
_MAX_PATTERNS_PER_SHARED_PASS: Final = 700
"""Patterns of small languages that share an automaton; RE2 refuses to build much larger ones."""


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

    def __init__(self, patterns: Sequence[Sought], together: bool) -> None:
        """`together`: small languages share passes, which pays on texts with few of their words.

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
    """The groups that share an automaton: part of a language, or small languages `together`.

    The largest language, whose words most texts contain, is never grouped with others.
    """
    shared: list[int] = []
    largest = max(map(len, languages), default=0)
    for own in languages:
        if together and len(own) < min(largest, _MAX_PATTERNS_PER_PASS):
            if len(shared) + len(own) > _MAX_PATTERNS_PER_SHARED_PASS:
                yield shared
                shared = []
            shared += own
        else:
            parts = -(-len(own) // _MAX_PATTERNS_PER_PASS)
            for part in range(parts):
                yield own[part * len(own) // parts : (part + 1) * len(own) // parts]
    if shared:
        yield shared


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
