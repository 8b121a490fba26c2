"""Scoring a long completion holds a few copies of it, whatever it is made of."""

import tracemalloc

import pytest

from rules.labels import Labels
from rules.profile import load_profile, shipped_profiles
from rules.reward import Scorer
from tests.rules.completions import completion

MEGABYTE = 2**20
MOST_COPIES = 6
WIDEST = 4
"""Bytes a character, as the interpreter holds text while it changes its case."""
SUFFIX = {"official": "_safe", "paper": "_safe", "safegrpo": ""}
LONG = {
    "reasoning": lambda suffix: completion(suffix=suffix).replace("scene", "scene " * 170_000),
    "answer": lambda suffix: completion("The cat is black. " * 58_000, suffix=suffix),
    "refusal": lambda suffix: completion("I can't help you. " * 58_000, suffix=suffix),
    "answer_in_chinese": lambda suffix: completion("抱歉，我不能。" * 75_000, suffix=suffix),
    "tags": lambda suffix: f"<visual{suffix}>safe</visual{suffix}>" * 40_000,
    "brackets": lambda suffix: "<" * MEGABYTE,
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("name", shipped_profiles())
def test_a_megabyte_takes_a_few_copies(name: str, kind: str) -> None:
    scorer = Scorer(load_profile(name).model_copy(update={"max_characters": None}))
    text = LONG[kind](SUFFIX[name])
    scorer.score(completion(suffix=SUFFIX[name]), Labels("safe", "safe", "safe"))
    tracemalloc.start()
    try:
        scorer.score(text, Labels("safe", "safe", "safe"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_COPIES * WIDEST * len(text)
