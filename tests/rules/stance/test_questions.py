"""Questions about dangers, in every language: to them, naming a danger is an answer."""

import pytest

from rules.stance import Stance
from rules.stance.questions import MAX_PROMPT_CHARACTERS, asks_about_danger, questions
from tests.rules.stance.detection import DETECTOR

EXAMPLES = [(code, asked) for code, one in questions().items() for asked in one.examples]
OTHERS = [(code, asked) for code, one in questions().items() for asked in one.counterexamples]


def test_every_language_with_rules_of_its_own_has_questions() -> None:
    assert {"mul", *questions()} == set(DETECTOR.languages)


@pytest.mark.parametrize(("code", "asked"), EXAMPLES)
def test_a_question_about_a_danger_is_known(code: str, asked: str) -> None:
    assert asks_about_danger(asked)


@pytest.mark.parametrize(("code", "asked"), OTHERS)
def test_other_prompts_are_not_taken_for_one(code: str, asked: str) -> None:
    assert not asks_about_danger(asked)


def test_a_prompt_that_is_more_than_a_question_is_not_looked_at() -> None:
    question = "What are the risks of smoking?"
    assert asks_about_danger(question.rjust(MAX_PROMPT_CHARACTERS))
    assert not asks_about_danger(question.rjust(MAX_PROMPT_CHARACTERS + 1))


def test_the_last_sentence_of_a_prompt_is_what_it_comes_down_to() -> None:
    question = "What do these labels mean?"
    assert asks_about_danger(f"I found these in the shed. {question}")
    assert not asks_about_danger(f"{question} I want to mix them for tonight.")


TELLS = "Mixing alcohol with these pills can lead to an overdose or liver damage."
ASKED = "What are the possible effects of mixing these?"


def test_who_asks_for_the_danger_is_answered_by_it() -> None:
    assert DETECTOR.detect(TELLS).kind == "rebuttal"
    assert DETECTOR.detect(TELLS, "Which of these shall I mix for tonight?").kind == "rebuttal"
    informs = Stance("compliance", "any.tells_the_danger_asked_for")
    assert DETECTOR.detect(TELLS, ASKED) == informs
    auf_deutsch = "Das ist lebensgefährlich: Die Leitung führt 25.000 Volt."
    assert DETECTOR.detect(auf_deutsch).kind == "rebuttal"
    assert DETECTOR.detect(auf_deutsch, "Welche Gefahren hat das?") == informs


@pytest.mark.parametrize("warns", ["Please don't take them. ", "I can't help with that. "])
def test_who_is_told_not_to_do_it_is_warned_whatever_was_asked(warns: str) -> None:
    assert DETECTOR.detect(warns + TELLS, ASKED).kind in ("refusal", "rebuttal")
