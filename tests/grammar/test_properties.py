"""Properties of the strict structure: what is rendered parses; what is broken does not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar import SECTION_NAMES, Dialect, ParsedCompletion, ParseFailure, StrictParser
from tests.grammar.rendering import Parts, parts

PARSERS: dict[Dialect, StrictParser] = {
    "tags": StrictParser("tags"),
    "paper": StrictParser("paper"),
}
both = st.sampled_from(list(PARSERS)).flatmap(parts)


@given(both)
def test_render_then_parse_is_the_identity(source: Parts) -> None:
    text = source.render()
    completion = PARSERS[source.dialect].parse(text)
    assert isinstance(completion, ParsedCompletion), completion
    assert completion.verdicts == source.verdicts
    assert completion.answer_text == source.answer
    reasonings = tuple(section.reasoning.of(text).strip() for section in completion.sections)
    assert reasonings == tuple(reasoning.strip() for reasoning in source.reasoning)


def _tag_indices(source: Parts) -> list[int]:
    return [i for i, piece in enumerate(source.pieces()) if _is_tag(source, piece)]


def _is_tag(source: Parts, piece: str) -> bool:
    return piece.startswith("<") and _place(piece) in ("think", "answer", *SECTION_NAMES)


def _place(tag: str) -> str:
    return tag.strip("</>").split("_")[0]


@given(both, st.data())
def test_removing_any_required_tag_fails_the_gate_there(source: Parts, data: st.DataObject) -> None:
    pieces = source.pieces()
    index = data.draw(st.sampled_from(_tag_indices(source)))
    removed = pieces.pop(index)
    if removed == "<think>" or (
        removed == "</think>" and not source.think_open and source.dialect == "tags"
    ):
        return  # optional, alone
    text, place = "".join(pieces), _place(removed)
    result = PARSERS[source.dialect].parse(text)
    assert isinstance(result, ParseFailure), removed
    if removed == "<answer>" and source.think_close:
        expected, blamed = ("trailing_text", "think"), f"{source.space}{source.answer}"
    elif removed == "</think>":
        expected, blamed = ("unclosed_tag", place), "<think>" if source.think_open else "<answer>"
    elif removed.startswith("</"):
        expected, blamed = ("unclosed_tag", place), removed.replace("</", "<")
    else:
        expected, blamed = ("unexpected_tag", place), removed.replace("<", "</")
    assert (result.code, result.section) == expected
    assert text.startswith(blamed, result.offset)


@given(both, st.data())
def test_repeating_any_tag_fails_the_gate_there(source: Parts, data: st.DataObject) -> None:
    pieces = source.pieces()
    index = data.draw(st.sampled_from(_tag_indices(source)))
    tag = pieces[index]
    pieces.insert(index, tag)
    place, first = _place(tag), len("".join(pieces[:index]))
    result = PARSERS[source.dialect].parse("".join(pieces))
    assert isinstance(result, ParseFailure)
    if place == "think" or tag == "<answer>":
        code = "duplicate_section"
    else:
        code = "unexpected_tag" if tag.startswith("</") else "unclosed_tag"
    assert (result.code, result.section) == (code, place)
    assert result.offset == first + (len(tag) if code != "unclosed_tag" else 0)


@given(both, st.permutations([0, 1, 2]))
def test_sections_out_of_order_fail_the_gate(source: Parts, order: list[int]) -> None:
    if order == [0, 1, 2]:
        return
    pieces = source.pieces()
    start = 1 if source.think_open else 0
    units = [pieces[start + 4 * i : start + 4 * i + 4] for i in order]
    pieces[start : start + 12] = [piece for unit in units for piece in unit]
    result = PARSERS[source.dialect].parse("".join(pieces))
    assert isinstance(result, ParseFailure)
    assert (result.code, result.section) == ("wrong_order", _first_displaced(order))


def _first_displaced(order: list[int]) -> str:
    return next(name for at, name in enumerate(SECTION_NAMES) if order[at] != at)


@given(both, st.sampled_from(["", " ", "\n\t"]), st.integers(0, 2))
def test_blank_reasoning_fails_the_gate(source: Parts, blank: str, index: int) -> None:
    reasoning = tuple(blank if i == index else r for i, r in enumerate(source.reasoning))
    changed = Parts(
        source.dialect, reasoning, source.verdicts, source.answer,  # type: ignore[arg-type]
        space="\n",
    )  # fmt: skip
    result = PARSERS[source.dialect].parse(changed.render())
    assert isinstance(result, ParseFailure)
    assert (result.code, result.section) == ("empty_reasoning", SECTION_NAMES[index])


@given(
    both, st.sampled_from(["", " ", "maybe", "safe safe", "safe, unsafe", "saf", "安全"]), st.data()
)
def test_any_other_verdict_fails_the_gate(source: Parts, other: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, 2))
    verdicts: Any = tuple(other if i == index else v for i, v in enumerate(source.verdicts))
    changed = replace(source, verdicts=verdicts, inside=(False, False, False))
    pieces = changed.pieces()
    at = (1 if source.think_open else 0) + 4 * index + 2  # behind the section's opening tag
    result = PARSERS[source.dialect].parse("".join(pieces))
    assert isinstance(result, ParseFailure)
    assert (result.code, result.section) == ("invalid_verdict", SECTION_NAMES[index])
    assert len("".join(pieces[:at])) <= result.offset <= len("".join(pieces[: at + 1]))


@given(both, st.sampled_from(["", " ", "\n\t", "\u200b"]))
def test_a_blank_answer_fails_the_gate(source: Parts, blank: str) -> None:
    result = PARSERS[source.dialect].parse(replace(source, answer=blank).render())
    assert isinstance(result, ParseFailure)
    assert (result.code, result.section) == ("empty_answer", "answer")


@given(both, st.sampled_from(["x", "So I say:", "<b>", "。"]))
def test_text_before_the_answer_fails_the_gate(source: Parts, extra: str) -> None:
    if not source.think_close:
        return  # there it is the summary
    pieces = source.pieces()
    at = pieces.index("<answer>")
    pieces.insert(at, extra)
    result = PARSERS[source.dialect].parse("".join(pieces))
    assert isinstance(result, ParseFailure)
    assert (result.code, result.section) == ("trailing_text", "think")
    assert result.offset == len("".join(pieces[: at - 1]))  # what stands there begins with space


@given(both, st.sampled_from(["x", "more text.", "<b>", "。"]))
def test_text_after_the_answer_fails_the_gate(source: Parts, extra: str) -> None:
    text = source.render()
    result = PARSERS[source.dialect].parse(f"{text}\n{extra}")
    assert isinstance(result, ParseFailure)
    assert (result.code, result.section) == ("trailing_text", "answer")
    assert result.offset == len(text)


TAGS = [
    f"<{slash}{name}{suffix}>"
    for slash in ("", "/")
    for suffix in ("", "_safe")
    for name in ("think", "visual", "text", "combined", "answer")
]
PIECES = [*TAGS, *TAGS, *"<>/|[]＜＞а\u200b \n", "safe", "unsafe", "a reason", "<answer >", "</s>"]


@pytest.mark.parametrize("dialect", list(PARSERS))
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_gives_a_result_and_a_place_within_it(dialect: Dialect, text: str) -> None:
    result = PARSERS[dialect].parse(text)
    if isinstance(result, ParseFailure):
        assert 0 <= result.offset <= len(text)
        assert result.line == text.count("\n", 0, result.offset) + 1
        assert 0 <= result.standing < 1
