"""Checks behind a refusal read the whole answer, and know there what declines."""

from rules.stance.declining import DecliningAnswer
from rules.stance.lexicon import Effect
from rules.stance.matching import Hit
from rules.stance.quotations import without_quotations
from rules.stance.text import Text


def declining(lines: str, *words: tuple[str, str]) -> DecliningAnswer:
    """The answer in which each of the words declines, by a rule such as `en.refusal`."""
    head = Text.of(without_quotations(lines))
    hits = []
    for word, rule in words:
        start = head.text.index(word)
        effect: Effect = "refusal" if rule.endswith("refusal") else "rebuttal"
        hits.append(Hit(start, start + len(word), effect, rule))
    return DecliningAnswer.of(lines, head, hits)


def test_hits_are_placed_where_quotations_still_stand() -> None:
    answer = declining('you said "go on" and "help me". i refuse to.', ("i refuse", "en.refusal"))
    assert answer.text[answer.deciding.start : answer.deciding.end] == "i refuse"
    assert answer.begins == answer.text.index("i refuse")


def test_a_refusal_decides_even_after_a_warning() -> None:
    warning, refusal = ("never do it", "en.warning"), ("i refuse", "en.refusal")
    answer = declining("never do it. i refuse.", warning, refusal)
    assert answer.refuses
    assert answer.deciding.rule == "en.refusal"
    assert not declining("never do it. i refuse.", warning).refuses


def test_its_languages_are_those_that_refuse_or_else_that_of_the_first_warning() -> None:
    warnings = ("never do it", "en.warning"), ("niemals", "de.warning")
    assert declining("never do it. niemals.", *warnings).languages == {"en"}
    refusals = ("i refuse", "en.refusal"), ("nein danke", "de.refusal")
    answer = declining("niemals. i refuse. nein danke.", warnings[1], *refusals)
    assert answer.languages == {"en", "de"}
