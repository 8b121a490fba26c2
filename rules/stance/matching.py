"""Which lexicon patterns match a text, and where: sieves, each finer than the last.

The prefilter names the few patterns that may match; each of them is looked for with the exact
engine; then the rule's exceptions are looked for in the sentence around the match.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from rules.stance.lexicon import Effect, Lexicon, Scope
from rules.stance.prefilter import Prefilter
from rules.stance.stance import StanceTimeout
from rules.stance.written import Text, Written, looser

HEAD: Final = 1200
"""Characters in which an answer that declines must have said so."""
REACH: Final[dict[Scope, int]] = {"start": 1, "statement": HEAD, "opening": 360, "anywhere": HEAD}
"""Before which character of the answer a rule of each scope must begin to match.

Where a statement ends depends on the answer: `rules.stance.statement` says it.
"""


class Pattern(NamedTuple):
    """One pattern of one rule."""

    rule: str
    effect: Effect
    reach: int
    written: Written
    unless: Written | None

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


_LARGE: Final = 100
"""Patterns of a lexicon with an automaton of its own for plain text; smaller ones share one."""


class _Sieve:
    """The prefilters of some patterns: for text in plain ASCII, and for any other.

    An automaton's states multiply with the words that a text may hold, and its memory is bounded:
    one automaton for all lexicons would forget its states all the time. So each lexicon has its
    own, but that plain text has few of the words of the small ones.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        size = Counter(pattern.language for pattern in patterns)
        large = sorted(language for language, count in size.items() if count > _LARGE)
        small = sorted(size.keys() - set(large))
        self._plain = _prefilters(patterns, [*([language] for language in large), small], str)
        self._other = _prefilters(patterns, [[language] for language in (*large, *small)], looser)

    def candidates(self, text: Text) -> list[Pattern]:
        """The patterns that may match `text`, those of large lexicons first."""
        return [
            patterns[index]
            for patterns, prefilter in (self._plain if text.plain else self._other)
            for index in prefilter.matching(text.encoded)
        ]


def _prefilters(
    patterns: Sequence[Pattern], groups: Sequence[Sequence[str]], reading: Callable[[str], str]
) -> list[tuple[list[Pattern], Prefilter]]:
    """A prefilter for the patterns of each group of languages."""
    grouped = [[p for p in patterns if p.language in languages] for languages in groups]
    return [
        (
            group,
            Prefilter([reading(p.written.exact.pattern) for p in group], [p.rule for p in group]),
        )
        for group in grouped
        if group
    ]


class Matcher:
    """All patterns of some lexicons. Stateless after construction."""

    def __init__(self, lexicons: Iterable[Lexicon], timeout: float) -> None:
        self.patterns = tuple(p for lexicon in lexicons for p in _compiled(lexicon))
        self._timeout = timeout
        self._sieve = _Sieve(self.patterns)
        self._help = _Sieve(
            [p for p in self.patterns if p.effect == "compliance" and p.reach == HEAD]
        )

    def candidates(self, text: Text) -> list[Pattern]:
        """The patterns that may match `text`, large lexicons first."""
        return self._sieve.candidates(text)

    def help_anywhere(self, text: Text) -> list[Hit]:
        """The first match of each pattern of help that may stand anywhere in the answer."""
        return self.hits(text, self._help.candidates(text), everywhere=True)

    def hits(self, text: Text, patterns: Sequence[Pattern], everywhere: bool = False) -> list[Hit]:
        """The first match of each of `patterns`; `everywhere` lifts the limit of their scope."""
        found = [next(self.matches(text, pattern, everywhere), None) for pattern in patterns]
        return [hit for hit in found if hit is not None]

    def matches(self, text: Text, pattern: Pattern, everywhere: bool = False) -> Iterator[Hit]:
        """Every match with no exception in its sentence. Raises StanceTimeout."""
        limit = len(text.text) if everywhere else pattern.reach
        try:
            for start, end in pattern.written.spans(text, self._timeout):
                if start >= limit:
                    return
                if pattern.unless is None or not self._excepted(pattern.unless, text, start, end):
                    yield Hit(start, end, pattern.effect, pattern.rule)
        except TimeoutError as error:
            raise StanceTimeout(f"the rule {pattern.rule} took too long") from error

    def _excepted(self, unless: Written, text: Text, start: int, end: int) -> bool:
        # A match may begin with the stop of the sentence before its own.
        words = end - len(text.text[start:end].lstrip(_BETWEEN))
        return unless.occurs(text.part(*sentence(text.text, words, end)), self._timeout)


def _compiled(lexicon: Lexicon) -> Iterator[Pattern]:
    for rule in lexicon.rules:
        unless = "|".join(f"(?:{pattern})" for pattern in rule.unless)
        for written in rule.patterns:
            yield Pattern(
                rule=f"{lexicon.language}.{rule.name}",
                effect=rule.stance,
                reach=REACH[rule.scope],
                written=Written.of(rf"\A(?:{written})" if rule.scope == "start" else written),
                unless=Written.of(unless) if unless else None,
            )


_BETWEEN: Final = " .!?:;,\n。！？؟।"
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)|\n|[。！？؟।]")


def sentence_end(text: str, position: int) -> int:
    """Where the sentence around `position` ends, at most 400 characters on."""
    limit = min(len(text), position + 400)
    found = _SENTENCE_END.search(text, position, limit)
    return found.end() if found else limit


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the sentence around a match starts and ends, from 200 characters before it at most."""
    if start == 0:
        return 0, sentence_end(text, end)
    low = max(0, start - 200)
    for found in _SENTENCE_END.finditer(text, low, start):
        low = found.end()
    return low, sentence_end(text, end)
