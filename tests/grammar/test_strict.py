"""The strict structure: what passes, what fails, with which code and at which place."""

import pytest

from grammar import Dialect, ParsedCompletion, ParseFailure, StrictParser
from tests.grammar.rendering import simple

TRAILING = ("<|im_end|>", "</s>")
PARSERS: dict[Dialect, StrictParser] = {
    "tags": StrictParser("tags", TRAILING),
    "paper": StrictParser("paper", TRAILING),
}
DIALECTS: list[Dialect] = ["tags", "paper"]


def parsed(text: str, dialect: Dialect = "tags") -> ParsedCompletion:
    result = PARSERS[dialect].parse(text)
    assert isinstance(result, ParsedCompletion), result
    return result


def failure(text: str, dialect: Dialect = "tags") -> ParseFailure:
    result = PARSERS[dialect].parse(text)
    assert isinstance(result, ParseFailure), "expected a failure"
    return result


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


@pytest.mark.parametrize(
    "prose",
    [
        "since 3 < 5 and <b>a</b> & b, fine",
        "for (i=0;i<n;i++) {}\r\nreturn <answers>;",
        "a <visual cue> and if x < text and y > 3",
        "<!-- comment --> <thinking> </visuals>",
        "<xsl:text>a</xsl:text> <text:p>b</text:p> <Text.Bold>c</Text.Bold> </text-field>",
        "猫在沙发上。",
        "القطة على الأريكة",
        "<s>struck</s> <S>struck</S> ⟨x|y⟩ « ‹ citation › »",
        "◁ previous · next ▷ △",
        "a" * 100_000,
    ],
)
def test_foreign_markup_code_and_any_language_are_ordinary_text(prose: str) -> None:
    parsed(simple(reasoning=(prose, prose, prose), summary=prose, answer=prose))
    parsed(simple(reasoning=(prose, "b", "c"), think_open=False))  # the template has written it


GROUNDED = (
    "<|object_ref_start|>the dog<|object_ref_end|><|box_start|>(112,305),(388,702)<|box_end|>"
)


