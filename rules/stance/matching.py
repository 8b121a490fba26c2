"""Which lexicon patterns match a text, and where: sieves, each finer than the last.

The prefilter names the patterns that match as RE2 reads them. On a text in plain ASCII that is
exact, since the engines differ only in what they take for letters and word boundaries beyond it; on
any other RE2 reads a looser pattern, and `regex` finds the place of the few that match indeed. Then
the rule's exceptions are looked for around the match.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import re2
import regex

from rules.stance.lexicon import Effect, Lexicon, Scope
from rules.stance.prefilter import Prefilter
from rules.stance.stance import StanceTimeout

HEAD: Final = 1200
"""Characters in which an answer that declines must have said so."""
REACH: Final[dict[Scope, int]] = {"start": 1, "statement": HEAD, "opening": 360, "anywhere": HEAD}
"""Before which character of the answer a rule of each scope must begin to match.

Where a statement ends depends on the answer: `rules.stance.statement` says it.
"""


class Written(NamedTuple):
    """One regular expression, compiled for both engines."""

    exact: "regex.Pattern[str]"
    ascii: Any
    """RE2's reading, which is the exact one on ASCII text."""
    looser: Any
    """For RE2, matching at least what `exact` matches in any text."""

    @classmethod
    def of(cls, pattern: str) -> "Written":
        options = re2.Options()
        options.never_capture = True
        return cls(
            regex.compile(pattern),
            re2.compile(pattern, options),
            re2.compile(_looser(pattern), options),
        )

    def occurs(self, text: str, timeout: float) -> bool:
        """Whether it matches anywhere in `text`. Raises TimeoutError."""
        encoded = text.encode()
        if text.isascii():
            return self.ascii.search(encoded) is not None
        if self.looser.search(encoded) is None:
            return False
        return self.exact.search(text, timeout=timeout) is not None


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
"""Patterns of a lexicon with an automaton of its own; smaller lexicons share one.

An automaton's states multiply with the words that texts may hold, and its memory is bounded: one
for all lexicons would forget its states all the time.
"""


class _Sieve:
    """The prefilters of some patterns: for text in plain ASCII, and for any other."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        size = Counter(pattern.language for pattern in patterns)
        large = sorted(language for language, count in size.items() if count > _LARGE)
        groups = [[p for p in patterns if p.language == language] for language in large]
        groups.append([p for p in patterns if p.language not in large])
        self._groups = [
            (group, _prefilter(group, str), _prefilter(group, _looser)) for group in groups if group
        ]

    def candidates(self, text: str) -> list[Pattern]:
        plain = text.isascii()
        return [
            patterns[index]
            for patterns, exact, looser in self._groups
            for index in (exact if plain else looser).matching(text)
        ]


def _prefilter(patterns: Sequence[Pattern], reading: Callable[[str], str]) -> Prefilter:
    written = [reading(pattern.written.exact.pattern) for pattern in patterns]
    return Prefilter(written, [pattern.rule for pattern in patterns])


class Matcher:
    """All patterns of some lexicons. Stateless after construction."""

    def __init__(self, lexicons: Iterable[Lexicon], timeout: float) -> None:
        self.patterns = tuple(p for lexicon in lexicons for p in _compiled(lexicon))
        self._timeout = timeout
        self._sieve = _Sieve(self.patterns)
        self._help = _Sieve(
            [p for p in self.patterns if p.effect == "compliance" and p.reach == HEAD]
        )

    def candidates(self, text: str) -> list[Pattern]:
        """The patterns that may match `text`, large lexicons first."""
        return self._sieve.candidates(text)

    def help_anywhere(self, text: str) -> list[Hit]:
        """The first match of each pattern of help that may stand anywhere in the answer."""
        return self.hits(text, self._help.candidates(text), everywhere=True)

    def hits(self, text: str, patterns: Sequence[Pattern], everywhere: bool = False) -> list[Hit]:
        """The first match of each of `patterns`; `everywhere` lifts the limit of their scope."""
        found = (next(self.matches(text, pattern, everywhere), None) for pattern in patterns)
        return [hit for hit in found if hit is not None]

    def matches(self, text: str, pattern: Pattern, everywhere: bool = False) -> Iterator[Hit]:
        """Every match with no exception in its sentence. Raises StanceTimeout."""
        limit = len(text) if everywhere else pattern.reach
        try:
            for start, end in self._spans(text, pattern.written):
                if start >= limit:
                    return
                # A match may begin with the stop of the sentence before its own.
                words = end - len(text[start:end].lstrip(_BETWEEN))
                if not self._excepted(pattern, text, words, end):
                    yield Hit(start, end, pattern.effect, pattern.rule)
        except TimeoutError as error:
            raise StanceTimeout(f"the rule {pattern.rule} took too long") from error

    def _spans(self, text: str, written: Written) -> Iterator[tuple[int, int]]:
        encoded = text.encode()
        if text.isascii():
            return (match.span() for match in written.ascii.finditer(encoded))
        if written.looser.search(encoded) is None:
            return iter(())
        return (match.span() for match in written.exact.finditer(text, timeout=self._timeout))

    def _excepted(self, pattern: Pattern, text: str, start: int, end: int) -> bool:
        if pattern.unless is None:
            return False
        return pattern.unless.occurs(sentence(text, start, end), self._timeout)


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


_CLASS_ESCAPE: Final = regex.compile(r"\\(.)|(\[)|(\])", regex.DOTALL)


def _looser(pattern: str) -> str:
    """The pattern for RE2, matching at least what it matches for `regex`.

    RE2's word boundary and its letters and digits are those of ASCII, so the boundaries are left
    out and the classes spelt in Unicode.
    """
    inside = False

    def spelt(match: "regex.Match[str]") -> str:
        nonlocal inside
        if match.group(2) or match.group(3):
            inside = bool(match.group(2))
            return str(match.group())
        letters = {"w": r"\pL\pM\pN_", "d": r"\p{Nd}", "b": ""}.get(match.group(1))
        if letters is None:
            return str(match.group())
        return letters if inside or not letters else f"[{letters}]"

    return str(_CLASS_ESCAPE.sub(spelt, pattern))


_BETWEEN: Final = " .!?:;,\n。！？؟।"
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)|\n|[。！？؟।]")


def sentence_end(text: str, position: int) -> int:
    """Where the sentence around `position` ends, at most 400 characters on."""
    limit = min(len(text), position + 400)
    found = _SENTENCE_END.search(text, position, limit)
    return found.end() if found else limit


def sentence(text: str, start: int, end: int) -> str:
    """The sentence around a match, from 200 characters before it at most."""
    low = max(0, start - 200)
    before = [found.end() for found in _SENTENCE_END.finditer(text, low, start)]
    return text[before[-1] if before else low : sentence_end(text, end)]
