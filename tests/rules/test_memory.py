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
    "answer": lambda suffix: completion(sentences("cat {0} sits by mat {1}. "), suffix=suffix),
    "refusal": lambda suffix: completion(
        f"{REFUSAL} {sentences('Risk {0} is worse than {1}. ')}", suffix=suffix
    ),
    "answer_in_chinese": lambda suffix: completion(
        sentences("抱歉，第{0}只猫不能坐在第{1}张垫子上。"), suffix=suffix
    ),
    "tags": lambda suffix: f"<visual{suffix}>safe</visual{suffix}>" * 40_000,
    "brackets": lambda suffix: "<" * MEGABYTE,
}
READ = ("answer", "refusal", "answer_in_chinese")
"""Those of which the stance is asked for."""


def sentences(form: str) -> str:
    """A megabyte of them, no two alike."""
    count = MEGABYTE // len(form)
    return "".join(form.format(number, number * 7919 % count) for number in range(count))


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("name", shipped_profiles())
def test_a_megabyte_takes_a_few_copies(name: str, kind: str) -> None:
    scorer = Scorer(load_profile(name).model_copy(update={"max_characters": None}))
    text = LONG[kind](SUFFIX[name])
    if kind in READ:
        assert scorer.score(text, Labels("safe", "safe", "safe")).stance is not None
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
