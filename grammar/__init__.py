"""The grammars of step-guided safety thinking, and the parser over them.

StrictParser("tags").parse("<think>…</think><answer>…</answer>")
# -> ParsedCompletion | ParseFailure
"""

from typing import Literal, Protocol

from grammar.completion import (
    ALL_PARTS_STAND,
    SECTION_NAMES,
    FailureCode,
    Judged,
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
from grammar.official import OfficialParser
from grammar.strict import Dialect, StrictParser

Structure = Literal["strict", "official"]

__all__ = [
    "ALL_PARTS_STAND",
    "SECTION_NAMES",
    "CompletionParser",
    "Dialect",
    "FailureCode",
    "Judged",
    "LenientReading",
    "OfficialParser",
    "ParseFailure",
    "ParsedCompletion",
    "Place",
    "Section",
    "SectionName",
    "Span",
    "StrictParser",
    "Structure",
    "Verdict",
    "failure_at",
]


class CompletionParser(Protocol):
    """Reads one completion: its structure, or the first rule of the grammar it breaks."""

    def parse(self, text: str) -> ParsedCompletion | ParseFailure: ...
