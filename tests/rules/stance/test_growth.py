"""Nothing hangs: time grows with the length of the answer, whatever the answer is made of."""

from functools import partial

import pytest

from rules.stance import StanceDetector
from rules.stance.deliberation import deliberations
from rules.stance.engines import unicode_pattern
from rules.stance.folding import fold_pattern
from rules.stance.matching import MAX_HEAD_CHARACTERS, Pattern, matches
from rules.stance.quotations import block_quotes
from rules.stance.text import Text
from rules.stance.time_limit import within
from tests.rules.completions import REFUSAL
from tests.rules.hostile import HOSTILE, SIZES, derived, in_proportion, looped, seconds

TIMEOUT = 5.0
DETECTOR = StanceDetector(timeout=TIMEOUT)
PATTERNS = DETECTOR.patterns


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    ("opening", "english"),
    [("", ""), (f"{REFUSAL} ", ""), (f"{REFUSAL} ", " and it is for you, ")],
    ids=["bare", "refusing", "among English"],  # in which it is no other language, and read on
)
def test_time_grows_in_proportion_to_hostile_answers(opening: str, english: str, unit: str) -> None:
    short, long = (opening + looped(unit + english, size) for size in SIZES)
    assert in_proportion(DETECTOR.detect, short, long)


def test_what_stands_in_block_quotes_is_looked_for_under_the_timeout() -> None:
    with pytest.raises(TimeoutError):
        within(1e-9, block_quotes, "> a\n" * 5000)


def find(pattern: Pattern, text: str) -> None:
    """Find every match."""
    everywhere = pattern.effect == "compliance"
    within(TIMEOUT, lambda: list(matches(Text.of(text), pattern, everywhere)))


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_no_pattern_is_slow_on_its_own_words(language: str) -> None:
    for pattern in (p for p in PATTERNS if p.language == language):
        for unit in filter(None, derived(pattern.written)):
            took = seconds(partial(find, pattern, looped(unit, MAX_HEAD_CHARACTERS)))
            assert took < 0.1, (pattern.rule, pattern.written, unit, took)


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_patterns_that_read_everything_grow_in_proportion(language: str) -> None:
    reading = [p for p in PATTERNS if p.language == language and p.effect == "compliance"]
    for pattern in reading:
        for unit in filter(None, derived(pattern.written)):
            short, long = (looped(unit, size) for size in (10_000, 40_000))
            assert in_proportion(partial(find, pattern), short, long), (pattern.rule, unit)


WRITTEN = {
    code: [
        fold_pattern(pattern)
        for kind, patterns in one
        if kind not in ("examples", "counterexamples", "warns", "helps")
        for pattern in patterns
    ]
    for code, one in deliberations().items()
}


@pytest.mark.parametrize("language", WRITTEN)
def test_no_pattern_of_deliberations_is_slow_on_its_own_words(language: str) -> None:
    for pattern in WRITTEN[language]:
        for unit in filter(None, derived(pattern)):
            took = seconds(
                partial(unicode_pattern(pattern).sub, "", looped(unit, MAX_HEAD_CHARACTERS))
            )
            assert took < 0.1, (pattern, unit, took)
