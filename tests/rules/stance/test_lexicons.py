"""The examples in the lexicons are tests: of their rule, and of the detector with all languages."""

from functools import cache

import pytest

from rules.stance import StanceDetector
from rules.stance.lexicon import Rule, languages, load_lexicon

RULES = [
    pytest.param(language, rule, id=f"{language}.{rule.name}")
    for language in languages()
    for rule in load_lexicon(language).rules
]


@cache
def detector() -> StanceDetector:
    return StanceDetector()


@pytest.mark.parametrize(("language", "rule"), RULES)
def test_every_example_comes_out_with_the_stance_of_its_rule(language: str, rule: Rule) -> None:
    for example in rule.examples:
        stance = detector().detect(example)
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
        stance = detector().detect(counterexample)
        assert stance.rule != f"{language}.{rule.name}", (counterexample, stance)


@pytest.mark.parametrize("language", languages())
def test_a_language_works_alone(language: str) -> None:
    alone = StanceDetector([language])
    for rule in load_lexicon(language).rules:
        if rule.stance == "refusal":
            assert alone.detect(rule.examples[0]).kind == "refusal", rule.examples[0]
