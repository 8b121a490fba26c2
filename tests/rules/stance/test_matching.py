"""Two engines read the patterns: they must read them alike."""

import pytest
import re2

from rules.stance import StanceDetector
from rules.stance.folding import fold
from rules.stance.matching import HEAD
from rules.stance.written import Text, Written, looser, unbounded

DETECTOR = StanceDetector()
MATCHER = DETECTOR.matcher


def examples(language: str) -> list[str]:
    lexicon = next(lexicon for lexicon in DETECTOR.lexicons if lexicon.language == language)
    written = [e for rule in lexicon.rules for e in (*rule.examples, *rule.counterexamples)]
    return [fold(example).strip()[:HEAD] for example in written]


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_re2_finds_on_ascii_text_what_regex_finds(language: str) -> None:
    texts = [text for text in examples(language) if text.isascii()]
    for text in texts:
        for pattern in MATCHER.candidates(Text.of(text)):
            exact = [match.span() for match in pattern.written.exact.finditer(text)]
            found = [match.span() for match in pattern.written.ascii.finditer(text.encode())]
            assert found == exact, (pattern.rule, text)


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_the_sieves_let_every_match_through(language: str) -> None:
    for text in examples(language):
        candidates = MATCHER.candidates(Text.of(text))
        for pattern in MATCHER.patterns:
            if pattern.rule.startswith(f"{language}.") and pattern.written.exact.search(text):
                assert pattern in candidates, (pattern.rule, text)
                assert pattern.written.looser.search(text.encode()), (pattern.rule, text)


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_gaps_without_end_let_every_match_through(language: str) -> None:
    patterns = [p.written.exact.pattern for p in MATCHER.patterns if p.language == language]
    texts = [text.encode() for text in examples(language)]
    for pattern in map(looser, patterns):
        bounded, endless = re2.compile(pattern), re2.compile(unbounded(pattern))
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
    assert unbounded(pattern) == endless


@pytest.mark.parametrize(
    "text", ["No, don't do that. It bites.", "Non! N’y allez pas, c’est glacé."]
)
def test_a_part_of_a_text_is_encoded_as_a_text_of_its_own(text: str) -> None:
    for start in range(len(text)):
        for end in range(start, len(text)):
            assert Text.of(text).part(start, end) == Text.of(text[start:end])


def test_rules_with_the_same_exceptions_share_their_automata() -> None:
    assert Written.of("a b") is Written.of("a b")
