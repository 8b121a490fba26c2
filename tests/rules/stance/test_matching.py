"""Two engines read the patterns: no match of the exact one may escape the quick one."""

import random
import string
from itertools import chain

import pytest
import re2

from rules.stance.engines import (
    alternatives,
    as_superset,
    ascii_pattern,
    unicode_pattern,
    with_unbounded_gaps,
)
from rules.stance.folding import fold
from rules.stance.lexicon import LexiconError
from rules.stance.matching import MAX_HEAD_CHARACTERS, occurs
from rules.stance.prefilter import Prefilter, Sought
from rules.stance.text import Text
from tests.rules.stance.detection import DETECTOR


def examples(language: str) -> list[str]:
    lexicon = next(lexicon for lexicon in DETECTOR.lexicons if lexicon.language == language)
    written = [e for rule in lexicon.rules for e in (*rule.examples, *rule.counterexamples)]
    return [fold(example).strip()[:MAX_HEAD_CHARACTERS] for example in written]


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_the_prefilters_let_every_match_through(language: str) -> None:
    texts = examples(language)
    for matcher in DETECTOR.matchers:
        own = [pattern for pattern in matcher.patterns if pattern.language == language]
        for text in texts:
            candidates = matcher.candidates(Text.of(text))
            for pattern in own:
                if unicode_pattern(pattern.written).search(text):
                    assert pattern in candidates, (pattern.rule, text)


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_no_exception_escapes_the_quick_reading(language: str) -> None:
    own = [p for p in DETECTOR.patterns if p.language == language]
    exceptions = {unless for p in own for unless in (p.unless, p.unless_before) if unless}
    for text in examples(language):
        for unless in exceptions:
            found = bool(unicode_pattern(unless).search(text))
            assert occurs(unless, Text.of(text)) == found, unless


PLAIN = {code: list(filter(str.isascii, examples(code))) for code in DETECTOR.languages}
"""Examples in ASCII, by language: in another script than the Latin one there is none."""


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_in_plain_text_both_engines_find_the_same(language: str) -> None:
    """In text of another language, if its own is never in ASCII: a mark, or nothing."""
    own = [p for p in DETECTOR.patterns if p.language == language]
    patterns = {p.written for p in own}
    patterns |= {unless for p in own for unless in (p.unless, p.unless_before) if unless}
    for text in PLAIN[language] or chain.from_iterable(PLAIN.values()):
        for pattern in patterns:
            found = [match.span() for match in ascii_pattern(pattern).finditer(text.encode())]
            assert found == [match.span() for match in unicode_pattern(pattern).finditer(text)], (
                pattern
            )


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_gaps_without_end_let_every_match_through(language: str) -> None:
    patterns = [p.written for p in DETECTOR.patterns if p.language == language]
    texts = [text.encode() for text in examples(language)]
    for pattern in map(as_superset, patterns):
        bounded, endless = re2.compile(pattern), re2.compile(with_unbounded_gaps(pattern))
        for text in texts:
            assert not bounded.search(text) or endless.search(text), pattern


@pytest.mark.parametrize(
    ("pattern", "endless"),
    [
        (r"a[^.!?\n]{0,60}b", r"a[^.!?\n]*b"),
        (r"a[^.]{2,60}b", r"a[^.]+b"),
        (r"\p{Han}{1,5}.{0,3}", r"\p{Han}+.*"),
        (r"(?:a|b){0,3}c{1,2}[xy]{8}", r"(?:a|b){0,3}c{1,2}[xy]{8}"),
    ],
)
def test_only_gaps_lose_their_bounds(pattern: str, endless: str) -> None:
    assert with_unbounded_gaps(pattern) == endless


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("a|b c", ["a", "b c"]),
        (r"(?:a|b)|\(|[|(]", ["(?:a|b)", r"\(", "[|(]"]),
        (r"[^]\]|]x", [r"[^]\]|]x"]),
        (r"\p{Han}|\||", [r"\p{Han}", r"\|", ""]),
    ],
)
def test_a_pattern_is_parted_at_its_outermost_bars(pattern: str, parts: list[str]) -> None:
    assert alternatives(pattern) == parts


@pytest.mark.parametrize("scope", ["", r"\A"])
def test_more_words_than_an_automaton_holds_are_refused_naming_the_language(scope: str) -> None:
    letters = random.Random(0)
    words = ("".join(letters.choices(string.ascii_lowercase, k=2000)) for _ in range(200))
    with pytest.raises(LexiconError, match="patterns of tlh hold more words"):
        Prefilter([Sought("tlh", scope + word, "tlh.rule") for word in words], in_ascii=True)


def test_no_pass_loses_a_pattern_of_the_start() -> None:
    """Neither one that begins with a word nor one that begins with a gap."""
    written = {
        "en": [r"\Ano\b", r"\A[^.!?\n]{0,40}\bnever\b", r"\bstop\b"],
        "de": [r"\A(?:bitte )?[^.!?\n]{0,40}\bniemals\b", r"\Anein\b"],
    }
    sought = [Sought(code, one, "a.rule") for code, patterns in written.items() for one in patterns]
    for in_ascii in (True, False):
        prefilter = Prefilter(sought, in_ascii)
        assert prefilter.matching(b"no, you should never do it") == [0, 1]
        assert prefilter.matching(b"bitte tu das niemals") == [3]
        assert prefilter.matching(b"go on. never stop. nein") == [2]
