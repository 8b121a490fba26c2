"""Scoring a long completion holds a few copies of it, whatever it is made of."""

import tracemalloc
from collections.abc import Callable

import pytest

from rules.labels import Labels
from rules.profile import load_profile, shipped_profiles
from rules.reward import Scorer
from rules.stance import StanceDetector
from tests.rules.completions import REFUSAL, completion
from tests.rules.hostile import HOSTILE, looped

DETECTOR = StanceDetector(timeout=60)
MEGABYTE = 2**20
MOST_COPIES = 8
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
    assert (
        copies(lambda long: scorer.score(long, Labels("safe", "safe", "safe")), text) < MOST_COPIES
    )


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_reading_a_long_refusal_takes_a_few_copies(unit: str) -> None:
    short, long = (f"{REFUSAL} {looped(unit, size)}" for size in (1_000, MEGABYTE // 4))
    DETECTOR.detect(short)
    assert copies(DETECTOR.detect, long) < MOST_COPIES


def copies(read: Callable[[str], object], text: str) -> float:
    """The most memory that reading it holds, in copies of the text as it was sent."""
    tracemalloc.start()
    try:
        read(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return peak / len(text.encode())
