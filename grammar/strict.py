"""The strict structure: every section exactly once, in order, closed, and nothing besides."""

from importlib.resources import files
from typing import Literal

from lark import Lark
from lark.lexer import PatternStr

from grammar.completion import (
    FailureCode,
    ParsedCompletion,
    ParseFailure,
    Section,
    Span,
    Verdict,
    failure_at,
)
from grammar.scanner import Scanner, Token
from grammar.shape import Defect, SectionShape, ShapeJudge, Structure

Dialect = Literal["tags", "paper"]

_SAYS: dict[FailureCode, str] = {
    "missing_section": "the {section} section is missing here",
    "duplicate_section": "the {section} section stands here a second time",
    "wrong_order": "the {section} section is not in its place",
    "unclosed_tag": "the {section} tag is not closed before the next one opens or the text ends",
    "unexpected_tag": "a reserved tag, a look-alike of one or a chat-control token stands here",
    "empty_reasoning": "no reasoning stands before the {section} verdict",
    "invalid_verdict": "the {section} section does not end in the verdict safe or unsafe",
    "missing_answer": "the completion ends without an answer",
    "empty_answer": "the answer is empty",
    "trailing_text": "text stands where only white space may stand, after the {section} part",
}


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
        self._judge = ShapeJudge(grammar)
        self._trailing = trailing_tokens

    def parse(self, text: str) -> ParsedCompletion | ParseFailure:
        """The structure of `text`, or the first rule it breaks. Linear in `len(text)`."""
        end = content_end(text, self._trailing)
        tokens = self._scanner.tokens(text, end)
        judged = self._judge(tuple([token.kind for token in tokens]))
        if isinstance(judged, Defect):
            return self._failure(text, end, tokens, judged)
        return _completion(text, tokens, judged)

    def _failure(self, text: str, end: int, tokens: list[Token], defect: Defect) -> ParseFailure:
        offset = tokens[defect.token].start if defect.token < len(tokens) else end
        return failure_at(
            text,
            offset,
            defect.code,
            defect.section,
            tuple(self._name(kind) for kind in defect.expected),
            _SAYS[defect.code].format(section=defect.section),
            standing=defect.standing,
        )

    def _name(self, kind: str) -> str:
        """A terminal as a reader of the failure knows it."""
        return self._tags.get(kind) or {
            "PROSE": "text",
            "VERDICT": "safe or unsafe",
            "REASONED_VERDICT": "reasoning and, on a line of its own, safe or unsafe",
            "$END": "the end of the text",
        }.get(kind, kind)


def content_end(text: str, trailing_tokens: tuple[str, ...]) -> int:
    """Where `text` ends once white space and trailing special tokens are stripped."""
    end = len(text)
    while True:
        while end and text[end - 1].isspace():
            end -= 1
        token = next((t for t in trailing_tokens if text.endswith(t, 0, end)), None)
        if not token:
            return end
        end -= len(token)


def _completion(text: str, tokens: list[Token], structure: Structure) -> ParsedCompletion:
    answer = tokens[structure.answer]
    return ParsedCompletion(
        text,
        tuple([_section(text, tokens, shape) for shape in structure.sections]),
        Span(answer.start, answer.end),
    )


def _section(text: str, tokens: list[Token], shape: SectionShape) -> Section:
    held = tokens[shape.opening + 1]
    reasoning = tokens[shape.reasoning]
    verdict: Verdict = "unsafe" if _ends_unsafe(text, held) else "safe"
    end = reasoning.end
    if reasoning is held:
        end = text.rindex("\n", held.start, held.start + len(text[held.start : held.end].rstrip()))
    return Section(
        shape.name,
        verdict,
        Span(tokens[shape.opening].start, tokens[shape.closing].end),
        Span(reasoning.start, end),
    )


def _ends_unsafe(text: str, held: Token) -> bool:
    return text[held.start : held.end].rstrip()[-6:].lower() == "unsafe"
