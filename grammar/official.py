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
    Span,
    Verdict,
    failure_at,
    new_completion,
    new_section,
)
from grammar.shape import accepted

_VERDICTS: dict[str, Verdict] = {"safe": "safe", "unsafe": "unsafe"}
_CLOSING_LENGTH = len("</answer>")
_BEGINNINGS = frozenset("/vVtTcCaA")
"""What follows the `<` of every piece; no other letter is one of these in another case."""

_THINK = "<think>"
"""What nearly every completion begins with; no piece of the structure."""

Piece = tuple[int, int, Verdict | None]
"""(start, end, verdict) of a terminal's match."""


class OfficialParser:
    """Reads completions as the public code does; safe to share between threads.

    The public code's lazy patterns find each piece at its first occurrence past the piece before,
    and each verdict and the answer at their first occurrence in the whole text. Both are read off
    one pass that hops from `<` to `<`, which the interpreter finds at memory speed. No piece begins
    inside another but `<answer>`, so the pass goes on where a piece ends.
    """

    def __init__(self) -> None:
        source = files("grammar").joinpath("official.lark").read_text(encoding="utf-8")
        grammar = Lark(source, parser="lalr", lexer="basic", start=["structure", "answer"])
        terminals = {t.name: t.pattern.to_regexp() for t in grammar.terminals}
        self._chain = _chain(grammar, "structure")
        self._last = self._chain[-1]
        self._closing = re.compile(terminals[self._last])
        self._piece = re.compile("|".join(f"(?P<{name}>{t})" for name, t in terminals.items()))
        # The verdict is the group inside the terminal's own.
        groups = self._piece.groupindex
        self._sections = {name.upper(): name for name in SECTION_NAMES}
        self._verdict_groups = {name: groups[name] + 1 for name in self._sections}
        self._usual = [(name, *_usual_spellings(name)) for name in self._chain]

    def parse(self, text: str) -> ParsedCompletion | ParseFailure:
        """The official reading of `text`; a failure carries what its rewards alone would see."""
        firsts, reached, position = self._read(text)
        opening, closing = firsts.get("ANSWER_OPEN"), firsts.get("ANSWER_CLOSE")
        answer = Span(opening[1], closing[0]) if opening and closing else None
        if answer is not None and reached == len(self._chain) - 1:
            end = len(text.rstrip())
            last = max(position, end - _CLOSING_LENGTH)
            if answer.end == last or self._closing.fullmatch(text, last, end):
                return new_completion((text, self._judgements(firsts), answer))
        missing = self._chain[reached]
        verdicts = {
            name: firsts[terminal][2] if terminal in firsts else None
            for terminal, name in self._sections.items()
        }
        return _failure(text, missing, position, LenientReading(verdicts, answer))

    def _read(self, text: str) -> tuple[dict[str, Piece], int, int]:
        """The first match of each terminal, how many pieces stand in order, and where they end.

        Of ANSWER_CLOSE, the first one past ANSWER_OPEN; of ANSWER_OPEN, a match that ends with it.
        """
        firsts: dict[str, Piece] = {}
        find, spelt, last = text.find, text.startswith, self._last
        at, reached, position = len(_THINK) if spelt(_THINK) else 0, 0, 0
        for awaited, usual, verdict, other, other_verdict in self._usual:
            while (at := find("<", at)) >= 0:
                if spelt(usual, at):
                    name, piece = awaited, (at, at + len(usual), verdict)
                elif spelt(other, at):
                    name, piece = awaited, (at, at + len(other), other_verdict)
                elif text[at + 1 : at + 2] in _BEGINNINGS and (
                    match := self._piece.match(text, at)
                ):
                    name = match.lastgroup or ""
                    piece = at, match.end(), self._verdict(match, name)
                else:
                    at += 1
                    continue
                at = piece[1]
                first = "ANSWER_OPEN" if name == "ANSWER_START" else name
                if first not in firsts and (first != last or "ANSWER_OPEN" in firsts):
                    firsts[first] = piece
                if name == awaited:
                    break
            else:
                break
            if awaited != last:
                reached, position = reached + 1, at
        return firsts, reached, position

    def _verdict(self, match: re.Match[str], terminal: str) -> Verdict | None:
        group = self._verdict_groups.get(terminal)
        # `re` ignores case beyond ASCII: the long s of `ſafe` matches, but then equals no label.
        return _VERDICTS.get(match[group].lower()) if group else None

    def _judgements(self, firsts: dict[str, Piece]) -> tuple[Section, ...]:
        sections, before = [], 0
        for terminal, name in self._sections.items():
            start, end, verdict = firsts[terminal]
            # A section may stand before the one that should precede it: then nothing is between.
            reasoning = before if before < start else start
            sections.append(new_section((name, verdict, start, end, reasoning, start)))
            before = end
        return tuple(sections)


def _usual_spellings(terminal: str) -> tuple[str, Verdict | None, str, Verdict | None]:
    """How policies nearly always write a piece, with the verdict: told without a pattern."""
    if terminal == "ANSWER_START":
        return "</think>\n<answer>", None, "</think><answer>", None
    if terminal == "ANSWER_CLOSE":
        return "</answer>", None, "</answer>", None
    tag = f"{terminal.lower()}_safe>"
    return f"<{tag}safe</{tag}", "safe", f"<{tag}unsafe</{tag}", "unsafe"


def _chain(grammar: Lark, start: str) -> list[str]:
    """The terminals of a rule that is one fixed sequence, read off the LALR parser."""
    parser = grammar.parse_interactive("", start=start)
    names: list[str] = []
    while (following := accepted(parser)) != {"$END"}:
        (name,) = following
        names.append(name)
        parser.feed_token(Token(name, ""))
    return names


_MISSING: dict[str, tuple[FailureCode, Place, str]] = {
    "VISUAL": ("missing_section", "visual", "<visual_safe>safe or unsafe</visual_safe>"),
    "TEXT": ("missing_section", "text", "<text_safe>safe or unsafe</text_safe>"),
    "COMBINED": ("missing_section", "combined", "<combined_safe>safe or unsafe</combined_safe>"),
    "ANSWER_START": ("missing_answer", "answer", "</think>, white space, <answer>"),
    "ANSWER_CLOSE": ("unclosed_tag", "answer", "</answer> at the end of the text"),
}


def _failure(text: str, missing: str, offset: int, lenient: LenientReading) -> ParseFailure:
    code, section, expected = _MISSING[missing]
    answer = lenient.answer
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
        lenient=lenient,
    )
