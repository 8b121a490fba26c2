"""The held-out pairs: chosen without the labels, and each half of them is trained on."""

from __future__ import annotations

from dataclasses import replace

from train_client.world.rules import Rules
from train_client.world.split import split_pairs


def test_every_pair_is_on_exactly_one_side(rules: Rules) -> None:
    training, held_out = split_pairs(rules)
    assert sorted(training + held_out) == sorted(rules.pairs())
    assert 0.08 <= len(held_out) / len(rules.pairs()) <= 0.3


def test_objects_instructions_and_meetings_of_kinds_are_all_trained_on(rules: Rules) -> None:
    training, _ = split_pairs(rules)
    assert {thing for thing, _ in training} == set(rules.kind_of)
    meetings = {(rules.kind_of[thing], name) for thing, name in training}
    assert meetings == {(kind, name) for kind in rules.kinds for name in rules.instructions}


def test_which_object_of_a_kind_is_held_out_changes_with_the_instruction(rules: Rules) -> None:
    _, held_out = split_pairs(rules)
    assert len({thing for thing, _ in held_out}) > 1.5 * len(rules.kinds)


def test_the_split_does_not_depend_on_the_labels(rules: Rules) -> None:
    flipped = replace(
        rules,
        kinds=dict.fromkeys(rules.kinds, "unsafe"),
        instructions={
            name: replace(asked, text="safe", unsafe_with=frozenset())
            for name, asked in rules.instructions.items()
        },
    )
    assert split_pairs(flipped) == split_pairs(rules)


def test_held_out_pairs_have_both_labels(rules: Rules) -> None:
    labels = [rules.labels(*pair).combined for pair in split_pairs(rules)[1]]
    assert 0.3 <= labels.count("unsafe") / len(labels) <= 0.7
