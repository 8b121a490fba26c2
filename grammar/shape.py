"""What a grammar says of a shape (the sequence of token kinds), remembered per shape.

Completions of a run share a few dozen shapes, so the LALR parser runs once per shape and not once
per completion. Shapes are short (`scanner.MAX_TOKENS`), so the memory is bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lark import Lark, Token, UnexpectedInput
from lark.parsers.lalr_interactive_parser import InteractiveParser

from grammar.completion import SECTION_NAMES, FailureCode, Place, SectionName

MAX_REMEMBERED = 4096

_PLACES: tuple[Place, ...] = ("think", *SECTION_NAMES, "answer")


class SectionShape(NamedTuple):
    """Where a judgement stands in a shape: the index of its opening tag.

    Its verdict and its closing tag follow; its reasoning stands before the verdict in the same
    token, or in the token before the opening tag.
    """

    name: SectionName
    opening: int
    reasoned_inside: bool


class Structure(NamedTuple):
    """An accepted shape: where its judgements and the answer's text stand."""

    sections: tuple[SectionShape, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class Defect:
    """A rejected shape: the rule broken, and the index of the token to blame.

    The index is `len(shape)` where it is the end of the text that comes too early.
    """

    code: FailureCode
    section: Place | None
    token: int
    expected: tuple[str, ...]
    standing: float


class ShapeJudge:
    """Decides over shapes with the LALR parser of one strict grammar."""

    def __init__(self, grammar: Lark) -> None:
        self._grammar = grammar
        self._remembered: dict[tuple[str, ...], Structure | Defect] = {}

    def __call__(self, shape: tuple[str, ...]) -> Structure | Defect:
        judged = self._remembered.get(shape)
        if judged is None:
            judged = self._judge(shape)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[shape] = judged
        return judged

    def _judge(self, shape: tuple[str, ...]) -> Structure | Defect:
        parser = self._grammar.parse_interactive("")
        for index, kind in enumerate((*shape, "$END")):
            expected = accepted(parser)
            try:
                parser.feed_token(Token(kind, ""))
            except UnexpectedInput:
                return _diagnosed(shape, index, expected)
        return _structure(shape)


def accepted(parser: InteractiveParser) -> frozenset[str]:
    """The terminals that the parser would take next (lark leaves this call untyped)."""
    return frozenset(parser.accepts())  # type: ignore[no-untyped-call]


def _structure(shape: Sequence[str]) -> Structure:
    openings = [(name, shape.index(f"{name.upper()}_OPEN")) for name in SECTION_NAMES]
    return Structure(
        tuple(SectionShape(name, at, shape[at + 1] == "REASONED_VERDICT") for name, at in openings),
        shape.index("ANSWER_OPEN") + 1,
    )


@dataclass(frozen=True, slots=True)
class _Progress:
    """What stands before the token to blame: sections closed, the one open, the one due next."""

    done: frozenset[str]
    inside: Place | None
    due: SectionName | None
    thinking_open: bool


def _progress(before: Sequence[str]) -> _Progress:
    done = frozenset(kind.removesuffix("_CLOSE").lower() for kind in before if "_CLOSE" in kind)
    opened = [p for p in _PLACES[1:] if f"{p.upper()}_OPEN" in before and p not in done]
    due = next((name for name in SECTION_NAMES if name not in done), None)
    inside = opened[0] if opened else None
    return _Progress(done, inside, due, "THINK_OPEN" in before and "think" not in done)


def _diagnosed(shape: tuple[str, ...], index: int, expected: frozenset[str]) -> Defect:
    kind = shape[index] if index < len(shape) else "$END"
    progress = _progress(shape[:index])
    blame: _Blame = ("unexpected_tag", progress.inside, index)
    if kind != "FORGED" and progress.inside is not None:
        blame = _inside_section(shape, index, kind, progress.inside)
    elif kind != "FORGED":
        blame = _between_sections(shape, index, kind, progress)
    return Defect(*blame, tuple(sorted(expected)), _standing(shape))


_Blame = tuple[FailureCode, Place | None, int]


def _inside_section(shape: Sequence[str], index: int, kind: str, inside: Place) -> _Blame:
    """The token to blame stands after the opening tag of `inside`, which is not closed yet."""
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


def _between_sections(shape: Sequence[str], index: int, kind: str, progress: _Progress) -> _Blame:
    """The token to blame stands before, between or after the sections."""
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
        return _after_judgements(shape, index, kind, progress)
    later = f"{progress.due.upper()}_OPEN" in shape[index:]
    return ("wrong_order" if later else "missing_section"), progress.due, index


def _after_judgements(shape: Sequence[str], index: int, kind: str, progress: _Progress) -> _Blame:
    """All three judgements stand: the end of the thinking or the answer is what fails."""
    if kind == "$END" and not progress.thinking_open:
        return "missing_answer", "answer", index
    opening = shape.index("THINK_OPEN") if progress.thinking_open else index
    return "unclosed_tag", "think", opening


def _standing(shape: Sequence[str]) -> float:
    """The share of the structure that stands in a rejected shape.

    Of six parts: the three judgements, the end of the thinking and the answer, each whole, exactly
    once and in order; the sixth, nothing else amiss, is what a rejected shape lacks.
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
