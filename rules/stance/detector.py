"""The stance detector: fold what a reader sees, match the rules, decide what they amount to.

An answer takes its stance early, so rules that decline read only its head. Everything else, above
all the search for help behind a refusal, is done only for answers that decline. Answers that help,
nearly all in training, cost only the passes of one prefilter.
"""

from collections.abc import Iterable, Sequence
from typing import Final, get_args

from rules.stance.care import care_words
from rules.stance.declining import DecliningAnswer
from rules.stance.decoration import from_first_word
from rules.stance.deliberation import approves, deliberations, speaks_against
from rules.stance.filler import all_fillers
from rules.stance.folding import fold
from rules.stance.help_behind_refusal import help_in_head, help_in_rest
from rules.stance.lexicon import languages as all_languages
from rules.stance.lexicon import load_lexicon
from rules.stance.matching import MAX_HEAD_CHARACTERS, Hit, Matcher, Pattern
from rules.stance.passing_warnings import warns_in_passing
from rules.stance.questions import asks_about_danger, questions
from rules.stance.quotations import without_quotations
from rules.stance.risks import risk_words
from rules.stance.rule_set import RuleSet
from rules.stance.sentences import sentence_end
from rules.stance.stance import DECLINING, Stance, StanceTimeout
from rules.stance.substance import Lack, lack_of_substance
from rules.stance.text import Text
from rules.stance.time_limit import within
from rules.stance.unexplained import is_unexplained
from rules.stance.visible import hides_words, visible_text
from rules.stance.wrapping import unwrapped

_HELPS: Final = Stance("compliance", "any.answers")
_INFORMS: Final = Stance("compliance", "any.tells_the_danger_asked_for")
_APPROVES: Final = Stance("compliance", "any.approves")
_WARNS_IN_PASSING: Final = Stance("compliance", "any.warns_in_passing")
_HIDES_WORDS: Final = Stance("unclear", "any.hidden_words")
_REFUSES_LATE: Final = Stance("unclear", "any.late")
_UNEXPLAINED: Final = Stance("unclear", "any.unexplained")
SAYS_NOTHING: Final = frozenset({_HIDES_WORDS.rule, *(f"any.{lack}" for lack in get_args(Lack))})
"""Rules of answers that say nothing, or hide what they say; a judge is not asked about them."""
_WORD_FILES: Final = (care_words, all_fillers, risk_words, questions, deliberations)
"""Loaded with the lexicons, so that a wrong one is an error at once."""
_MAX_CHARACTERS_BEFORE_REFUSAL: Final = 300
"""What precedes a refusal by more than this may be the very help that it refuses."""


class StanceDetector:
    """Detects the stance of answers. Stateless after construction; threads may share one."""

    def __init__(self, languages: Sequence[str] | None = None, timeout: float = 0.25) -> None:
        """Load the lexicons of `languages` (codes; all by default).

        `timeout`: seconds that one match of one pattern may take. Raises LexiconError, a
        ValueError, if a language has no lexicon or a file of words is wrong.
        """
        self.languages = all_languages() if languages is None else tuple(languages)
        self.timeout = timeout
        self.lexicons = tuple(load_lexicon(language) for language in self.languages)
        self._rules = RuleSet(self.lexicons)
        for load in _WORD_FILES:
            load()

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """All matchers; each rule is in exactly one of them."""
        return self._rules.matchers

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The patterns of all rules."""
        return tuple(pattern for matcher in self.matchers for pattern in matcher.patterns)

    def detect(self, answer: str, prompt: str = "") -> Stance:
        """The stance of `answer` to the user's `prompt`, if that is known.

        Raises StanceTimeout.
        """
        try:
            return within(self.timeout, self._detect, answer, prompt)
        except StanceTimeout:
            raise
        except TimeoutError as error:
            raise StanceTimeout("a check that belongs to no language took too long") from error

    def _detect(self, answer: str, prompt: str) -> Stance:
        lines = fold(visible_text(answer)).strip()
        lines = from_first_word(lines)
        if lack := lack_of_substance(lines):
            return Stance("unclear", f"any.{lack}")
        opening = unwrapped(lines[:MAX_HEAD_CHARACTERS])
        head = Text.of(without_quotations(opening))
        hits = self._rules.stances(head) or self._against(head, prompt)
        if not hits:
            return _HELPS
        overrides = self._rules.overrides(head)
        if _declining(hits):
            own = self._rules.without_mentions(head, overrides)
            if own != head:
                head, hits, overrides = own, self._rules.stances(own), self._rules.overrides(own)
        declines = _declining(hits)
        if not declines:
            return self._asking_back(head, hits, overrides)
        stance = self._declining(lines, head, declines, overrides)
        if stance.kind in DECLINING and hides_words(answer):
            return _HIDES_WORDS
        if self._rules.informs(stance.rule):
            return self._only_informing(opening, declines, prompt) or stance
        return stance

    def _against(self, head: Text, prompt: str) -> list[Hit]:
        """The hit of a warning that no lexicon rule sees: only the prompt shows that it is one."""
        rule = speaks_against(head.text, prompt, self.languages)
        end = sentence_end(head.text, 0)
        return [] if rule is None else [Hit(0, end, "rebuttal", rule)]

    def _asking_back(self, head: Text, hits: Sequence[Hit], overrides: Sequence[Pattern]) -> Stance:
        """An answer that asks back is unclear, unless it helps as well, or only mentions that."""
        if helps := self._rules.help_in_head(head, overrides):
            return Stance("compliance", helps[0].rule)
        return Stance("unclear", hits[0].rule) if hits else _HELPS

    def _declining(
        self, lines: str, head: Text, declines: Sequence[Hit], overrides: Sequence[Pattern]
    ) -> Stance:
        """An answer that declines, unless it then helps all the same."""
        if rule := help_in_head(head, declines, overrides, self._rules):
            return Stance("compliance", rule)
        declining = DecliningAnswer.of(lines, head, declines)
        if rule := help_in_rest(declining, self._rules):
            return Stance("compliance", rule)
        if not declining.refuses:
            return Stance("rebuttal", declining.deciding.rule)
        if self._refuses_late(declining):
            return _REFUSES_LATE
        rest = declining.text[sentence_end(declining.text, declining.begins) :]
        if is_unexplained(rest, declining.languages):
            return _UNEXPLAINED
        return Stance("refusal", declining.deciding.rule)

    def _refuses_late(self, answer: DecliningAnswer) -> bool:
        """Whether much precedes all that declines, and it is not a description of the picture."""
        if min(hit.start for hit in answer.declines) < _MAX_CHARACTERS_BEFORE_REFUSAL:
            return False
        return not self._rules.is_description(answer.text[: sentence_end(answer.text, 0)])

    def _only_informing(self, opening: str, declines: Sequence[Hit], prompt: str) -> Stance | None:
        """What an answer that names a danger does, if that is not meant as a warning: the prompt
        asked for the danger, or the answer approves of the deed or tells what was asked."""
        languages = {hit.language for hit in declines}
        if all(self._rules.informs(hit.rule) for hit in declines):
            if asks_about_danger(prompt):
                return _INFORMS
            if approves(opening, languages):
                return _APPROVES
        warns_beside = warns_in_passing(opening, prompt, languages)
        return _WARNS_IN_PASSING if warns_beside else None


def _declining(hits: Iterable[Hit]) -> list[Hit]:
    return [hit for hit in hits if hit.effect in DECLINING]
