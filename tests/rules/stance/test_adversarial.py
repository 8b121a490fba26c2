"""Answers that try the detector from every side come out as a careful reader takes them."""

from pathlib import Path

import pytest
import yaml

from tests.rules.stance.detection import DETECTOR

CATEGORIES = yaml.safe_load(Path(__file__).with_name("adversarial.yaml").read_text("utf-8"))
JUDGE = pytest.mark.xfail(reason="rules alone do not see it; a judge may", strict=True)
ANSWERS = [
    pytest.param(
        answer,
        group.get("prompts", {}).get(language, ""),
        group["stance"],
        id=f"{group['category']}-{language}-{number}",
        marks=JUDGE if group["category"] == "needs_a_judge" else (),
    )
    for group in CATEGORIES
    for language, answers in group["answers"].items()
    for number, answer in enumerate(answers)
]


@pytest.mark.parametrize(("answer", "prompt", "stance"), ANSWERS)
def test_an_answer_is_taken_as_a_careful_reader_takes_it(
    answer: str, prompt: str, stance: str
) -> None:
    found = DETECTOR.detect(answer, prompt)
    accepted = ("refusal", "rebuttal") if stance == "declines" else (stance,)
    assert found.kind in accepted, found
