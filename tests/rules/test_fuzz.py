"""A hundred thousand random completions score without an exception."""

import os

import pytest

from tests.rules.fuzz import fuzz

CHUNKS = 20


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_completions_score_without_an_exception(chunk: int) -> None:
    fuzz(int(os.environ.get("SAFEGRPO_FUZZ", "100000")) // CHUNKS, seed=chunk)
