"""The strict structure: every section exactly once, in order, closed, and nothing else."""

import re
from importlib.resources import files
from typing import Literal

from lark import Lark
from lark.lexer import PatternStr

from grammar.completion import (
    ALL_PARTS_STAND,
    VERDICTS,
    Bounds,
    FailureCode,
    ParsedCompletion,
    ParseFailure,
    Place,
    Span,
    Verdict,
    failure_at,
    new_completion,
)
from grammar.ending import content_end
from grammar.scanner import Scanner, Token
from grammar.shape import Defect, Layout, SectionLayout, ShapeParser

Dialect = Literal["tags", "paper"]

_MESSAGES: dict[FailureCode, str] = {
    "missing_section": "the {section} section is missing here",
    "duplicate_section": "the {section} section stands here a second time",
    "wrong_order": "the {section} section is not in its place",
    "unclosed_tag": "the {section} tag is not closed before the next one opens or the text ends",
    "unexpected_tag": "a reserved tag, a look-alike of one or a chat-control token stands here",
    "empty_reasoning": "no reasoning stands before the {section} verdict",
    "invalid_verdict": "the {section} section lacks its one verdict, safe or unsafe, or holds more",
    "missing_answer": "the completion ends without an answer",
    "empty_answer": "the answer is empty",
    "trailing_text": "text stands where only white space may stand, after the {section} part",
}
_TEXT_NAMES = {
    "PROSE": "text",
    "VERDICT": "safe or unsafe",
    "REASONED_VERDICT": "reasoning and, on a line of its own, safe or unsafe",
    "$END": "the end of the text",
}
# Turns of Llama 2, Mistral and GLM, in brackets that are common in prose too.
_TURN = re.compile(
    r"\[(?:/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|THINK)|gMASK)\]"
)


class StrictParser:
    """Parses completions of one dialect; safe to share between threads.

    Args:
        dialect: `tags` or `paper`, the grammar file's name.
        trailing_tokens: special tokens to strip from the end of a completion.
    """

    def __init__(self, dialect: Dialect, trailing_tokens: tuple[str, ...] = ()) -> None:
        source = files("grammar").joinpath(f"{dialect}.lark").read_text(encoding="utf-8")
        grammar = Lark(source, parser="lalr", lexer="basic")
        self._tags = {
            terminal.name: str(terminal.pattern.value)
            for terminal in grammar.terminals
            if isinstance(terminal.pattern, PatternStr)
        }
        self._scanner = Scanner(self._tags)
        self._shapes = ShapeParser(grammar)
        self._trailing = trailing_tokens

    def parse(self, text: str) -> ParsedCompletion | ParseFailure:
        """The structure of `text`, or the first rule it breaks. Linear in `len(text)`."""
        end = content_end(text, self._trailing)
        tokens = self._scanner.tokens(text, end)
        shape = self._shapes.parse(tuple([token[0] for token in tokens]))
        if isinstance(shape, Defect):
            return self._failure(text, end, tokens, shape)
        completion = _completion(text, tokens, shape)
        return _forged_turn(completion) or completion

    def _failure(self, text: str, end: int, tokens: list[Token], defect: Defect) -> ParseFailure:
        offset = tokens[defect.token][1] if defect.token < len(tokens) else end
        return failure_at(
            text,
            offset,
            defect.code,
            defect.section,
            tuple(self._name(kind) for kind in defect.expected),
            _MESSAGES[defect.code].format(section=defect.section),
            standing=defect.standing,
        )

    def _name(self, kind: str) -> str:
        """A terminal in terms of the completion: the tag, or a description."""
        return self._tags.get(kind) or _TEXT_NAMES.get(kind, kind)


def _forged_turn(completion: ParsedCompletion) -> ParseFailure | None:
    """A forged chat turn in brackets (`[INST]`) fails like a tag; the scanner only sees `<`."""
    text = completion.text
    turn = _TURN.search(text) if "[" in text else None
    if turn is None:
        return None
    place: Place = "answer" if turn.start() >= completion.answer.start else "think"
    message = _MESSAGES["unexpected_tag"]
    return failure_at(
        text,
        turn.start(),
        "unexpected_tag",
        place,
        ("text",),
        message,
        standing=ALL_PARTS_STAND,
    )


def _completion(text: str, tokens: list[Token], layout: Layout) -> ParsedCompletion:
    _, start, end = tokens[layout.answer]
    sections = [_section(text, tokens, section) for section in layout.sections]
    verdicts, tagged, reasonings = zip(*sections, strict=True)
    return new_completion((text, verdicts, tagged, reasonings, Span(start, end)))


def _section(
    text: str, tokens: list[Token], section: SectionLayout
) -> tuple[Verdict, Bounds, Bounds]:
    """The verdict, the span of the judgement including its tags, and that of its reasoning."""
    _, opening, reasoned_inside = section
    _, start, _ = tokens[opening]
    _, held_start, held_end = tokens[opening + 1]
    _, _, end = tokens[opening + 2]
    held = text[held_start:held_end]
    verdict = VERDICTS.get(held) or _last_word(held)
    if reasoned_inside:
        held = held.rstrip()
        reasoned_to = held.rindex("\n")
        before, prose_start, _ = tokens[opening - 1] if opening else ("", 0, 0)
        # A text that ends with a colon is a label ("Verdict:"): the reasoning precedes the section.
        labelled = before == "PROSE" and held[:reasoned_to].rstrip().endswith((":", "："))
        reasoning = (prose_start if labelled else held_start), held_start + reasoned_to
    else:
        reasoning = tokens[opening - 1][1:]
    return verdict, (start, end), reasoning


def _last_word(held: str) -> Verdict:
    return "unsafe" if held.rstrip()[-6:].lower() == "unsafe" else "safe"
