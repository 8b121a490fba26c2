"""Cases: how many of each pair, what the trainer gets to see, and drawing on demand."""

from __future__ import annotations

from collections import Counter

from train_client.world.cases import Drawn, balanced, draw_cases
from train_client.world.rules import Rules
from train_client.world.scene import COUNTS
from train_client.world.split import split_pairs


def test_every_pair_gets_the_same_number_of_cases(rules: Rules) -> None:
    training, _ = split_pairs(rules)
    cases = draw_cases(rules, training, 6, seed=0)
    pairs = Counter((case.scene.thing, case.instruction) for case in cases)
    assert pairs == dict.fromkeys(training, 6)
    assert {case.scene.count for case in cases[:6]} == set(COUNTS)


def test_seeds_draw_other_scenes(rules: Rules) -> None:
    pairs = [("knife", "sleep")]
    first, again, other = (draw_cases(rules, pairs, 4, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert not {case.scene.seed for case in first} & {case.scene.seed for case in other}


def test_an_example_has_the_labels_and_a_text_that_does_not_name_the_object(rules: Rules) -> None:
    examples = Drawn(rules, draw_cases(rules, [("tracks", "sleep")], 2, seed=0))
    for example in examples:
        assert example.labels == rules.labels("tracks", "sleep")
        assert "tracks" not in example.instruction
        assert len(example.images) == 1
    assert len({example.id for example in examples}) == 2


def test_a_case_draws_the_same_picture_whenever_it_is_asked(rules: Rules) -> None:
    examples = Drawn(rules, draw_cases(rules, [("tracks", "sleep")], 3, seed=0))
    assert examples[1].images[0].tobytes() == examples[0:3][1].images[0].tobytes()


def test_balanced_cases_alternate_their_combined_labels(rules: Rules) -> None:
    cases = draw_cases(rules, split_pairs(rules)[0], each=2, seed=0)
    ordered = balanced(rules, cases, seed=0)
    labels = [rules.labels(case.scene.thing, case.instruction).combined for case in ordered]
    assert labels == ["safe", "unsafe"] * (len(labels) // 2)
    assert set(ordered) == set(cases)
    assert ordered == balanced(rules, cases, seed=0)
    assert ordered != balanced(rules, cases, seed=1)


def test_balanced_cases_meet_every_rule_of_a_label_equally_often(rules: Rules) -> None:
    cases = draw_cases(rules, split_pairs(rules)[0], each=2, seed=0)
    safe = balanced(rules, cases, seed=0)[::2]
    cells = [(rules.kind_of[case.scene.thing], case.instruction) for case in safe]
    distinct = len(set(cells))
    assert distinct > 8
    for start in range(0, len(cells) - distinct + 1, distinct):
        assert len(set(cells[start : start + distinct])) == distinct
