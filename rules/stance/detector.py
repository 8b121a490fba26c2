"""The stance detector: what a reader sees, folded; what its rules say; what that amounts to.

The head of the answer is where a stance is taken, so rules that decline read only the head; rules
that find help behind a refusal read all of it, and only in answers that decline. Answers that help,
nearly all in training, cost one pass of the prefilter.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from rules.stance.folding import fold
from rules.stance.lexicon import Effect, Lexicon, Scope, load_lexicon
from rules.stance.lexicon import languages as all_languages
from rules.stance.matching import HEAD, Hit, Matcher, sentence_end
from rules.stance.payload import hidden_help, starts_steps
from rules.stance.stance import Stance, StanceTimeout
from rules.stance.statement import statement_end
from rules.stance.substance import lack_of_substance
from rules.stance.visible import visible_text, without_quotations
from rules.stance.written import Text

HELPS: Final = Stance("compliance", "any.answers")
DECLINING: Final = ("refusal", "rebuttal")
TAKING: Final[tuple[Effect, ...]] = ("refusal", "rebuttal", "compliance", "unclear", "mention")
"""Effects that are looked for in every answer; the others only where an answer declines."""


class StanceDetector:
    """Detects the stance of answers. Stateless after construction; threads may share one."""

    def __init__(self, languages: Sequence[str] | None = None, timeout: float = 0.25) -> None:
        """Load the lexicons of `languages` (codes; all by default).

        `timeout`: seconds that one match of one pattern may take. Raises LexiconError, a
        ValueError, if a language has no lexicon.
        """
        self.languages = all_languages() if languages is None else tuple(languages)
        self.timeout = timeout
        self.lexicons = tuple(load_lexicon(language) for language in self.languages)
        self.matcher = self._matcher(*TAKING)
        self._advice = self._matcher("advice")
        self._descriptions = self._matcher("description")
        self._in_statement = self._scoped("statement")
        self._at_start = self._scoped("start")

    def _scoped(self, scope: Scope) -> frozenset[str]:
        return frozenset(
            f"{lexicon.language}.{rule.name}"
            for lexicon in self.lexicons
            for rule in lexicon.rules
            if rule.scope == scope
        )

    def _matcher(self, *effects: Effect) -> Matcher:
        return Matcher((_rules_of(lexicon, effects) for lexicon in self.lexicons), self.timeout)

    def __reduce__(self) -> tuple[type["StanceDetector"], tuple[tuple[str, ...], float]]:
        return StanceDetector, (self.languages, self.timeout)

    def detect(self, answer: str) -> Stance:
        """The stance of `answer`. Raises StanceTimeout."""
        try:
            return self._detect(answer)
        except StanceTimeout:
            raise
        except TimeoutError as error:
            raise StanceTimeout("a check that belongs to no language took too long") from error

    def _detect(self, answer: str) -> Stance:
        folded = fold(visible_text(answer, self.timeout), self.timeout).strip()
        if reason := lack_of_substance(folded, self.timeout):
            return Stance("unclear", f"any.{reason}")
        head = Text.of(without_quotations(folded[:HEAD], self.timeout))
        hits, own = self._hits(head)
        declines = [hit for hit in hits if hit.effect in DECLINING]
        if declines:
            return self._declining(folded, own, declines, hits)
        return _without_declining(hits)

    def _hits(self, head: Text) -> tuple[list[Hit], Text]:
        """What the rules find, and the head without mentions if it seems to decline."""
        candidates = self.matcher.candidates(head)
        others = [p for p in candidates if p.effect != "mention"]
        hits = self._in_place(head, self.matcher.hits(head, others))
        if not any(hit.effect in DECLINING for hit in hits):
            return hits, head  # a mention matters only to an answer that seems to decline
        own = head
        for pattern in candidates:
            if pattern.effect == "mention":
                for start, end, *_ in list(self.matcher.matches(own, pattern)):
                    blank = " " * (end - start)
                    own = Text.of(own.text[:start] + blank + own.text[end:])
        if own == head:
            return hits, head
        return self._in_place(head, self.matcher.hits(own, others)), own

    def _in_place(self, head: Text, hits: list[Hit]) -> list[Hit]:
        """The hits without those of rules that read the answer's statement, and stand after it."""
        if not any(hit.rule in self._in_statement for hit in hits):
            return hits
        end = statement_end(head.text, self._is_described)
        return [
            hit
            for hit in hits
            if hit.rule not in self._in_statement or sentence_end(head.text, hit.start) <= end
        ]

    def _is_described(self, text: str) -> bool:
        return bool(self._matches(self._descriptions, Text.of(text)))

    @staticmethod
    def _matches(matcher: Matcher, text: Text) -> list[Hit]:
        return matcher.hits(text, matcher.candidates(text))

    def _declining(self, folded: str, head: Text, declines: list[Hit], hits: list[Hit]) -> Stance:
        """An answer that declines, unless it then helps all the same."""
        first = min(declines, key=lambda hit: (hit.effect != "refusal", hit.start))
        helps = [hit for hit in hits if hit.effect == "compliance"]
        refuses = first.effect == "refusal"
        if helps and refuses and self._only_described(head, first, helps):
            helps = []
        if not helps and not refuses and not any(d.rule in self._at_start for d in declines):
            spoken = {hit.language for hit in declines}
            helps = [hit for hit in self._matches(self._advice, head) if hit.language in spoken]
        if not helps and len(folded) > HEAD:
            helps = self.matcher.help_anywhere(Text.of(folded[HEAD - 80 :]))
        if helps:
            return Stance("compliance", helps[0].rule)
        at = min(first.start, len(head.text))
        languages = {hit.language for hit in declines if hit.effect == "refusal"} | {first.language}
        payload = hidden_help(folded, at, languages, refuses, self.timeout)
        end = sentence_end(folded, at)
        if payload is None and refuses and all(hit.start < end for hit in declines):
            payload = "steps" if starts_steps(folded, at, self.timeout) else None
        if payload is not None:
            return Stance("compliance", f"any.{payload}")
        return Stance("refusal" if refuses else "rebuttal", first.rule)

    def _only_described(self, head: Text, refusal: Hit, helps: list[Hit]) -> bool:
        """Whether what seems to help only says, before the refusal, what is to be seen."""
        if any(hit.start > 0 for hit in helps):
            return False
        described = self._matches(self._descriptions, head)
        return any(sentence_end(head.text, hit.end - 1) < refusal.end for hit in described)


def _rules_of(lexicon: Lexicon, effects: Iterable[Effect]) -> Lexicon:
    rules = tuple(rule for rule in lexicon.rules if rule.stance in effects)
    return lexicon.model_copy(update={"rules": rules})


def _without_declining(hits: list[Hit]) -> Stance:
    helps = [hit for hit in hits if hit.effect == "compliance"]
    asks = [hit for hit in hits if hit.effect == "unclear"]
    if helps or not asks:
        return Stance("compliance", helps[0].rule) if helps else HELPS
    return Stance("unclear", asks[0].rule)
