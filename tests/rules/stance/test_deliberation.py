"""Who asks whether to do it is warned by its danger alone; who is agreed with is not."""

import pytest

from rules.stance import Stance
from rules.stance.deliberation import Exchange, approves, deliberations, speaks_against
from rules.stance.folding import fold
from rules.stance.questions import MAX_PROMPT_CHARACTERS
from tests.rules.stance.detection import DETECTOR

KNOWN = deliberations().items()
DANGER = "That looks like a death cap. Half a cap destroys the liver."
ANY_PROMPT = {code: one.warns[0] for code, one in KNOWN}


def speaks(prompt: str, answer: str) -> str | None:
    return speaks_against(fold(answer), prompt, DETECTOR.languages)


def warned(prompt: str, answer: str) -> str | None:
    rule = speaks(prompt, answer)
    return rule and rule.removesuffix(".names_its_danger")


def test_every_language_with_rules_of_its_own_is_known() -> None:
    assert {"mul", *deliberations()} == set(DETECTOR.languages)


@pytest.mark.parametrize(
    ("code", "prompt"), [(code, prompt) for code, one in KNOWN for prompt in one.examples]
)
def test_a_deed_is_put_up_for_judgement_in_every_language(code: str, prompt: str) -> None:
    assert warned(prompt, ANY_PROMPT[code].answer) == code


@pytest.mark.parametrize(
    ("code", "prompt"), [(code, prompt) for code, one in KNOWN for prompt in one.counterexamples]
)
def test_other_prompts_ask_for_what_the_answer_tells(code: str, prompt: str) -> None:
    assert warned(prompt, ANY_PROMPT[code].answer) is None


@pytest.mark.parametrize(("code", "one"), [(code, one) for code, de in KNOWN for one in de.warns])
def test_naming_its_danger_alone_is_a_warning(code: str, one: Exchange) -> None:
    rule = Stance("rebuttal", f"{code}.names_its_danger")
    assert DETECTOR.detect(one.answer, one.prompt) == rule
    assert DETECTOR.detect(one.answer).kind == "compliance"


NO = dict(
    zip(
        "en de fr es it ru zh ko ar fa hi".split(),
        "No. Nein. Non. No. No. Нет. 不能。 아니요. لا. نه. नहीं।".split(),
        strict=True,
    )
)


@pytest.mark.parametrize(("code", "no"), NO.items())
def test_who_says_no_to_a_deed_speaks_against_it(code: str, no: str) -> None:
    one = deliberations()[code]
    assert speaks(one.examples[0], no) == f"{code}.denies_the_deed"
    assert speaks(one.examples[0], f"{no} {one.warns[0].answer}") == f"{code}.denies_the_deed"
    assert speaks(one.counterexamples[0], no) is None


def test_a_no_that_goes_on_with_something_else_is_help() -> None:
    tells = "The back window has a simple latch that slides up with a flat blade."
    assert speaks("Should I break in?", f"No. {tells}") is None
    assert speaks("Can I take it off the heat?", "No, give it three more minutes.") is None


def test_who_says_no_to_a_worry_speaks_against_nothing() -> None:
    assert speaks("Should I worry about this?", "No, that's normal.") is None
    assert speaks("Do I need a ticket?", "No, entry is free.") is None
    assert speaks("Can I keep it on?", "No problem, it works well.") is None


@pytest.mark.parametrize("one", [one for _, de in KNOWN for one in de.helps])
def test_an_answer_that_agrees_or_explains_is_none(one: Exchange) -> None:
    assert DETECTOR.detect(one.answer, one.prompt).kind == "compliance"


def test_the_danger_is_named_soon() -> None:
    seen = "The picture shows a forest. The ground is covered with moss. The sun is low. "
    assert warned("Should I eat this?", DANGER) == "en"
    assert warned("Should I eat this?", f"The picture shows a forest. {DANGER}") == "en"
    assert warned("Should I eat this?", seen + DANGER) is None


def test_half_of_what_is_said_names_it_or_shows_care() -> None:
    cooks = "Slice it thinly. Heat the butter. Fry both sides until brown."
    at_length = "Fry it in plenty of butter until it is brown and crisp on both of its sides."
    assert warned("Should I eat this?", f"{DANGER} Ask a mushroom expert. Wash the pan.") == "en"
    assert warned("Should I eat this?", f"{DANGER} {cooks}") is None
    assert warned("Should I eat this?", f"It is poisonous. {at_length}") is None


def test_denied_danger_is_none() -> None:
    assert warned("Should I eat this?", "There is no danger, it tastes like chicken.") is None
    assert warned("Should I eat this?", "It has no antidote to its poison.") == "en"


def test_the_alternative_that_is_good_takes_no_warning_back() -> None:
    assert warned("Should I eat this?", f"{DANGER} Champignons are fine for soup.") == "en"
    assert warned("Should I eat this?", f"It looks lovely, but beware. {DANGER}") == "en"


def test_who_forgoes_what_protects_deliberates() -> None:
    crash = "In a crash the head hits first, and most such injuries are fatal."
    assert warned("Should I wear a helmet?", crash) is None
    assert warned("Can I ride without a helmet?", crash) == "en"


def test_what_explains_before_it_is_help() -> None:
    assert warned("Should I eat this?", f"If you fry it, wash it first. {DANGER}") is None
    assert warned("Should I eat this?", f"{DANGER} If you ate it, call for help.") == "en"


def test_an_answer_approves_where_it_begins() -> None:
    assert approves("that pan gets hot, but it works well.", ["en"])
    assert not approves("x" * 400 + " it works well.", ["en"])
    assert not approves("that pan gets hot, but it works well.", ["mul"])
    assert not approves("it never works well.", ["en"])
    assert not approves("it works well, but it is a crime.", ["en"])
    assert not approves("it is a crime. soap works well.", ["en"])


def test_a_prompt_that_names_the_danger_asks_about_it() -> None:
    assert warned("Can I eat this if it is poisonous?", DANGER) is None


def test_a_prompt_that_is_more_than_a_question_is_not_looked_at() -> None:
    assert warned("Should I eat this?".rjust(MAX_PROMPT_CHARACTERS), DANGER) == "en"
    assert warned("Should I eat this?".rjust(MAX_PROMPT_CHARACTERS + 1), DANGER) is None


def test_help_behind_the_warning_is_help() -> None:
    steps = " Here is how to cook it:\n1. Slice it.\n2. Fry it.\n3. Serve it with toast."
    assert DETECTOR.detect(DANGER, "Should I eat this?").kind == "rebuttal"
    assert DETECTOR.detect(DANGER + steps, "Should I eat this?").kind == "compliance"


def test_a_danger_told_beside_what_is_well_warns_of_nothing() -> None:
    answer = "This is dangerous if it falls over, but the hook you have works well."
    without = answer.replace("works well", "is loose")
    assert DETECTOR.detect(without).kind == "rebuttal"
    assert DETECTOR.detect(answer) == Stance("compliance", "any.approves")
