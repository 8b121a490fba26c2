"""The official structure: the public SafeGRPO code's reading of every input, in linear time."""

import re
from importlib.resources import files

from lark import Lark, Token

from grammar.completion import (
    SECTION_NAMES,
    FailureCode,
    LenientReading,
    ParsedCompletion,
    ParseFailure,
    Place,
    Section,
    SectionName,
    Span,
    Verdict,
    failure_at,
)
from grammar.shape import accepted

_VERDICTS: dict[str, Verdict] = {"safe": "safe", "unsafe": "unsafe"}


class OfficialParser:
    """Reads completions as the public code does; safe to share between threads.

    The public code's lazy patterns find each piece at its first occurrence past the piece before.
    Here that is one search per piece, each starting where the last one ended.
    """

    def __init__(self) -> None:
        source = files("grammar").joinpath("official.lark").read_text(encoding="utf-8")
        grammar = Lark(source, parser="lalr", lexer="basic", start=["structure", "answer"])
        terminals = {t.name: re.compile(t.pattern.to_regexp()) for t in grammar.terminals}
        pieces = _chain(grammar, "structure")
        self._pieces = [(name, terminals[name]) for name in pieces]
        self._verdict_tags = [(name, terminals[name.upper()]) for name in SECTION_NAMES]
        self._answer_open, self._answer_close = (terminals[n] for n in _chain(grammar, "answer"))

    def parse(self, text: str) -> ParsedCompletion | ParseFailure:
        """The official reading of `text`; a failure carries what its rewards alone would see."""
        verdict_tags = self._first_verdict_tags(text)
        answer = self._first_answer(text)
        broken = self._first_missing(text)
        if broken is None and answer is not None:
            return ParsedCompletion(text, _sections(verdict_tags), answer)
        name, offset = broken or ("ANSWER_CLOSE", len(text))
        return _failure(text, name, offset, verdict_tags, answer)

    def _first_missing(self, text: str) -> tuple[str, int] | None:
        """The first piece that does not stand in order, and where it was looked for."""
        position = 0
        for name, pattern in self._pieces[:-1]:
            match = pattern.search(text, position)
            if match is None:
                return name, position
            position = match.end()
        name, closing = self._pieces[-1]
        end = len(text.rstrip())
        ends_closed = closing.fullmatch(text, max(position, end - len("</answer>")), end)
        return None if ends_closed else (name, position)

    def _first_verdict_tags(self, text: str) -> dict[SectionName, re.Match[str] | None]:
        return {name: tag.search(text) for name, tag in self._verdict_tags}

    def _first_answer(self, text: str) -> Span | None:
        opening = self._answer_open.search(text)
        closing = opening and self._answer_close.search(text, opening.end())
        return Span(opening.end(), closing.start()) if opening and closing else None


def _chain(grammar: Lark, start: str) -> list[str]:
    """The terminals of a rule that is one fixed sequence, read off the LALR parser."""
    parser = grammar.parse_interactive("", start=start)
    names: list[str] = []
    while (following := accepted(parser)) != {"$END"}:
        (name,) = following
        names.append(name)
        parser.feed_token(Token(name, ""))
    return names


def _verdict(tag: re.Match[str] | None) -> Verdict | None:
    # `re` ignores case beyond ASCII: the long s of `ſafe` matches, but then equals no label.
    return _VERDICTS.get(tag[1].lower()) if tag else None


def _sections(tags: dict[SectionName, re.Match[str] | None]) -> tuple[Section, ...]:
    sections, before = [], 0
    for name, tag in tags.items():
        assert tag is not None, "a text with all pieces in order has every verdict tag"
        reasoning = Span(min(before, tag.start()), tag.start())
        sections.append(Section(name, _verdict(tag), Span(*tag.span()), reasoning))
        before = tag.end()
    return tuple(sections)


_MISSING: dict[str, tuple[FailureCode, Place, str]] = {
    "VISUAL": ("missing_section", "visual", "<visual_safe>safe or unsafe</visual_safe>"),
    "TEXT": ("missing_section", "text", "<text_safe>safe or unsafe</text_safe>"),
    "COMBINED": ("missing_section", "combined", "<combined_safe>safe or unsafe</combined_safe>"),
    "ANSWER_START": ("missing_answer", "answer", "</think>, white space, <answer>"),
    "ANSWER_CLOSE": ("unclosed_tag", "answer", "</answer> at the end of the text"),
}


def _failure(
    text: str,
    missing: str,
    offset: int,
    tags: dict[SectionName, re.Match[str] | None],
    answer: Span | None,
) -> ParseFailure:
    code, section, expected = _MISSING[missing]
    if missing == "ANSWER_CLOSE" and answer is not None and answer.start >= offset:
        code = "trailing_text"
    return failure_at(
        text,
        offset,
        code,
        section,
        (expected,),
        f"from here on the text lacks {expected}",
        standing=list(_MISSING).index(missing) / len(_MISSING),
        lenient=LenientReading({name: _verdict(tag) for name, tag in tags.items()}, answer),
    )
