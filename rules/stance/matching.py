"""Which lexicon patterns match a text, and where: sieves, each finer than the last.

The prefilter names the few patterns that may match; each of them is looked for with the exact
engine; then the rule's exceptions are looked for in the sentence around the match.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import re2
import regex

from rules.stance.lexicon import Effect, Lexicon, Scope
from rules.stance.prefilter import Prefilter
from rules.stance.reading import exactly, looser, plainly
from rules.stance.stance import StanceTimeout
from rules.stance.text import Text

HEAD: Final = 1200
"""Characters in which an answer that declines must have said so."""
REACH: Final[dict[Scope, int]] = {"start": 1, "statement": HEAD, "opening": 360, "anywhere": HEAD}
"""Before which character of the answer a rule of each scope must begin to match.

Where a statement ends depends on the answer: `rules.stance.statement` says it.
"""


class Exceptions(NamedTuple):
    """What, in the sentence of a match, makes it none."""

    maybe: Any
    """For RE2, matching at least what `written` matches."""
    written: "regex.Pattern[str]"

    def occur(self, sentence: Text, timeout: float) -> bool:
        """Whether one of them stands in `sentence`. Raises TimeoutError."""
        if sentence.plain:
            return plainly(self.written.pattern).search(sentence.encoded) is not None
        if self.maybe.search(sentence.encoded) is None:
            return False
        return self.written.search(sentence.text, timeout=timeout) is not None


class Pattern(NamedTuple):
    """One pattern of one rule."""

    rule: str
    effect: Effect
    reach: int
    written: "regex.Pattern[str]"
    unless: Exceptions | None

    @property
    def language(self) -> str:
        return self.rule.partition(".")[0]


class Hit(NamedTuple):
    """A rule that matched, and where."""

    start: int
    end: int
    effect: Effect
    rule: str

    @property
    def language(self) -> str:
        return self.rule.partition(".")[0]


_LARGE: Final = 60
"""Patterns of a language with an automaton of its own for plain text; the others share some."""
_MOST: Final = 500
"""Patterns that share an automaton: RE2 refuses to make one that is much larger."""


def _sharing(size: Mapping[str, int]) -> list[list[str]]:
    """Languages whose patterns share an automaton for plain text; `size`: patterns of each."""
    groups = [[language] for language, count in size.items() if count >= _LARGE]
    room = 0
    for language, count in size.items():
        if count >= _LARGE:
            continue
        if count > room:
            groups.append([])
            room = _MOST
        groups[-1].append(language)
        room -= count
    return groups


class Matcher:
    """Patterns of some lexicons. Stateless after construction; threads may share one.

    An automaton's states multiply with the words that a text may hold, and its memory is bounded:
    one automaton for all lexicons would forget its states all the time. So each lexicon has its
    own, but that plain text has few of the words of the small ones, and a pass has its price too.
    """

    def __init__(self, lexicons: Iterable[Lexicon], timeout: float) -> None:
        """Raises LexiconError, naming rule and pattern, if RE2 cannot look for one of them."""
        self.patterns = tuple(p for lexicon in lexicons for p in _patterns(lexicon))
        self._timeout = timeout
        size = Counter(pattern.language for pattern in self.patterns)
        self._plain = self._prefilters(_sharing(size), str)
        self._other = self._prefilters([[language] for language in size], looser)

    def _prefilters(
        self, groups: Iterable[Sequence[str]], reading: Callable[[str], str]
    ) -> list[tuple[list[Pattern], Prefilter]]:
        """A prefilter for the patterns of each group of languages."""
        grouped = [[p for p in self.patterns if p.language in languages] for languages in groups]
        return [
            (group, Prefilter([reading(p.written.pattern) for p in group], [p.rule for p in group]))
            for group in grouped
            if group
        ]

    def candidates(self, text: Text) -> list[Pattern]:
        """The patterns that may match `text`, those of large lexicons first."""
        return [
            patterns[index]
            for patterns, prefilter in (self._plain if text.plain else self._other)
            for index in prefilter.matching(text.encoded)
        ]

    def hits(
        self, text: Text, candidates: Iterable[Pattern], everywhere: bool = False
    ) -> list[Hit]:
        """The first match of each candidate; `everywhere` lifts the limit of their scope."""
        found = [
            next(matches(text, candidate, self._timeout, everywhere), None)
            for candidate in candidates
        ]
        return [hit for hit in found if hit is not None]


def matches(
    text: Text, pattern: Pattern, timeout: float, everywhere: bool = False
) -> Iterator[Hit]:
    """Every match with no exception in its sentence, in the pattern's reach or `everywhere`.

    Raises StanceTimeout if one of them takes longer than `timeout` seconds.
    """
    limit = len(text.text) if everywhere else pattern.reach
    try:
        for first, end in _found(text, pattern, timeout):
            if first >= limit:
                return
            # A match may begin with the stop of the sentence before.
            start = end - len(text.text[first:end].lstrip(_BETWEEN))
            unless = pattern.unless
            if unless is None or not unless.occur(sentence(text.text, start, end), timeout):
                yield Hit(start, end, pattern.effect, pattern.rule)
    except TimeoutError as error:
        raise StanceTimeout(f"the rule {pattern.rule} took too long") from error


def _found(text: Text, pattern: Pattern, timeout: float) -> Iterator[tuple[int, int]]:
    """Where the pattern matches, exceptions aside."""
    written = pattern.written
    if text.plain:
        for found in plainly(written.pattern).finditer(text.encoded):
            yield found.span()
    else:
        for match in written.finditer(text.text, timeout=timeout):
            yield match.span()


def _patterns(lexicon: Lexicon) -> Iterator[Pattern]:
    for rule in lexicon.rules:
        unless = "|".join(f"(?:{pattern})" for pattern in rule.unless)
        for written in rule.patterns:
            yield Pattern(
                rule=f"{lexicon.language}.{rule.name}",
                effect=rule.stance,
                reach=REACH[rule.scope],
                written=exactly(rf"\A(?:{written})" if rule.scope == "start" else written),
                unless=_exceptions(unless) if unless else None,
            )


@cache
def _exceptions(pattern: str) -> Exceptions:
    options = re2.Options()
    options.never_capture = True
    return Exceptions(re2.compile(looser(pattern), options), exactly(pattern))


_BETWEEN: Final = " .!?:;,\n。！？؟।"
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)|\n|[。！？؟।]")


def sentence_end(text: str, position: int) -> int:
    """Where the sentence around `position` ends, at most 400 characters on."""
    limit = min(len(text), position + 400)
    found = _SENTENCE_END.search(text, position, limit)
    return found.end() if found else limit


def sentence(text: str, start: int, end: int) -> Text:
    """The sentence around a match, from 200 characters before it at most."""
    low = max(0, start - 200)
    for found in _SENTENCE_END.finditer(text, low, start):
        low = found.end()
    return Text.of(text[low : sentence_end(text, end)])
