"""Which lexicon patterns match a text, and where, by ever finer and costlier steps.

The prefilter names the few patterns that may match; an exact search confirms each of them; then the
rule's exceptions are looked for in the sentence around the match.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from rules.stance.engines import (
    alternatives,
    as_superset,
    ascii_pattern,
    has_bounded_gaps,
    superset_pattern,
    unicode_pattern,
)
from rules.stance.lexicon import Effect, Lexicon, Scope
from rules.stance.prefilter import Prefilter, Sought
from rules.stance.sentences import clause_end, sentence_end, sentence_start
from rules.stance.stance import StanceTimeout
from rules.stance.text import Text

MAX_HEAD_CHARACTERS: Final = 1200
"""The head of an answer; if it declines, it must say so here."""
REACH: Final[dict[Scope, int]] = {
    "start": 1,
    "statement": MAX_HEAD_CHARACTERS,
    "opening": 360,
    "anywhere": MAX_HEAD_CHARACTERS,
}
"""Position before which a match must begin, by the rule's scope.

A statement ends sooner, depending on the answer: see `rules.stance.statement`.
"""
_STOPS: Final = " .!?:;,\n。！？؟।"


class Pattern(NamedTuple):
    """One alternative of one pattern of a rule.

    Alternatives are compiled separately: small automata, of which an answer needs only a few.
    """

    rule: str
    effect: Effect
    reach: int
    written: str
    unless: str | None
    """A pattern that, in the sentence of a match, makes it no match."""
    unless_before: str | None
    """The same, but looked for only up to the end of the clause of the match."""

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


class Matcher:
    """Patterns of some lexicons. Stateless after construction; threads may share one."""

    def __init__(self, lexicons: Iterable[Lexicon]) -> None:
        """Raises LexiconError, naming rule and pattern, if RE2 cannot search for one of them."""
        self.patterns = tuple(p for lexicon in lexicons for p in _patterns(lexicon))
        sought = [Sought(p.language, p.written, p.rule) for p in self.patterns]
        supersets = [one._replace(pattern=as_superset(one.pattern)) for one in sought]
        self._for_ascii = Prefilter(sought, in_ascii=True)
        self._for_unicode = Prefilter(supersets, in_ascii=False)

    def candidates(self, text: Text) -> list[Pattern]:
        """The patterns that may match `text`, in the order of the lexicons."""
        prefilter = self._for_ascii if text.is_ascii else self._for_unicode
        return [self.patterns[index] for index in prefilter.matching(text.encoded)]

    def hits(
        self, text: Text, candidates: Iterable[Pattern], everywhere: bool = False
    ) -> list[Hit]:
        """The first match of each candidate; `everywhere` lifts the limit of their scope."""
        found = [next(matches(text, candidate, everywhere), None) for candidate in candidates]
        return [hit for hit in found if hit is not None]


def matches(text: Text, pattern: Pattern, everywhere: bool = False) -> Iterator[Hit]:
    """Every match without an exception in its sentence, within the pattern's reach or `everywhere`.

    Raises StanceTimeout if one of them takes too long.
    """
    limit = len(text.text) if everywhere else pattern.reach
    try:
        for first, end in _found(text, pattern):
            if first >= limit:
                return
            # A match may begin with the stop of the previous sentence.
            start = end - len(text.text[first:end].lstrip(_STOPS))
            if not _is_excused(text.text, pattern, start, end):
                yield Hit(start, end, pattern.effect, pattern.rule)
    except TimeoutError as error:
        raise StanceTimeout(f"the rule {pattern.rule} took too long") from error


def _is_excused(text: str, pattern: Pattern, start: int, end: int) -> bool:
    """Whether the sentence of a match contains an exception of its rule."""
    if pattern.unless is None and pattern.unless_before is None:
        return False
    begin = sentence_start(text, start)
    if pattern.unless is not None:
        sentence = Text.of(text[begin : sentence_end(text, end)])
        if occurs(pattern.unless, sentence):
            return True
    if pattern.unless_before is None:
        return False
    return occurs(pattern.unless_before, Text.of(text[begin : clause_end(text, end)]))


def _found(text: Text, pattern: Pattern) -> Iterator[tuple[int, int]]:
    """The spans of all matches, exceptions not considered."""
    if text.is_ascii and not has_bounded_gaps(pattern.written):
        for found in ascii_pattern(pattern.written).finditer(text.encoded):
            yield found.span()
    else:
        for match in unicode_pattern(pattern.written).finditer(text.text):
            yield match.span()


def occurs(pattern: str, text: Text) -> bool:
    """Whether the pattern matches anywhere in `text`."""
    if text.is_ascii:
        return ascii_pattern(pattern).search(text.encoded) is not None
    if superset_pattern(pattern).search(text.encoded) is None:
        return False
    return unicode_pattern(pattern).search(text.text) is not None


def _patterns(lexicon: Lexicon) -> Iterator[Pattern]:
    for rule in lexicon.rules:
        for written in chain.from_iterable(map(alternatives, rule.patterns)):
            yield Pattern(
                rule=f"{lexicon.language}.{rule.name}",
                effect=rule.stance,
                reach=REACH[rule.scope],
                written=rf"\A{written}" if rule.scope == "start" else written,
                unless=_any_of(rule.unless),
                unless_before=_any_of(rule.unless_before),
            )


def _any_of(patterns: Iterable[str]) -> str | None:
    return "|".join(f"(?:{pattern})" for pattern in patterns) or None
