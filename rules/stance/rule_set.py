"""The lexicons' rules as questions to a text: what declines, what helps, what is only mentioned.

A hit counts only where its rule's scope allows it; the scope `statement` depends on the answer.
"""

from collections.abc import Callable, Iterable, Sequence

from rules.stance.lexicon import Effect, Lexicon, Rule
from rules.stance.matching import MAX_HEAD_CHARACTERS, Hit, Matcher, Pattern, matches
from rules.stance.sentences import sentence_end
from rules.stance.stance import DECLINING
from rules.stance.statement import statement_end
from rules.stance.text import Text


class RuleSet:
    """The rules of some lexicons. Stateless after construction; threads may share one."""

    def __init__(self, lexicons: Sequence[Lexicon]) -> None:
        """Raises LexiconError."""
        self._lexicons = lexicons
        self._stances = self._matcher(*DECLINING, "unclear")
        """An answer that none of these rules matches helps; most answers are read no further."""
        self._overrides = self._matcher("compliance", "mention")
        """Rules that change what an answer that seems to decline, or to ask back, amounts to."""
        self._advice = self._matcher("advice")
        """Rules that help beside a warning, so that refusals need not be searched for them."""
        self._descriptions = self._matcher("description")
        self._in_statement = self._named(lambda rule: rule.scope == "statement")
        self._at_start = self._named(lambda rule: rule.scope == "start")
        self._informing = self._named(lambda rule: rule.informs)

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """All matchers; each rule is in exactly one of them."""
        return self._stances, self._overrides, self._advice, self._descriptions

    def stances(self, head: Text) -> list[Hit]:
        """The hits of rules that decline or ask back."""
        return self._in_scope(head, self._stances.hits(head, self._stances.candidates(head)))

    def overrides(self, text: Text) -> list[Pattern]:
        """The patterns that may help or mention in the text; found once, used for each question."""
        return self._overrides.candidates(text)

    def without_mentions(self, text: Text, overrides: Iterable[Pattern]) -> Text:
        """The text with blanks in place of refusals that it only mentions."""
        own = text.text
        for pattern in _with_effect(overrides, "mention"):
            for start, end, *_ in list(matches(Text.of(own), pattern)):
                own = own[:start] + " " * (end - start) + own[end:]
        return text if own == text.text else Text.of(own)

    def help_in_head(self, head: Text, overrides: Iterable[Pattern]) -> list[Hit]:
        """The hits of rules that help."""
        helps = _with_effect(overrides, "compliance")
        return self._in_scope(head, self._overrides.hits(head, helps))

    def advice_in_head(self, head: Text) -> list[Hit]:
        """The hits of rules that tell how to do something."""
        return self._in_scope(head, self._advice.hits(head, self._advice.candidates(head)))

    def help_anywhere(self, text: Text) -> list[Hit]:
        """The hits, at any place, of rules that look for help in the whole answer."""
        overrides = self.overrides(text)
        own = self.without_mentions(text, overrides)
        if own != text:
            overrides = self.overrides(own)
        helps = _with_effect(overrides, "compliance")
        anywhere = [pattern for pattern in helps if pattern.reach == MAX_HEAD_CHARACTERS]
        return self._overrides.hits(own, anywhere, everywhere=True)

    def descriptions(self, text: Text) -> list[Hit]:
        """The hits of rules that describe the picture."""
        return self._descriptions.hits(text, self._descriptions.candidates(text))

    def is_description(self, sentence: str) -> bool:
        """Whether the folded sentence describes the picture."""
        return bool(self.descriptions(Text.of(sentence)))

    def informs(self, rule: str) -> bool:
        """Whether the rule only says what danger there is."""
        return rule in self._informing

    def reads_start(self, rule: str) -> bool:
        """Whether the rule reads only the start of an answer."""
        return rule in self._at_start

    def _in_scope(self, head: Text, hits: list[Hit]) -> list[Hit]:
        """The hits, except those after the statement of rules that read only the statement."""
        starts = [hit.start for hit in hits if hit.rule in self._in_statement]
        if not starts or max(starts) < sentence_end(head.text, 0):  # no statement ends sooner
            return hits
        end = statement_end(head.text, self.is_description)
        return [hit for hit in hits if hit.start < end or hit.rule not in self._in_statement]

    def _matcher(self, *effects: Effect) -> Matcher:
        return Matcher(_restricted(lexicon, effects) for lexicon in self._lexicons)

    def _named(self, wanted: Callable[[Rule], bool]) -> frozenset[str]:
        return frozenset(
            f"{lexicon.language}.{rule.name}"
            for lexicon in self._lexicons
            for rule in lexicon.rules
            if wanted(rule)
        )


def _with_effect(patterns: Iterable[Pattern], effect: Effect) -> list[Pattern]:
    return [pattern for pattern in patterns if pattern.effect == effect]


def _restricted(lexicon: Lexicon, effects: Iterable[Effect]) -> Lexicon:
    rules = tuple(rule for rule in lexicon.rules if rule.stance in effects)
    return lexicon.model_copy(update={"rules": rules})
