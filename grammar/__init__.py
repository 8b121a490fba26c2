"""The grammars of step-guided safety thinking, and the parser over them.

StrictParser("tags").parse("<think>…</think><answer>…</answer>")
# -> ParsedCompletion | ParseFailure
"""

from grammar.completion import (
    ALL_PARTS_STAND,
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
    Verdicts,
    failure_at,
)
from grammar.ending import content_end
from grammar.official import OfficialParser
from grammar.strict import Dialect, StrictParser

__all__ = [
    "ALL_PARTS_STAND",
    "SECTION_NAMES",
    "Dialect",
    "FailureCode",
    "LenientReading",
    "OfficialParser",
    "ParseFailure",
    "ParsedCompletion",
    "Place",
    "Section",
    "SectionName",
    "Span",
    "StrictParser",
    "Verdict",
    "Verdicts",
    "content_end",
    "failure_at",
]
