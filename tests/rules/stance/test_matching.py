"""Two engines read the patterns: they must read them alike."""

import pytest

from rules.stance import StanceDetector
from rules.stance.folding import fold
from rules.stance.matching import HEAD

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
        for pattern in MATCHER.candidates(text):
            exact = [match.span() for match in pattern.written.exact.finditer(text)]
            found = [match.span() for match in pattern.written.ascii.finditer(text.encode())]
            assert found == exact, (pattern.rule, text)


@pytest.mark.parametrize("language", DETECTOR.languages)
def test_the_sieves_let_every_match_through(language: str) -> None:
    for text in examples(language):
        candidates = MATCHER.candidates(text)
        for pattern in MATCHER.patterns:
            if pattern.rule.startswith(f"{language}.") and pattern.written.exact.search(text):
                assert pattern in candidates, (pattern.rule, text)
                assert pattern.written.looser.search(text.encode()), (pattern.rule, text)