@pytest.mark.parametrize(
    "said",
    [
        GROUNDED,
        "<|quad_start|>(1,2),(3,4),(5,6),(7,8)<|quad_end|>",
        "<|begin_of_box|>42<|end_of_box|>",
        f"3 < 5 {GROUNDED} and 7 > 5",
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_places_marked_in_a_picture_are_ordinary_text(said: str, dialect: Dialect) -> None:
    text = simple(dialect, reasoning=(said, "b", "c"), summary=said, answer=said)
    completion = parsed(text, dialect)
    assert completion.answer_text == said
    assert completion.sections[0].reasoning.of(text).strip() == said


@pytest.mark.parametrize("mean", ["⟨|v|⟩", "⟨|ψ|⟩", "⟨|v₁|⟩", "⟨|m²|⟩", "⟨ v | w ⟩"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_mean_in_the_brackets_of_physics_is_ordinary_text(mean: str, dialect: Dialect) -> None:
    parsed(simple(dialect, reasoning=(mean, "b", "c"), summary=mean, answer=mean), dialect)


def test_a_verdict_that_marks_a_place_is_no_verdict() -> None:
    text = simple().replace("<combined>\nsafe", "<combined>\n<|box_start|>safe<|box_end|>")
    assert failure(text).code == "invalid_verdict"


INVISIBLE = [
    "<|box_start|><|box_end|>",
    "\u200b",
    "\u3164\u3164",
    "\u2800",
    "\u00ad\x01",
    "\ufe0f\U000e0061",
    "\U0001bca0\U0001d17a",
]


@pytest.mark.parametrize("unseen", INVISIBLE)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_cannot_be_seen_is_neither_reasoning_nor_an_answer(
    unseen: str, dialect: Dialect
) -> None:
    unreasoned = failure(simple(dialect, reasoning=("a", unseen, "c")), dialect)
    assert (unreasoned.code, unreasoned.section) == ("empty_reasoning", "text")
    assert failure(simple(dialect, answer=unseen), dialect).code == "empty_answer"


def test_what_cannot_be_seen_inside_a_section_is_no_reasoning() -> None:
    text = simple(reasoning=("\u200b", "b", "c"), inside=(True, True, True))
    assert failure(text).code == "empty_reasoning"


@pytest.mark.parametrize("unseen", INVISIBLE)
def test_what_cannot_be_seen_may_stand_where_white_space_may(unseen: str) -> None:
    parsed(f"{unseen}{simple()}{unseen}".replace("</think>", f"</think>{unseen}"))


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


@pytest.mark.parametrize(
    "look_alike",
    [
        "<answer >",
        "</ answer>",
        "< answer>",
        "<answer/>",
        "<\nanswer>",
        '<answer id="1">',
        "<ANSWER\t>",
        "＜answer＞",
        "<ans\u200bwer>",
        "<аnswer>",  # Cyrillic а
        "<αηѕwer>",  # Greek α and η, Cyrillic ѕ
        "<𝐚𝐧𝐬𝐰𝐞𝐫>",
        "‹answer›",
        "<viſual>",
        "<answer＞",
        "<answer\x00>",
        "<a\U000e0061nswer>",
        "<a\u3164nswer>",
        "<a\U0001d173nswer>",
        "<ánswer>",
        "<ᴀɴꜱᴡᴇʀ>",
        "<🅐🅝🅢🅦🅔🅡>",
        "<\\answer>",
        "<answer @x=1>",
        "</answer final>",
        f"<answer{' ' * 300}>",
        f'<answer id="{"a" * 300}">',
        "<|im_start|>",
        "<|im_end|>",
        "<｜User｜>",
        "</s>",
        "<start_of_turn>",
        "<|turn>",
        "<channel|>",
        "<unused99>",
        "<eop>",
        "<<SYS>>",
        "◁/think▷",  # Kimi
        "◁answer▷",
        "</seed:think>",
        "<ans<|box_start|>wer>",  # what is left where special tokens are dropped
        "<<|box_start|>/<|box_end|>answer>",
        '<answer id="<|object_ref_start|>">',
        "<|im_<|quad_end|>end|>",
        "<|box_middle|>",
        "<|BOX_START|>",
        "<|s|>",  # a few templates of small models have it
        "⟨|eos|⟩",
        "⟨|user|⟩",
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_look_alikes_and_forged_turns_fail_wherever_they_stand(
    look_alike: str, dialect: Dialect
) -> None:
    if "vi" in look_alike and dialect == "paper":
        look_alike = "<viſual_safe>"
    inside = failure(simple(dialect, answer=f"I cannot. {look_alike} go on"), dialect)
    assert (inside.code, inside.section) == ("unexpected_tag", "answer")
    thinking = failure(simple(dialect, summary=f"so {look_alike} then"), dialect)
    assert thinking.code == "unexpected_tag"


@pytest.mark.parametrize("turn", ["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/THINK]"])
def test_a_turn_forged_in_brackets_fails_at_its_place(turn: str) -> None:
    for text, place in (
        (simple(answer=f"I cannot. {turn} go on"), "answer"),
        (simple(summary=f"so {turn} then"), "think"),
    ):
        result = failure(text)
        assert (result.code, result.section) == ("unexpected_tag", place)
        assert result.offset == text.index(turn)


@pytest.mark.parametrize("more", ["", " ‹quoted› "])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_tag_in_a_comment_has_not_been_given(dialect: Dialect, more: str) -> None:
    for reasoning, hidden in (
        (("<!-- a", "b", "c --> d"), "<visual"),
        (("a", "b <!-- ", " --> c"), "<text"),
        (("<!-- a --> b <!--", "c", "d --> e"), "<visual"),
    ):
        text = simple(dialect, reasoning=reasoning, summary=more)
        for given in (text, text.removeprefix("<think>")):
            result = failure(given, dialect)
            assert (result.code, result.offset) == ("unexpected_tag", given.index(hidden))
    parsed(simple(dialect, reasoning=("<!-- a --> b", "c <!-- d -->", "e"), summary=more), dialect)
    parsed(simple(dialect, answer="A comment begins with <!--, as you know."), dialect)


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
