"""Nothing hangs: time grows with the length of the answer, whatever the answer is made of."""

import time
from collections.abc import Callable

import pytest
import regex

from rules.stance import StanceDetector
from rules.stance.matching import HEAD, Pattern
from rules.stance.written import Text

DETECTOR = StanceDetector(timeout=5)
PATTERNS = DETECTOR.matcher.patterns
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


def derived(pattern: Pattern) -> list[str]:
    """Strings made of a pattern's own words: each is half of a match, over and over."""
    literal = regex.sub(
        r"\\[bBAzZwWsSdD]|\\p\{\w+\}|\{\d*,?\d*\}|\[[^\]]*\]", " ", pattern.written.exact.pattern
    )
    words = list(dict.fromkeys(regex.findall(r"[\p{L}\p{M}']+", literal)))
    return [" ".join(words[:count]) + " " for count in (1, 3, 12) if words] + ["".join(words[:4])]


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_no_pattern_is_slow_on_its_own_words(language: str) -> None:
    for pattern in PATTERNS:
        if not pattern.rule.startswith(f"{language}."):
            continue
        for unit in filter(None, derived(pattern)):
            text = Text.of(unit * (HEAD // len(unit)))

            def match(text: Text = text, pattern: Pattern = pattern) -> None:
                list(
                    DETECTOR.matcher.matches(
                        text, pattern, everywhere=pattern.effect == "compliance"
                    )
                )

            took = seconds(match)
            assert took < 0.1, (pattern.rule, pattern.written.exact.pattern, unit, took)


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_patterns_that_read_everything_grow_in_proportion(language: str) -> None:
    matcher = DETECTOR.matcher
    for pattern in PATTERNS:
        if not pattern.rule.startswith(f"{language}.") or pattern.effect != "compliance":
            continue
        for unit in filter(None, derived(pattern)):
            short, long = (Text.of(unit * (size // len(unit))) for size in (10_000, 40_000))
            fast = seconds(lambda text=short, p=pattern: list(matcher.matches(text, p, True)))
            slow = seconds(lambda text=long, p=pattern: list(matcher.matches(text, p, True)))
            assert slow < max(SLACK * 4 * fast, 0.03), (pattern.rule, unit)
