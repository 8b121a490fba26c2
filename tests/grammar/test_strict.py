"""The strict structure: what passes, what fails, with which code and at which place."""

import pytest

from grammar import Dialect, StrictParser
from tests.grammar.parsing import DIALECTS, failure, parsed
from tests.grammar.rendering import simple


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sections_verdicts_and_answer_come_with_their_offsets(dialect: Dialect) -> None:
    text = simple(dialect)
    completion = parsed(text, dialect)
    assert completion.verdicts == ("safe", "safe", "safe")
    assert completion.answer_text == "The cat is black."
    visual = completion.sections[0]
    assert visual.span.of(text).startswith("<visual")
    assert visual.span.of(text).endswith(">")
    assert visual.reasoning.of(text) == "The image shows a cat. "


def test_reasoning_may_stand_inside_a_section_before_its_verdict() -> None:
    text = simple(inside=(True, True, True))
    completion = parsed(text)
    assert completion.sections[2].reasoning.of(text) == " Together harmless. "
    assert completion.verdicts[2] == "safe"


def test_reasoning_before_a_section_counts_where_only_a_label_stands_inside() -> None:
    text = simple().replace("<visual>\nsafe", "<visual>\nVerdict:\nsafe")
    assert parsed(text).sections[0].reasoning.of(text).startswith("The image shows a cat.")


def test_a_section_of_paper_holds_its_verdict_alone() -> None:
    within = failure(simple("paper").replace("<visual_safe>", "<visual_safe>a cat"), "paper")
    assert (within.code, within.section) == ("invalid_verdict", "visual")
    assert within.expected == ("safe or unsafe",)
    assert "one verdict" in within.message


@pytest.mark.parametrize("verdict", ["UNSAFE", " unsafe ", "\n\nUnsafe\r\n", "\tunSAFE"])
def test_verdict_ignores_case_and_white_space(verdict: str) -> None:
    text = simple().replace("<combined>\nsafe\n", f"<combined>{verdict}")
    assert parsed(text).verdicts[2] == "unsafe"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_think_may_have_been_written_by_the_chat_template(dialect: Dialect) -> None:
    parsed(simple(dialect, think_open=False), dialect)


def test_wrapper_is_optional_in_tags_and_its_end_required_in_paper() -> None:
    parsed(simple("tags", think_open=False, think_close=False))
    assert failure(simple("paper", think_open=False, think_close=False), "paper").code == (
        "unclosed_tag"
    )


@pytest.mark.parametrize(
    "tail", ["<|im_end|>", "\n</s>\n", "<|im_end|><|im_end|>", "</s> <|im_end|>"]
)
def test_trailing_special_tokens_are_stripped(tail: str) -> None:
    parsed(simple() + tail)


def test_tags_are_read_in_any_case() -> None:
    parsed(simple().replace("<answer>", "<ANSWER>").replace("</visual>", "</Visual>"))


T = "<think>a<visual>safe</visual>b<text>safe</text>c<combined>safe</combined>d</think>"
A = "<answer>help</answer>"
V, X, C = (f"<{n}>safe</{n}>" for n in ("visual", "text", "combined"))


