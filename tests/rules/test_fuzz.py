"""A hundred thousand random completions score without an exception."""

import os
from typing import get_args

import pytest

from rules.detectors import ECHO
from rules.stance import StanceKind
from tests.rules.fuzz import EXTRAS, fuzz

CHUNKS = 10
FAILURES = {
    "missing_section", "unexpected_tag", "invalid_verdict", "short_reasoning", "copied_instruction",
    "repetition",
}  # fmt: skip


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_completions_score_without_an_exception(chunk: int) -> None:
    reached = fuzz(int(os.environ.get("SAFEGRPO_FUZZ", "100000")) // CHUNKS, seed=chunk)
    strict = {what for profile, what in reached if profile == "safegrpo"}
    assert strict > {*get_args(StanceKind), *FAILURES, ECHO.rule}
    assert {what for profile, what in reached if profile == "extended"} > {*EXTRAS.names}
