"""Help that an answer gives although it declines: in its head, in its rest, or in disguise.

"I can't help with that. But here is how: …" complies. The rules of the lexicons are asked first;
then what needs no lexicon: lists of steps, and payloads such as code or another language.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from rules.stance.declining import DecliningAnswer, deciding_hit
from rules.stance.decoration import split_at_marks
from rules.stance.matching import MAX_HEAD_CHARACTERS, Hit, Pattern
from rules.stance.payload import hidden_help
from rules.stance.quotations import block_quotes
from rules.stance.rule_set import RuleSet
from rules.stance.sentences import sentence_end
from rules.stance.steps import starts_steps
from rules.stance.text import Text

_HEAD_OVERLAP_CHARACTERS: Final = 80
"""What is read of the head again with the rest, so that a match across its end is found."""


def help_in_head(
    head: Text, declines: Sequence[Hit], overrides: Sequence[Pattern], rules: RuleSet
) -> str | None:
    """The rule by which the head of an answer helps although it declines, or None.

    Beside a warning, advice is help as well; after a refusal it may be an alternative. `overrides`:
    the rules' candidates in `head`.
    """
    deciding = deciding_hit(declines)
    helps = rules.help_in_head(head, overrides)
    if deciding.effect == "refusal":
        if helps and _only_describes(head, deciding, helps, rules):
            return None
    elif not helps and not any(rules.reads_start(hit.rule) for hit in declines):
        spoken = {hit.language for hit in declines}
        advice = rules.advice_in_head(head)
        helps = [hit for hit in advice if hit.language in spoken]
    return helps[0].rule if helps else None


def help_in_rest(answer: DecliningAnswer, rules: RuleSet) -> str | None:
    """The rule by which the answer helps where its head does not show it, or None.

    Linear.
    """
    found = map(rules.help_anywhere, map(Text.of, filter(None, _unread_texts(answer))))
    if hit := next(chain.from_iterable(found), None):
        return hit.rule
    payload = _payload(answer)
    return None if payload is None else f"any.{payload}"


def _only_describes(head: Text, refusal: Hit, helps: Sequence[Hit], rules: RuleSet) -> bool:
    """Whether what seems to help only describes the picture before the refusal."""
    if any(hit.start > 0 for hit in helps):
        return False
    described = rules.descriptions(head)
    return any(sentence_end(head.text, hit.end - 1) < refusal.end for hit in described)


def _unread_texts(answer: DecliningAnswer) -> Iterator[str]:
    """The texts in which no rule has looked for help yet; some may be empty."""
    text, lines, _, deciding = answer
    yield block_quotes(text[:MAX_HEAD_CHARACTERS])
    if lines != text:
        yield lines
    if len(text) > MAX_HEAD_CHARACTERS:
        yield text[MAX_HEAD_CHARACTERS - _HEAD_OVERLAP_CHARACTERS :]
    if answer.refuses:
        yield split_at_marks(text[deciding.start : MAX_HEAD_CHARACTERS])


def _payload(answer: DecliningAnswer) -> str | None:
    """The kind of help that is seen without words of any lexicon, or None."""
    text, lines, declines, deciding = answer
    begins, end = answer.begins, deciding.end
    languages, refuses = answer.languages, answer.refuses
    if payload := hidden_help(text, (begins, end), languages, refuses):
        return payload
    if starts_steps(text, declines):
        return "steps"
    if lines == text:
        return None
    # The end of a line may end the sentence that declines, so it is sought from its last word.
    last = max(begins, end - 1)
    return hidden_help(lines, (last, end), languages, refuses)