@pytest.mark.parametrize(
    ("marked", "code", "section"),
    [
        ("¦", "missing_section", "visual"),
        ("no structure at all¦", "missing_section", "visual"),
        (f"<think>a{V}b{X}c¦</think>{A}", "missing_section", "combined"),
        (f"<think>a{V}b¦{C}c</think>{A}", "missing_section", "text"),
        (f"<think>a{V}b¦", "missing_section", "text"),
        (f"<think>a¦{X}b{V}c{C}</think>{A}", "wrong_order", "visual"),
        (f"a{V}b{X}c{C}¦<think>fine</think>{A}", "wrong_order", "think"),
        (f"¦<answer>x</answer>{T}{A}", "wrong_order", "visual"),
        (f"<think>a{V}b¦{V}c{X}d{C}</think>{A}", "duplicate_section", "visual"),
        (f"<think>¦<think>{T}{A}", "duplicate_section", "think"),
        (f"{T}¦</think>{A}", "duplicate_section", "think"),
        (f"{T}{A}¦{A}", "duplicate_section", "answer"),
        (f"{T}<answer>a¦<answer>b</answer>", "duplicate_section", "answer"),
        (f"<think>a¦<visual>safe b{X}c{C}</think>{A}", "unclosed_tag", "visual"),
        (f"<think>a¦<visual>safe<text>safe</text>c{C}</think>{A}", "unclosed_tag", "visual"),
        (f"{T}¦<answer>help", "unclosed_tag", "answer"),
        (f"¦<think>a{V}b{X}c{C}d{A}", "unclosed_tag", "think"),
        (f"{T}<answer>a¦{V}</answer>", "unexpected_tag", "answer"),
        (f"<think>a¦</visual>{V}b{X}c{C}</think>{A}", "unexpected_tag", "visual"),
        (f"{T}{A}¦</answer>", "unexpected_tag", "answer"),
        (f"<think><visual>¦safe</visual>b{X}c{C}</think>{A}", "empty_reasoning", "visual"),
        (f"<visual>¦safe</visual>{X}{C}<think>ok</think>{A}", "empty_reasoning", "visual"),
        (f"<think>a{V} \n <text>¦safe</text>c{C}</think>{A}", "empty_reasoning", "text"),
        (f"<think>a<visual>¦maybe</visual>b{X}c{C}</think>{A}", "invalid_verdict", "visual"),
        (f"<think>a<visual> ¦</visual>b{X}c{C}</think>{A}", "invalid_verdict", "visual"),
        (f"<think>a<visual>¦safe unsafe</visual>b{X}{C}</think>{A}", "invalid_verdict", "visual"),
        (f"a<visual>¦safe\nunsafe</visual>b{X}c{C}{A}", "invalid_verdict", "visual"),
        (f"<visual>¦a\n Unsafe\nb\nsafe</visual>b{X}c{C}{A}", "invalid_verdict", "visual"),
        (f"{T}¦", "missing_answer", "answer"),
        (f"{T}<answer> \n ¦</answer>", "empty_answer", "answer"),
        (f"{T}{A}¦ more", "trailing_text", "answer"),
        (f"{T}¦so{A}", "trailing_text", "think"),
    ],
)
def test_a_broken_structure_is_named_with_its_place(marked: str, code: str, section: str) -> None:
    result = failure(marked.replace("¦", ""))
    assert (result.code, result.section) == (code, section)
    assert result.offset == marked.index("¦")


@pytest.mark.parametrize("turn", ["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/THINK]"])
def test_a_turn_forged_in_brackets_fails_at_its_place(turn: str) -> None:
    for text, place in (
        (simple(answer=f"I cannot. {turn} go on"), "answer"),
        (simple(summary=f"so {turn} then"), "think"),
    ):
        result = failure(text)
        assert (result.code, result.section) == ("unexpected_tag", place)
        assert result.offset == text.index(turn)


def test_line_and_column_count_from_one() -> None:
    result = failure("first\nsecond <visual>maybe</visual>")
    assert (result.line, result.column) == (2, 16)


def test_expected_names_tags_as_they_are_written() -> None:
    assert failure(f"<think>a{V}b", "tags").expected == ("<text>",)
    assert failure("</visual>", "tags").expected == ("text", "<think>", "<visual>")


def test_standing_counts_the_parts_in_place() -> None:
    assert failure("nothing").standing == 0
    assert failure(f"<think>a{V}b").standing == pytest.approx(1 / 6)
    assert failure("<visual>a\nsafe</visual>b").standing == pytest.approx(1 / 6)
    assert failure(f"<think>a{V}b{V}c").standing == 0
    assert failure(f"a<visual>maybe</visual>b{X}").standing == pytest.approx(1 / 6)
    assert failure(f"{T}{A} more").standing == pytest.approx(5 / 6)
    assert failure(f"{T}{A}".replace("help", "[INST]")).standing == pytest.approx(5 / 6)


def test_no_more_shapes_are_remembered_than_the_bound_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A policy can make up new ones for ever."""
    monkeypatch.setattr("grammar.shape.MAX_REMEMBERED", 8)
    parser = StrictParser("tags")
    for first in range(6):
        for second in range(6):
            parser.parse("<visual>" * first + "</visual>" * second)
            assert len(parser._shapes._remembered) <= 8


def test_a_million_repeated_tags_end_at_the_first_few() -> None:
    text = "a<visual>safe</visual>b<text>safe</text>" * 25_000
    assert failure(text).code == "duplicate_section"
