"""Nothing hangs: time grows with the length of the answer, whatever the answer is made of."""

import time
from collections.abc import Callable
from functools import partial

import pytest
import regex

from rules.stance import StanceDetector
from rules.stance.matching import HEAD, Pattern, matches
from rules.stance.own_words import block_quotes
from rules.stance.text import Text

TIMEOUT = 5.0
DETECTOR = StanceDetector(timeout=TIMEOUT)
PATTERNS = DETECTOR.patterns
SIZES = (30_000, 120_000)
SLACK = 1.6
"""Allowed on top of growth in proportion, for a busy machine."""

HOSTILE = {
    "brackets": "<",
    "open_comments": "<!-- ",
    "open_hidden": "<span hidden>",
    "half_hidden": "<a display : ",
    "tags": "<b ",
    "quotes": '"',
    "quotes_and_text": '"a',
    "apostrophes": "a'",
    "mixed_scripts": "a'а",
    "blanks": " \n",
    "marks": "a\u0301\u0316\u0327",
    "only_marks": "\u0316\u0301",
    "ligatures": "ﬃ",
    "zero_width": "\u200b",
    "refusals": "I can't help with that. ",
    "refusal_words": "sorry but i cannot ",
    "steps": "step 1 ",
    "base64": "QUJD ",
    "hex": "ab ",
    "turns": "\nuser: ",
    "fences": "```\n",
    "han_after_latin": "i can't help 无法",
    "consonants": "bcdfghjk ",
    "greek": "ΐ",
    "hangul_letters": "\u1100\u1161\u11a8",
}


def seconds(act: Callable[[], object]) -> float:
    # Time of the processor, since another process's load says nothing of the detector.
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        act()
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("opening", ["", "I can't help with that. "], ids=["bare", "refusing"])
def test_time_grows_in_proportion_to_hostile_answers(opening: str, unit: str) -> None:
    short, long = (opening + unit * (size // len(unit)) for size in SIZES)
    fast = seconds(lambda: DETECTOR.detect(short))
    slow = seconds(lambda: DETECTOR.detect(long))
    assert slow < max(SLACK * 4 * fast, 0.03)


def test_what_stands_in_block_quotes_is_looked_for_under_the_timeout() -> None:
    with pytest.raises(TimeoutError):
        block_quotes("> a\n" * 5000, 1e-9)


def derived(pattern: Pattern) -> list[str]:
    """Strings made of a pattern's own words: each is half of a match, over and over."""
    literal = regex.sub(r"\\[bBAzZwWsSdD]|\\p\{\w+\}|\{\d*,?\d*\}|\[[^\]]*\]", " ", pattern.written)
    words = list(dict.fromkeys(regex.findall(r"[\p{L}\p{M}']+", literal)))
    return [" ".join(words[:count]) + " " for count in (1, 3, 12) if words] + ["".join(words[:4])]


def match(pattern: Pattern, text: Text) -> None:
    """Find every match."""
    list(matches(text, pattern, TIMEOUT, everywhere=pattern.effect == "compliance"))


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_no_pattern_is_slow_on_its_own_words(language: str) -> None:
    for pattern in (p for p in PATTERNS if p.language == language):
        for unit in filter(None, derived(pattern)):
            text = Text.of(unit * (HEAD // len(unit)))
            took = seconds(partial(match, pattern, text))
            assert took < 0.1, (pattern.rule, pattern.written, unit, took)


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_patterns_that_read_everything_grow_in_proportion(language: str) -> None:
    reading = [p for p in PATTERNS if p.language == language and p.effect == "compliance"]
    for pattern in reading:
        for unit in filter(None, derived(pattern)):
            short, long = (Text.of(unit * (size // len(unit))) for size in (10_000, 40_000))
            fast = seconds(partial(match, pattern, short))
            slow = seconds(partial(match, pattern, long))
            assert slow < max(SLACK * 4 * fast, 0.03), (pattern.rule, unit)
