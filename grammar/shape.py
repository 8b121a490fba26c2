"""Parses shapes, the sequences of token kinds of completions, into a layout or a defect.

The completions of a run share a few dozen shapes, so the LALR parser runs once per shape instead of
once per completion. Shapes are short (`scanner.MAX_TOKENS`), so memory is bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lark import Lark, Token, UnexpectedInput
from lark.parsers.lalr_interactive_parser import InteractiveParser

from grammar.completion import SECTION_NAMES, FailureCode, Place, SectionName

MAX_REMEMBERED = 4096

_PLACES: tuple[Place, ...] = ("think", *SECTION_NAMES, "answer")


class SectionLayout(NamedTuple):
    """The index of a judgement's opening tag in a shape.

    The token with the verdict and the closing tag follow. The reasoning is in the token with the
    verdict (`reasoned_inside`), or in the one before the opening tag.
    """

    name: SectionName
    opening: int
    reasoned_inside: bool


class Layout(NamedTuple):
    """An accepted shape: its judgements, and the index of the answer's text."""

    sections: tuple[SectionLayout, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class Defect:
    """A rejected shape: the violated rule, and the index of the token to blame.

    The index is `len(shape)` if the text ends too early. `expected` are the terminals accepted
    there, `standing` is the share of the structure that is present.
    """

    code: FailureCode
    section: Place | None
    token: int
    expected: tuple[str, ...]
    standing: float


class ShapeParser:
    """Parses shapes with the LALR parser of one strict grammar."""

    def __init__(self, grammar: Lark) -> None:
        self._grammar = grammar
        self._remembered: dict[tuple[str, ...], Layout | Defect] = {}

    def parse(self, shape: tuple[str, ...]) -> Layout | Defect:
        """The layout of `shape`, or its first defect."""
        parsed = self._remembered.get(shape)
        if parsed is None:
            parsed = self._parse(shape)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[shape] = parsed
        return parsed

    def _parse(self, shape: tuple[str, ...]) -> Layout | Defect:
        parser = self._grammar.parse_interactive("")
        for index, kind in enumerate((*shape, "$END")):
            expected = accepted(parser)
            try:
                parser.feed_token(Token(kind, ""))
            except UnexpectedInput:
                code, section, blamed = _blame(shape, index, kind)
                return Defect(code, section, blamed, tuple(sorted(expected)), _standing(shape))
        return _layout(shape)


def accepted(parser: InteractiveParser) -> frozenset[str]:
    """The terminals that the parser accepts next."""
    return frozenset(parser.accepts())  # type: ignore[no-untyped-call]  # Lark leaves it untyped


def _layout(shape: Sequence[str]) -> Layout:
    openings = [(name, shape.index(f"{name.upper()}_OPEN")) for name in SECTION_NAMES]
    return Layout(
        tuple(
            SectionLayout(name, at, shape[at + 1] == "REASONED_VERDICT") for name, at in openings
        ),
        shape.index("ANSWER_OPEN") + 1,
    )


_Blame = tuple[FailureCode, Place | None, int]
"""The code and section of a failure, and the index of the token to blame."""


def _blame(shape: Sequence[str], index: int, kind: str) -> _Blame:
    """The error where the grammar stops: at `index`, with a token of kind `kind`."""
    progress = _progress(shape[:index])
    if kind == "FORGED":
        outside: Place = "answer" if "answer" in progress.done else "think"
        return "unexpected_tag", progress.inside or outside, index
    if progress.inside is not None:
        return _blame_inside(shape, index, kind, progress.inside)
    return _blame_between(shape, index, kind, progress)


@dataclass(frozen=True, slots=True)
class _Progress:
    """What precedes the token at which the grammar stops."""

    done: frozenset[str]
    """Places that have been closed."""
    inside: Place | None
    """The open section or answer."""
    due: SectionName | None
    """The first judgement that is not closed."""
    thinking_open: bool


def _progress(before: Sequence[str]) -> _Progress:
    done = frozenset(kind.removesuffix("_CLOSE").lower() for kind in before if "_CLOSE" in kind)
    opened = [p for p in _PLACES[1:] if f"{p.upper()}_OPEN" in before and p not in done]
    due = next((name for name in SECTION_NAMES if name not in done), None)
    inside = opened[0] if opened else None
    return _Progress(done, inside, due, "THINK_OPEN" in before and "think" not in done)


def _blame_inside(shape: Sequence[str], index: int, kind: str, inside: Place) -> _Blame:
    """The grammar stops after the opening tag of `inside`, which is not closed yet."""
    name = inside.upper()
    opening = index - 1 - list(reversed(shape[:index])).index(f"{name}_OPEN")
    if kind == f"{name}_CLOSE":
        return ("empty_answer" if inside == "answer" else "invalid_verdict"), inside, index
    closed = kind.endswith("_CLOSE") or shape[index + 1 : index + 2] == (f"{name}_CLOSE",)
    if kind == "$END" or (inside != "answer" and not closed):
        return "unclosed_tag", inside, opening
    if kind == "VERDICT":
        return "empty_reasoning", inside, index
    if kind in ("PROSE", "REASONED_VERDICT"):
        return "invalid_verdict", inside, index
    if inside != "answer":
        return "unclosed_tag", inside, opening
    return ("duplicate_section" if kind == "ANSWER_OPEN" else "unexpected_tag"), inside, index


_TAGS: dict[str, tuple[Place, bool]] = {
    f"{place.upper()}_{side}": (place, side == "OPEN")
    for place in _PLACES
    for side in ("OPEN", "CLOSE")
}


def _blame_between(shape: Sequence[str], index: int, kind: str, progress: _Progress) -> _Blame:
    """The grammar stops before, between or after the sections."""
    if kind == "PROSE":
        return "trailing_text", ("answer" if "answer" in progress.done else "think"), index
    if kind != "$END":
        place, opens = _TAGS[kind]
        again = place in progress.done or (place == "think" and opens and progress.thinking_open)
        if again and (opens or place == "think"):
            return "duplicate_section", place, index
        if not opens and place != "think":
            return "unexpected_tag", place, index
        if kind == "THINK_OPEN":
            return "wrong_order", "think", index
        if place == progress.due:
            return "empty_reasoning", progress.due, index
    if progress.due is None:
        return _blame_after(shape, index, kind, progress)
    later = f"{progress.due.upper()}_OPEN" in shape[index:]
    return ("wrong_order" if later else "missing_section"), progress.due, index


def _blame_after(shape: Sequence[str], index: int, kind: str, progress: _Progress) -> _Blame:
    """All three judgements are closed: the end of the thinking or the answer fails."""
    if kind == "$END" and not progress.thinking_open:
        return "missing_answer", "answer", index
    opening = shape.index("THINK_OPEN") if progress.thinking_open else index
    return "unclosed_tag", "think", opening


def _standing(shape: Sequence[str]) -> float:
    """The share of the structure that is present in a rejected shape.

    A sixth for each part (see `ALL_PARTS_STAND`) that is complete, unique and in order.
    """
    stands, last = 0, -1
    for kind in ("VISUAL_OPEN", "TEXT_OPEN", "COMBINED_OPEN", "THINK_CLOSE", "ANSWER_OPEN"):
        at = shape.index(kind) if shape.count(kind) == 1 else -1
        if at > last and _whole(shape, at):
            stands, last = stands + 1, at
    return stands / 6


def _whole(shape: Sequence[str], at: int) -> bool:
    if shape[at] == "THINK_CLOSE":
        return True
    name = shape[at].removesuffix("_OPEN")
    holds = ("PROSE",) if name == "ANSWER" else ("VERDICT", "REASONED_VERDICT")
    return tuple(shape[at + 2 : at + 3]) == (f"{name}_CLOSE",) and shape[at + 1] in holds
