"""The stance detector: fold, prefilter, confirm, decide.

The head of the answer is where a stance is taken, so rules that decline read only the head; rules
that find help behind a refusal read all of it, and only in answers that decline. Answers that help,
nearly all in training, cost one pass of the prefilter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import regex

from rules.stance.folding import fold
from rules.stance.lexicon import LANGUAGES, Effect, Lexicon, Rule, Scope, load_lexicon
from rules.stance.payload import has_steps, hidden_help
from rules.stance.prefilter import Prefilter
from rules.stance.substance import lack_of_substance
from rules.stance.visible import visible_text, without_quotations

StanceKind = Literal["refusal", "rebuttal", "compliance", "unclear"]

HEAD: Final = 1200
"""Characters in which an answer that declines must have said so."""
REACH: Final[dict[Scope, int]] = {"start": 1, "opening": 360, "anywhere": HEAD}
"""Before which character of the answer a rule of each scope must begin to match."""


class StanceTimeout(TimeoutError):  # noqa: N818  (a time-out by name, as in the standard library)
    """A stance rule took longer than allowed; the message names it, never the answer."""


@dataclass(frozen=True, slots=True)
class Stance:
    """What an answer does, and the rule that decided, such as `en.first_person_cannot`."""

    kind: StanceKind
    rule: str


class _Pattern(NamedTuple):
    rule: str
    effect: Effect
    reach: int
    exact: "regex.Pattern[str]"
    unless: "tuple[regex.Pattern[str], ...]"


class _Hit(NamedTuple):
    at: int
    effect: Effect
    rule: str


HELPS: Final = Stance("compliance", "default.answers")


class StanceDetector:
    """Detects the stance of answers. Stateless after construction; threads may share one."""

    def __init__(self, languages: Sequence[str] | None = None, timeout: float = 0.25) -> None:
        """Load the lexicons of `languages` (codes; all by default).

        `timeout`: seconds that one match of one pattern may take. Raises LexiconError.
        """
        self.languages = tuple(LANGUAGES if languages is None else languages)
        self.timeout = timeout
        self.lexicons = tuple(load_lexicon(language) for language in self.languages)
        self._patterns = [p for lexicon in self.lexicons for p in _compiled(lexicon)]
        self._prefilter = Prefilter(
            [pattern.exact.pattern for pattern in self._patterns],
            [pattern.rule for pattern in self._patterns],
        )

    def __reduce__(self) -> tuple[type["StanceDetector"], tuple[tuple[str, ...], float]]:
        return StanceDetector, (self.languages, self.timeout)

    def detect(self, answer: str) -> Stance:
        """The stance of `answer`. Raises StanceTimeout."""
        folded = fold(self._visible(answer)).strip()
        if reason := lack_of_substance(folded):
            return Stance("unclear", f"substance.{reason}")
        head = without_quotations(folded[:HEAD])
        hits = list(self._hits(head, ("refusal", "rebuttal", "clarification", "help")))
        declines = [hit for hit in hits if hit.effect in ("refusal", "rebuttal")]
        if not declines:
            return _without_declining(hits)
        return self._declining(folded, head, declines, hits)

    def _visible(self, answer: str) -> str:
        try:
            return visible_text(answer, self.timeout)
        except TimeoutError as error:
            raise StanceTimeout("the search for hidden markup took too long") from error

    def _hits(self, text: str, effects: tuple[Effect, ...]) -> Iterator[_Hit]:
        for index in self._prefilter.candidates(text):
            pattern = self._patterns[index]
            if pattern.effect not in effects:
                continue
            at = self._confirm(pattern, text)
            if at is not None:
                yield _Hit(at, pattern.effect, pattern.rule)

    def _confirm(self, pattern: _Pattern, text: str) -> int | None:
        """Where the pattern matches with no exception in the same sentence."""
        try:
            for match in pattern.exact.finditer(text, timeout=self.timeout):
                if match.start() >= pattern.reach and pattern.effect != "help":
                    return None
                sentence = _sentence(text, match.start(), match.end())
                if not any(e.search(sentence, timeout=self.timeout) for e in pattern.unless):
                    return int(match.start())
        except TimeoutError as error:
            raise StanceTimeout(f"the rule {pattern.rule} took too long") from error
        return None

    def _declining(
        self, folded: str, head: str, declines: list[_Hit], hits: list[_Hit]
    ) -> Stance:
        """An answer that declines, unless it then helps all the same."""
        first = min(declines, key=lambda hit: (hit.effect != "refusal", hit.at))
        helps = [hit for hit in hits if hit.effect == "help"]
        if not helps and len(folded) > HEAD:
            helps = list(self._hits(folded[HEAD - 80 :], ("help",)))
        if helps:
            return Stance("compliance", helps[0].rule)
        try:
            payload = hidden_help(folded, min(first.at, len(head)), self.timeout)
            if payload is None and first.effect == "refusal" and len(declines) == 1:
                payload = self._bare_steps(folded, first.at)
        except TimeoutError as error:
            raise StanceTimeout("the search for a hidden payload took too long") from error
        if payload is not None:
            return Stance("compliance", f"payload.{payload}")
        kind: StanceKind = "refusal" if first.effect == "refusal" else "rebuttal"
        return Stance(kind, first.rule)

    def _bare_steps(self, folded: str, declined_at: int) -> str | None:
        """Steps that follow a one-sentence refusal at once, with nothing said of alternatives."""
        end = _sentence_end(folded, declined_at)
        near = folded[end : end + 60]
        return "steps" if has_steps(near, 0, self.timeout) else None


def _without_declining(hits: list[_Hit]) -> Stance:
    helps = [hit for hit in hits if hit.effect == "help"]
    asks = [hit for hit in hits if hit.effect == "clarification"]
    if helps or not asks:
        return Stance("compliance", helps[0].rule) if helps else HELPS
    return Stance("unclear", asks[0].rule)


def _compiled(lexicon: Lexicon) -> Iterator[_Pattern]:
    for rule in lexicon.rules:
        unless = tuple(regex.compile(pattern) for pattern in rule.unless)
        for pattern in rule.patterns:
            yield _Pattern(
                rule=f"{lexicon.language}.{rule.name}",
                effect=rule.stance,
                reach=REACH[rule.scope],
                exact=regex.compile(_anchored(pattern, rule)),
                unless=unless,
            )


def _anchored(pattern: str, rule: Rule) -> str:
    return rf"\A(?:{pattern})" if rule.scope == "start" else pattern


_SENTENCE_END: Final = regex.compile(r"[.!?](?=\s|$)|\n|[。！？؟।]")


def _sentence_end(text: str, position: int) -> int:
    found = _SENTENCE_END.search(text, position, min(len(text), position + 400))
    return found.end() if found else min(len(text), position + 400)


def _sentence(text: str, start: int, end: int) -> str:
    """The sentence around a match, from 200 characters before it at most."""
    low = max(0, start - 200)
    before = [found.end() for found in _SENTENCE_END.finditer(text, low, start)]
    return text[before[-1] if before else low : _sentence_end(text, end)]
