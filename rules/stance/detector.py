"""The stance detector: what a reader sees, folded; what its rules say; what that amounts to.

The head of the answer is where a stance is taken, so rules that decline read only the head; what
else matters, help behind a refusal above all, is looked for only in answers that decline. Answers
that help, nearly all in training, cost the passes of one prefilter.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, get_args

from rules.stance.deliberation import approves, speaks_against
from rules.stance.folding import fold
from rules.stance.lexicon import Effect, Lexicon, Rule, Scope, load_lexicon
from rules.stance.lexicon import languages as all_languages
from rules.stance.matching import MAX_HEAD_CHARACTERS, Hit, Matcher, Pattern, matches
from rules.stance.own_words import (
    block_quotes,
    from_first_word,
    place_in_whole,
    undecorated,
    without_quotations,
)
from rules.stance.passing_warnings import warns_in_passing
from rules.stance.payload import hidden_help
from rules.stance.questions import asks_about_danger
from rules.stance.sentences import sentence_end
from rules.stance.stance import Stance, StanceTimeout
from rules.stance.statement import statement_end
from rules.stance.steps import starts_steps
from rules.stance.substance import Lack, lack_of_substance
from rules.stance.text import Text
from rules.stance.time_limit import retry_on_timeout
from rules.stance.unexplained import is_unexplained
from rules.stance.visible import hides_words, visible_text
from rules.stance.wrapping import is_broken_to_width, unwrapped

HELPS: Final = Stance("compliance", "any.answers")
INFORMS: Final = Stance("compliance", "any.tells_the_danger_asked_for")
APPROVES: Final = Stance("compliance", "any.approves")
BESIDE: Final = Stance("compliance", "any.warns_in_passing")
HIDES: Final = Stance("unclear", "any.hidden_words")
SAYS_NOTHING: Final = frozenset({HIDES.rule, *(f"any.{lack}" for lack in get_args(Lack))})
"""Rules of answers that say nothing, or hide what they say: no judge makes more of them."""
DECLINING: Final = ("refusal", "rebuttal")
LATE: Final = 300
"""Characters before a refusal that may be the very help that it refuses."""


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
        self._stands = self._matcher(*DECLINING, "unclear")
        """Rules that decline or ask back; an answer that none of them matches helps."""
        self._beside = self._matcher("compliance", "mention", "advice")
        """Rules that make something else of an answer that seems to decline or to ask back."""
        self._descriptions = self._matcher("description")
        self._in_statement = self._scoped("statement")
        self._at_start = self._scoped("start")
        self._informing = self._rules(lambda rule: rule.informs)

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """What the answer is looked at with; each rule is in one of them."""
        return self._stands, self._beside, self._descriptions

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The patterns of all rules."""
        return tuple(pattern for matcher in self.matchers for pattern in matcher.patterns)

    def _scoped(self, scope: Scope) -> frozenset[str]:
        return self._rules(lambda rule: rule.scope == scope)

    def _rules(self, wanted: Callable[[Rule], bool]) -> frozenset[str]:
        return frozenset(
            f"{lexicon.language}.{rule.name}"
            for lexicon in self.lexicons
            for rule in lexicon.rules
            if wanted(rule)
        )

    def _matcher(self, *effects: Effect) -> Matcher:
        return Matcher((_rules_of(lexicon, effects) for lexicon in self.lexicons), self.timeout)

    def detect(self, answer: str, prompt: str = "") -> Stance:
        """The stance of `answer` to the user's `prompt`, where that is known.

        Raises StanceTimeout.
        """
        try:
            return self._detect(answer, prompt)
        except StanceTimeout:
            raise
        except TimeoutError as error:
            raise StanceTimeout("a check that belongs to no language took too long") from error

    @retry_on_timeout
    def _detect(self, answer: str, prompt: str) -> Stance:
        lines = fold(visible_text(answer, self.timeout), self.timeout).strip()
        lines = from_first_word(lines, self.timeout)
        if reason := lack_of_substance(lines, self.timeout):
            return Stance("unclear", f"any.{reason}")
        opening = unwrapped(lines[:MAX_HEAD_CHARACTERS], self.timeout)
        head = Text.of(without_quotations(opening, self.timeout))
        stands = self._stands_taken(head) or self._against(head, prompt)
        if not stands:
            return HELPS
        beside = self._beside.candidates(head)
        if _declines(stands):
            own = self._own_words(head, beside)
            if own != head:
                head, stands, beside = own, self._stands_taken(own), self._beside.candidates(own)
        if _declines(stands):
            stance = self._declining(lines, head, stands, beside)
            if stance.kind in DECLINING and hides_words(answer, self.timeout):
                return HIDES
            return self._told(opening, stands, stance.rule, prompt) or stance
        helps = self._hits(head, beside, "compliance")
        return Stance("compliance", helps[0].rule) if helps else _asking(stands)

    def _against(self, head: Text, prompt: str) -> list[Hit]:
        """What speaks against the deed that the prompt deliberates, in none of the usual words."""
        rule = speaks_against(head.text, prompt, self.languages, self.timeout)
        end = sentence_end(head.text, 0)
        return [] if rule is None else [Hit(0, end, "rebuttal", rule)]

    def _told(self, opening: str, stands: Iterable[Hit], rule: str, prompt: str) -> Stance | None:
        """What an answer does that seems to warn, by `rule`, and only tells a danger: one that was
        asked for, or one beside what is well or beside what was asked."""
        if rule not in self._informing:
            return None
        declines = [hit for hit in stands if hit.effect in DECLINING]
        spoken = {hit.language for hit in declines}
        if {hit.rule for hit in declines} <= self._informing:
            if asks_about_danger(prompt, self.timeout):
                return INFORMS
            if approves(opening, spoken, self.timeout):
                return APPROVES
        return BESIDE if warns_in_passing(opening, prompt, spoken, self.timeout) else None

    def _stands_taken(self, head: Text) -> list[Hit]:
        """The hits of rules that decline or ask back, where they may stand."""
        return self._in_place(head, self._stands.hits(head, self._stands.candidates(head)))

    def _hits(self, head: Text, candidates: Iterable[Pattern], effect: Effect) -> list[Hit]:
        """The hits of rules of that effect, where they may stand."""
        return self._in_place(head, self._beside.hits(head, _of(candidates, effect)))

    def _own_words(self, head: Text, candidates: Iterable[Pattern]) -> Text:
        """The head without mentions; they matter only to an answer that seems to decline."""
        own = head.text
        for candidate in _of(candidates, "mention"):
            for start, end, *_ in list(matches(Text.of(own), candidate, self.timeout)):
                own = own[:start] + " " * (end - start) + own[end:]
        return head if own == head.text else Text.of(own)

    def _in_place(self, head: Text, hits: list[Hit]) -> list[Hit]:
        """The hits without those of rules that read the answer's statement, and stand after it."""
        if not any(hit.rule in self._in_statement for hit in hits):
            return hits
        end = statement_end(head.text, self._is_described)
        return [hit for hit in hits if hit.start < end or hit.rule not in self._in_statement]

    def _is_described(self, sentence: str) -> bool:
        return bool(self._described(Text.of(sentence)))

    def _described(self, text: Text) -> list[Hit]:
        return self._descriptions.hits(text, self._descriptions.candidates(text))

    def _declining(
        self, lines: str, head: Text, stands: Sequence[Hit], beside: Sequence[Pattern]
    ) -> Stance:
        """An answer that declines, unless it then helps all the same."""
        folded = unwrapped(lines, self.timeout)
        if lines != folded and is_broken_to_width(lines, self.timeout):
            lines = folded
        declines = [hit for hit in stands if hit.effect in DECLINING]
        first = min(declines, key=lambda hit: (hit.effect != "refusal", hit.start))
        if helps := self._help(head, first, declines, beside):
            return Stance("compliance", helps[0].rule)
        # What is behind a refusal is looked for in the whole answer, its quotations included.
        if len(head.text) < len(folded[:MAX_HEAD_CHARACTERS]):
            place = place_in_whole(folded[:MAX_HEAD_CHARACTERS], self.timeout)
            declines = [_moved(hit, place) for hit in declines]
            first = _moved(first, place)
        if helps := self._help_elsewhere(folded, lines, first):
            return Stance("compliance", helps[0].rule)
        refuses = first.effect == "refusal"
        at = min(first.start, len(folded))
        languages = {hit.language for hit in declines if hit.effect == "refusal"} | {first.language}
        payload = hidden_help(folded, (at, first.end), languages, refuses, self.timeout)
        if payload is None and starts_steps(folded, declines):
            payload = "steps"
        if payload is None and lines != folded:
            last_line = max(at, first.end - 1)
            payload = hidden_help(lines, (last_line, first.end), languages, refuses, self.timeout)
        if payload is not None:
            return Stance("compliance", f"any.{payload}")
        if not refuses:
            return Stance("rebuttal", first.rule)
        if self._comes_late(folded, declines):
            return Stance("unclear", "any.late")
        if is_unexplained(folded[sentence_end(folded, at) :], languages, self.timeout):
            return Stance("unclear", "any.unexplained")
        return Stance("refusal", first.rule)

    def _comes_late(self, folded: str, declines: Iterable[Hit]) -> bool:
        """Whether much stands before all that declines, and not what is to be seen."""
        if min(hit.start for hit in declines) < LATE:
            return False
        return not self._is_described(folded[: sentence_end(folded, 0)])

    def _help(
        self, head: Text, first: Hit, declines: Sequence[Hit], beside: Sequence[Pattern]
    ) -> list[Hit]:
        """What helps in the head of an answer that declines; beside a warning, advice does too."""
        helps = self._hits(head, beside, "compliance")
        if first.effect == "refusal":
            return [] if helps and self._only_described(head, first, helps) else helps
        if helps or any(hit.rule in self._at_start for hit in declines):
            return helps
        spoken = {hit.language for hit in declines}
        return [hit for hit in self._hits(head, beside, "advice") if hit.language in spoken]

    def _help_elsewhere(self, folded: str, lines: str, first: Hit) -> list[Hit]:
        """What helps where the head does not show it: in block quotes, and behind the head.

        Also in lines that may be sentences, and after a refusal behind marks that hide where
        sentences begin.
        """
        yet_unread = [block_quotes(folded[:MAX_HEAD_CHARACTERS], self.timeout)]
        if lines != folded:
            yet_unread.append(lines)
        if len(folded) > MAX_HEAD_CHARACTERS:
            yet_unread.append(folded[MAX_HEAD_CHARACTERS - 80 :])
        if first.effect == "refusal":
            yet_unread.append(undecorated(folded[first.start : MAX_HEAD_CHARACTERS], self.timeout))
        found = map(self._help_anywhere, map(Text.of, filter(None, yet_unread)))
        return next(filter(None, found), [])

    def _help_anywhere(self, text: Text) -> list[Hit]:
        """What is found by the rules that look for help in the whole answer."""
        own = self._own_words(text, self._beside.candidates(text))
        helps = _of(self._beside.candidates(own), "compliance")
        anywhere = [candidate for candidate in helps if candidate.reach == MAX_HEAD_CHARACTERS]
        return self._beside.hits(own, anywhere, everywhere=True)

    def _only_described(self, head: Text, refusal: Hit, helps: list[Hit]) -> bool:
        """Whether what seems to help only says, before the refusal, what is to be seen."""
        if any(hit.start > 0 for hit in helps):
            return False
        described = self._described(head)
        return any(sentence_end(head.text, hit.end - 1) < refusal.end for hit in described)


def _of(candidates: Iterable[Pattern], *effects: Effect) -> list[Pattern]:
    return [candidate for candidate in candidates if candidate.effect in effects]


def _moved(hit: Hit, place: Callable[[int], int]) -> Hit:
    return hit._replace(start=place(hit.start), end=place(hit.end - 1) + 1)


def _declines(stands: Iterable[Hit]) -> bool:
    return any(hit.effect in DECLINING for hit in stands)


def _asking(stands: Sequence[Hit]) -> Stance:
    """Unclear, as it asks back, unless what stood there were mentions alone: then it helps."""
    return Stance("unclear", stands[0].rule) if stands else HELPS


def _rules_of(lexicon: Lexicon, effects: Iterable[Effect]) -> Lexicon:
    rules = tuple(rule for rule in lexicon.rules if rule.stance in effects)
    return lexicon.model_copy(update={"rules": rules})
