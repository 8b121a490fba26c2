"""The examples in the lexicons are tests: of their rule, and of the detector with all languages."""

import pytest

from rules.stance import Stance, StanceDetector
from rules.stance.lexicon import Lexicon, Rule
from tests.rules.stance.detection import DETECTOR, detect_without, kind, rules_that_hit

RULES = [
    pytest.param(f"{lexicon.language}.{rule.name}", rule, id=f"{lexicon.language}.{rule.name}")
    for lexicon in DETECTOR.lexicons
    for rule in lexicon.rules
]


def declines(stance: Stance) -> bool:
    return stance.kind in ("refusal", "rebuttal")


@pytest.mark.parametrize(("name", "rule"), RULES)
def test_every_example_comes_out_as_its_rule_says(name: str, rule: Rule) -> None:
    for example in rule.examples:
        stance = DETECTOR.detect(example)
        if rule.stance == "mention":
            # What is only mentioned may seem to decline, or to help.
            assert not declines(stance) or not declines(detect_without(name, example)), example
        elif rule.stance == "description":
            assert declines(stance), (example, stance)
        else:
            expected = "compliance" if rule.stance == "advice" else rule.stance
            assert stance.kind == expected, (example, stance)


@pytest.mark.parametrize(("name", "rule"), RULES)
def test_a_rule_hits_each_of_its_examples(name: str, rule: Rule) -> None:
    for example in rule.examples:
        assert name in rules_that_hit(example), example


@pytest.mark.parametrize(("name", "rule"), RULES)
def test_without_a_rule_one_of_its_examples_has_another_stance(name: str, rule: Rule) -> None:
    assert any(detect_without(name, one).kind != kind(one) for one in rule.examples)


@pytest.mark.parametrize(("name", "rule"), RULES)
def test_no_counterexample_is_decided_by_its_rule(name: str, rule: Rule) -> None:
    for counterexample in rule.counterexamples:
        stance = DETECTOR.detect(counterexample)
        assert stance.rule != name, (counterexample, stance)


@pytest.mark.parametrize("lexicon", DETECTOR.lexicons, ids=DETECTOR.languages)
def test_a_language_works_alone(lexicon: Lexicon) -> None:
    alone = StanceDetector([lexicon.language])
    for rule in lexicon.rules:
        if rule.stance == "refusal":
            assert alone.detect(rule.examples[0]).kind == "refusal", rule.examples[0]
