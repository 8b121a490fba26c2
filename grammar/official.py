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
_TERMINALS: list[tuple[SectionName, str]] = [(name, name.upper()) for name in SECTION_NAMES]
_CLOSING_LENGTH = len("</answer>")


class OfficialParser:
    """Reads completions as the public code does; safe to share between threads.

    The public code's lazy patterns find each piece at its first occurrence past the piece before,
    and each verdict and the answer at their first occurrence in the whole text. Both are read off
    one pass that hops from `<` to `<` and tries there the pieces that begin like it.
    """

    def __init__(self) -> None:
        source = files("grammar").joinpath("official.lark").read_text(encoding="utf-8")
        grammar = Lark(source, parser="lalr", lexer="basic", start=["structure", "answer"])
        terminals = {t.name: re.compile(t.pattern.to_regexp()) for t in grammar.terminals}
        *self._pieces, self._last = _chain(grammar, "structure")
        self._closing = terminals[self._last]
        self._beginnings = _beginnings(terminals)

    def parse(self, text: str) -> ParsedCompletion | ParseFailure:
        """The official reading of `text`; a failure carries what its rewards alone would see."""
        firsts, reached, position = self._read(text)
        opening, closing = firsts.get("ANSWER_OPEN"), firsts.get("ANSWER_CLOSE")
        answer = Span(opening.end(), closing.start()) if opening and closing else None
        if reached == len(self._pieces):
            end = len(text.rstrip())
            if self._closing.fullmatch(text, max(position, end - _CLOSING_LENGTH), end):
                assert answer is not None, "<answer> before a final </answer> makes an answer"
                return ParsedCompletion(text, _sections(firsts), answer)
        missing = [*self._pieces, self._last][reached]
        return _failure(text, missing, position, firsts, answer)

    def _read(self, text: str) -> tuple[dict[str, re.Match[str]], int, int]:
        """The first match of each terminal, how many pieces stand in order, and where they end.

        Of ANSWER_CLOSE, the first one past ANSWER_OPEN.
        """
        firsts: dict[str, re.Match[str]] = {}
        reached = position = 0
        beginnings, pieces, count = self._beginnings, self._pieces, len(self._pieces)
        at = text.find("<")
        while at >= 0:
            for name, pattern in beginnings.get(text[at + 1 : at + 3], ()):
                due = reached < count and at >= position and pieces[reached] == name
                if not due and (name in firsts or name == "ANSWER_START"):
                    continue
                match = pattern.match(text, at)
                if match is None or (name == "ANSWER_CLOSE" and "ANSWER_OPEN" not in firsts):
                    continue
                firsts.setdefault(name, match)
                if due:
                    reached, position = reached + 1, match.end()
            at = text.find("<", at + 1)
        return firsts, reached, position


def _beginnings(
    terminals: dict[str, re.Pattern[str]],
) -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """The two characters after `<` -> the terminals that may begin so, whatever their case."""
    found: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern in terminals.items():
        tag = pattern.pattern.partition("<")[2].replace("\\", "")
        for one in _same_ignoring_case(tag[0]):
            for two in _same_ignoring_case(tag[1]):
                found.setdefault(one + two, []).append((name, pattern))
    return found


def _same_ignoring_case(letter: str) -> list[str]:
    # Beyond the two cases of a letter, `re` takes these four for ASCII letters.
    candidates = {letter.lower(), letter.upper(), "\u0130", "\u0131", "\u017f", "\u212a"}
    return [c for c in candidates if re.fullmatch(re.escape(letter), c, re.IGNORECASE)]


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


def _sections(firsts: dict[str, re.Match[str]]) -> tuple[Section, ...]:
    sections, before = [], 0
    for name, terminal in _TERMINALS:
        tag = firsts[terminal]
        start, end = tag.span()
        sections.append(Section(name, _verdict(tag), start, end, min(before, start), start))
        before = end
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
    firsts: dict[str, re.Match[str]],
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
        lenient=LenientReading({name: _verdict(firsts.get(t)) for name, t in _TERMINALS}, answer),
    )
