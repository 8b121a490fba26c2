"""What the scanner takes for a tag, for one in disguise, and for text."""

import pytest

from grammar import Dialect
from tests.grammar.parsing import DIALECTS, failure, parsed
from tests.grammar.rendering import simple


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
