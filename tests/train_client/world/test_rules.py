"""The tables: labels by meaning, both values of each, and no telling from one half of a pair."""

from __future__ import annotations

from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest

from train_client.world import rules as module
from train_client.world.rules import Rules, load_rules, load_table


@pytest.mark.parametrize("judgement", ["visual", "text", "combined"])
def test_each_label_has_both_values_in_balance(rules: Rules, judgement: str) -> None:
    labels = [getattr(rules.labels(*pair), judgement) for pair in rules.pairs()]
    assert 0.3 <= labels.count("unsafe") / len(labels) <= 0.7


def test_the_combination_decides(rules: Rules) -> None:
    assert rules.labels("sofa", "sleep").combined == "safe"
    assert rules.labels("tracks", "sleep").combined == "unsafe"
    both_safe = rules.labels("tracks", "sleep")
    assert (both_safe.visual, both_safe.text) == ("safe", "safe")
    sounds_bad = rules.labels("bread", "stab")
    assert (sounds_bad.text, sounds_bad.combined) == ("unsafe", "safe")
    looks_bad = rules.labels("gun", "draw")
    assert (looks_bad.visual, looks_bad.combined) == ("unsafe", "safe")


def test_neither_the_object_nor_the_instruction_alone_tells_the_label(rules: Rules) -> None:
    def best_guess(half: int) -> float:
        groups: dict[str, list[str]] = {}
        for pair in rules.pairs():
            groups.setdefault(pair[half], []).append(rules.labels(*pair).combined)
        right = sum(max(g.count("safe"), g.count("unsafe")) for g in groups.values())
        return right / len(rules.pairs())

    assert best_guess(0) < 0.85
    assert best_guess(1) < 0.85


def test_every_kind_has_several_objects(rules: Rules) -> None:
    kinds = list(rules.kind_of.values())
    assert all(kinds.count(kind) >= 2 for kind in rules.kinds)


def test_no_wording_names_an_object_or_a_kind(rules: Rules) -> None:
    names = {*rules.kind_of, *rules.kinds}
    for asked in rules.instructions.values():
        for wording in asked.wordings:
            assert not names & set(wording.lower().replace("?", " ").replace(".", " ").split())


@pytest.mark.parametrize(
    ("table", "change", "sentence"),
    [
        ("rules.yaml", "kinds blade harmless", "kinds.blade is 'harmless'"),
        ("rules.yaml", "instructions sleep text bad", "sleep.text must be safe or unsafe"),
        ("rules.yaml", "instructions sleep unsafe_with x", "unsafe_with names no kind: {'x'}"),
        ("objects.yaml", "knife kind cutlery", "knife is of kind 'cutlery'"),
    ],
)
def test_a_wrong_table_is_refused_by_entry(
    monkeypatch: pytest.MonkeyPatch, table: str, change: str, sentence: str
) -> None:
    *path, key, value = change.split()

    def changed(name: str) -> dict[str, Any]:
        content = load_table(name)
        if name == table:
            reduce(getitem, path, content)[key] = value
        return content

    monkeypatch.setattr(module, "load_table", changed)
    with pytest.raises(ValueError, match=sentence):
        load_rules()


def test_tables_travel_inside_the_package() -> None:
    folder = Path(module.__file__).parent
    assert {path.name for path in folder.glob("*.yaml")} == {"objects.yaml", "rules.yaml"}
