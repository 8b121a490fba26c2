"""The official structure: the public SafeGRPO code's reading of every input, in linear time."""

import re
from importlib.resources import files

from lark import Lark, Token

from grammar.completion import (
    SECTION_NAMES,
    VERDICTS,
    FailureCode,
    LenientReading,
    ParsedCompletion,
    ParseFailure,
    Place,
    Span,
    Verdict,
    failure_at,
    new_completion,
    new_span,
)
from grammar.shape import accepted

_SECTIONS = tuple(name.upper() for name in SECTION_NAMES)
"""The terminals of the sections."""
_CLOSING_LENGTH = len("</answer>")
_BEGINNINGS = frozenset("/vVtTcCaA")
"""Characters after the `<` of a piece; no other letter case-folds to one of them."""

_THINK = "<think>"
"""The usual beginning of a completion; not a piece of the structure."""

Piece = tuple[int, int, Verdict | None]
"""(start, end, verdict) of a terminal's match."""
_NOTHING: Piece = 0, 0, None


class OfficialParser:
    """Reads completions as the public code does; safe to share between threads.

    The public code's lazy patterns find each piece at its first occurrence after the previous
    piece, and each verdict and the answer at their first occurrence in the whole text. One pass
    from `<` to `<`, which `str.find` locates at memory speed, finds both. No piece but `<answer>`
    begins inside another, so the pass continues where a piece ends.
    """

    def __init__(self) -> None:
        source = files("grammar").joinpath("official.lark").read_text(encoding="utf-8")
        grammar = Lark(source, parser="lalr", lexer="basic", start=["structure", "answer"])
        terminals = {t.name: t.pattern.to_regexp() for t in grammar.terminals}
        self._chain = _chain(grammar, "structure")
        self._closing = re.compile(terminals[self._chain[-1]])
        self._piece = re.compile("|".join(f"(?P<{name}>{t})" for name, t in terminals.items()))
        # The verdict is the group inside that of the terminal.
        groups = self._piece.groupindex
        self._verdict_groups = {name: groups[name] + 1 for name in _SECTIONS}
        self._usual = [_usual_spellings(name) for name in self._chain]

    def parse(self, text: str) -> ParsedCompletion | ParseFailure:
        """The official reading of `text`; a failure carries what the ungated rewards read."""
        pieces, at = self._usual_pieces(text)
        if len(pieces) == len(self._chain):
            visual, textual, combined, (_, start, _), (end, after, _) = pieces
            if after == len(text) or after == len(text.rstrip()):
                return _completion(text, visual, textual, combined, new_span((start, end)))
        return self._read_on(text, pieces, at)

    def _usual_pieces(self, text: str) -> tuple[list[Piece], int]:
        """The leading pieces of the chain in their usual spelling, and the position after them.

        Stops at the first `<` that may begin a piece other than the expected one.
        """
        find, spelt = text.find, text.startswith
        pieces: list[Piece] = []
        at = len(_THINK) if spelt(_THINK) else 0
        for usual, verdict, other, other_verdict in self._usual:
            while (at := find("<", at)) >= 0:
                if spelt(usual, at):
                    piece = at, at + len(usual), verdict
                elif spelt(other, at):
                    piece = at, at + len(other), other_verdict
                elif text[at + 1 : at + 2] in _BEGINNINGS:
                    return pieces, at
                else:
                    at += 1
                    continue
                pieces.append(piece)
                at = piece[1]
                break
            else:
                return pieces, len(text)
        return pieces, at

    def _read_on(self, text: str, pieces: list[Piece], at: int) -> ParsedCompletion | ParseFailure:
        """Continue at `at`, behind the first `pieces` of the chain."""
        firsts = self._firsts(text, pieces, at)
        opening, closing = firsts.get("ANSWER_OPEN"), firsts.get("ANSWER_CLOSE")
        answer = new_span((opening[1], closing[0])) if opening and closing else None
        visual, textual, combined = [firsts.get(terminal, _NOTHING) for terminal in _SECTIONS]
        before_closing = pieces[: len(self._chain) - 1]
        position = before_closing[-1][1] if before_closing else 0
        if answer is not None and len(before_closing) == len(self._chain) - 1:
            end = len(text.rstrip())
            last = max(position, end - _CLOSING_LENGTH)
            if answer.end == last or self._closing.fullmatch(text, last, end):
                return _completion(text, visual, textual, combined, answer)
        missing = self._chain[len(before_closing)]
        reading = LenientReading((visual[2], textual[2], combined[2]), answer)
        return _failure(text, missing, position, reading)

    def _firsts(self, text: str, pieces: list[Piece], at: int) -> dict[str, Piece]:
        """The first match of each terminal; matches that continue the chain go into `pieces`.

        For ANSWER_CLOSE, the first after ANSWER_OPEN; for ANSWER_OPEN, a match that ends with it.
        """
        chain = self._chain
        firsts = {_opens(name): piece for name, piece in zip(chain, pieces, strict=False)}
        while len(pieces) < len(chain) and (at := text.find("<", at)) >= 0:
            match = text[at + 1 : at + 2] in _BEGINNINGS and self._piece.match(text, at)
            if not match:
                at += 1
                continue
            name = match.lastgroup or ""
            piece = at, match.end(), self._verdict(match, name)
            at = piece[1]
            if name != chain[-1] or "ANSWER_OPEN" in firsts:
                firsts.setdefault(_opens(name), piece)
            if name == chain[len(pieces)]:
                pieces.append(piece)
        return firsts

    def _verdict(self, match: re.Match[str], terminal: str) -> Verdict | None:
        group = self._verdict_groups.get(terminal)
        # `re` ignores case beyond ASCII: `ſafe` with a long s matches, but equals no label.
        return VERDICTS.get(match[group].lower()) if group else None


def _opens(terminal: str) -> str:
    return "ANSWER_OPEN" if terminal == "ANSWER_START" else terminal


def _completion(
    text: str, visual: Piece, textual: Piece, combined: Piece, answer: Span
) -> ParsedCompletion:
    """The completion; a judgement that precedes the one expected before it has no reasoning."""
    visual_start, visual_end, visual_verdict = visual
    text_start, text_end, text_verdict = textual
    start, end, verdict = combined
    before_text = visual_end if visual_end < text_start else text_start
    before = text_end if text_end < start else start
    verdicts = visual_verdict, text_verdict, verdict
    tagged = (visual_start, visual_end), (text_start, text_end), (start, end)
    reasonings = (0, visual_start), (before_text, text_start), (before, start)
    return new_completion((text, verdicts, tagged, reasonings, answer))


def _usual_spellings(terminal: str) -> tuple[str, Verdict | None, str, Verdict | None]:
    """The usual spellings of a piece with their verdicts, which need no pattern."""
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
_REPORTS = {
    terminal: ((expected,), f"from here on the text lacks {expected}", index / len(_MISSING))
    for index, (terminal, (_, _, expected)) in enumerate(_MISSING.items())
}
"""For each missing piece: what was expected, the message, and `standing`."""


def _failure(text: str, missing: str, offset: int, lenient: LenientReading) -> ParseFailure:
    code, section, _ = _MISSING[missing]
    expected, message, standing = _REPORTS[missing]
    answer = lenient.answer
    if missing == "ANSWER_CLOSE" and answer is not None and answer.start >= offset:
        code = "trailing_text"
    return failure_at(
        text,
        offset,
        code,
        section,
        expected,
        message,
        standing=standing,
        lenient=lenient,
    )
