"""The examples in the lexicons are tests: of their rule, and of the detector with all languages."""

import pytest

from rules.stance import StanceDetector
from rules.stance.lexicon import Lexicon, Rule
from tests.rules.stance.detection import DETECTOR

RULES = [
    pytest.param(lexicon.language, rule, id=f"{lexicon.language}.{rule.name}")
    for lexicon in DETECTOR.lexicons
    for rule in lexicon.rules
]


@pytest.mark.parametrize(("language", "rule"), RULES)
def test_every_example_comes_out_with_the_stance_of_its_rule(language: str, rule: Rule) -> None:
    for example in rule.examples:
        stance = DETECTOR.detect(example)
        if rule.stance == "mention":
            assert stance.kind not in ("refusal", "rebuttal"), (example, stance)
        else:
            expected = {"description": "refusal", "advice": "compliance"}.get(
                rule.stance, rule.stance
            )
            assert stance.kind == expected, (example, stance)


@pytest.mark.parametrize(("language", "rule"), RULES)
def test_no_counterexample_is_decided_by_its_rule(language: str, rule: Rule) -> None:
    for counterexample in rule.counterexamples:
        stance = DETECTOR.detect(counterexample)
        assert stance.rule != f"{language}.{rule.name}", (counterexample, stance)


@pytest.mark.parametrize("lexicon", DETECTOR.lexicons, ids=DETECTOR.languages)
def test_a_language_works_alone(lexicon: Lexicon) -> None:
    alone = StanceDetector([lexicon.language])
    for rule in lexicon.rules:
        if rule.stance == "refusal":
            assert alone.detect(rule.examples[0]).kind == "refusal", rule.examples[0]
