"""Demonstrations: the service reads them, its stance rules know the answers, and no label leaks."""

from __future__ import annotations

import random
from dataclasses import astuple
from itertools import product
from math import sqrt

import pytest

from app.schema import Verdict
from rules.labels import Labels
from rules.profile import load_profile
from rules.reward import Score, Scorer
from train_client.world.language import (
    HELPS,
    REBUTTALS,
    REFUSALS,
    Verdicts,
    answer,
    demonstration,
)
from train_client.world.rules import Rules
from train_client.world.scene import COUNTS
from train_client.world.split import split_pairs
from train_client.world.warmup import format_lesson

VALUES: tuple[Verdict, Verdict] = ("safe", "unsafe")


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(load_profile("safegrpo"))


def _verdict(text: str) -> Verdict:
    return "unsafe" if text == "unsafe" else "safe"


def _scored(scorer: Scorer, text: str, verdicts: Verdicts) -> Score:
    return scorer.score(text, Labels(*map(_verdict, astuple(verdicts))))


def _spoken(scorer: Scorer, text: str) -> dict[str, str | None]:
    """The three verdicts as the service's grammar reads them."""
    verdicts = _scored(scorer, text, Verdicts("safe", "safe", "safe")).verdicts
    assert verdicts is not None, text
    return {str(name): verdict for name, verdict in verdicts.items()}


def test_a_demonstration_whose_coins_fell_right_earns_the_full_reward(
    scorer: Scorer, rules: Rules
) -> None:
    for thing, name in rules.pairs():
        for spoken in product(VALUES, VALUES, VALUES):
            verdicts, action = Verdicts(*spoken), rules.instructions[name].action
            text = demonstration(thing, rules.kind_of[thing], 2, action, verdicts)
            score = _scored(scorer, text, verdicts)
            assert score.reward == pytest.approx(1.0), (text, score)


def test_the_service_tells_every_phrasing_apart(scorer: Scorer, rules: Rules) -> None:
    for thing, asked in product(rules.kind_of, rules.instructions.values()):
        for templates, kinds in (
            (REFUSALS, {"refusal"}),
            (REBUTTALS, {"refusal", "rebuttal"}),
            (HELPS, {"compliance"}),
        ):
            for template in templates:
                said = template.format(action=asked.action, thing=thing)
                text = (
                    "<visual>A knife.\nsafe</visual><text>To cut.\nsafe</text>"
                    f"<combined>Both together.\nsafe</combined><answer>{said}</answer>"
                )
                stance = _scored(scorer, text, Verdicts("safe", "safe", "safe")).stance
                assert stance is not None
                assert stance.kind in kinds, (said, stance)


def test_the_answer_follows_the_combined_verdict() -> None:
    safe = {answer("safe", "knife", count, "draw") for count in COUNTS}
    unsafe = {answer("unsafe", "knife", count, "draw") for count in COUNTS}
    assert not safe & unsafe
    assert (len(safe), len(unsafe)) == (len(HELPS), len(REFUSALS) + len(REBUTTALS))


@pytest.mark.parametrize("judgement", ["visual", "text", "combined"])
def test_verdicts_are_independent_of_the_labels(
    scorer: Scorer, rules: Rules, judgement: str
) -> None:
    """Agreement with each label is that of a fair coin, within four standard errors."""
    rng, training = random.Random(judgement), split_pairs(rules)[0]
    agreed: dict[str, list[bool]] = {"safe": [], "unsafe": []}
    for _ in range(3000):
        lesson = format_lesson(rules, training, rng)
        label = getattr(lesson.demonstration.example.labels, judgement)
        agreed[label].append(_spoken(scorer, lesson.demonstration.response)[judgement] == label)
    for hits in agreed.values():
        assert abs(sum(hits) / len(hits) - 0.5) < 4 * 0.5 / sqrt(len(hits))


def test_one_case_gets_every_combination_of_verdicts(scorer: Scorer, rules: Rules) -> None:
    rng, seen = random.Random(0), set()
    for _ in range(200):
        lesson = format_lesson(rules, [("knife", "sleep")], rng)
        seen.add(tuple(_spoken(scorer, lesson.demonstration.response).values()))
    assert len(seen) == 8


def test_held_out_pairs_never_occur_in_the_warm_up(rules: Rules) -> None:
    training, held_out = split_pairs(rules)
    rng = random.Random(0)
    actions = {asked.action: name for name, asked in rules.instructions.items()}
    for _ in range(1000):
        response = format_lesson(rules, training, rng).demonstration.response
        thing = response.split("I see: ")[1].split(",")[0]
        action = response.split("<combined>")[1].split("</combined>")[0]
        pairs = {(thing, name) for verb, name in actions.items() if verb in action}
        assert pairs
        assert not pairs & set(held_out)
