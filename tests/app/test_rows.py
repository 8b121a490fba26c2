"""Labels and texts of rows and messages, as trainers and models' servers write them."""

import json
from typing import Any

import pytest

from app.rows import (
    LabelError,
    instruction_of,
    read_ground_truth,
    row_ground_truth,
    row_labels,
    text_of,
    written_by_assistant,
)
from app.schema import Labels

LABELS = Labels(visual="safe", text="unsafe", combined="unsafe")
OURS = {"visual": "safe", "text": "unsafe", "combined": "unsafe"}
SAFETAG = {"image_tag": "safe", "text_tag": "unsafe", "combine_tag": "unsafe"}
WRONG = {"visual": "unsafe", "text": "safe", "combined": "safe"}


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content", "thinking"])
def test_thinking_that_a_reasoning_parser_took_out_is_put_back(key: str) -> None:
    message = {"role": "assistant", "content": "<answer>", "reasoning_content": None, key: "Hm."}
    assert written_by_assistant(message) == "<think>Hm.</think>\n<answer>"


def test_a_message_without_thinking_is_its_content() -> None:
    message = {"role": "assistant", "content": "<answer>", "reasoning": None, "thinking": ""}
    assert written_by_assistant(message) == "<answer>"


@pytest.mark.parametrize("value", ["{", "[]", {"visual": "safe"}])
def test_labels_that_cannot_be_read_get_the_column_and_an_example(value: object) -> None:
    with pytest.raises(LabelError) as raised:
        read_ground_truth(value, "truth")
    assert str(raised.value).count("`truth`") == 1
    assert 'give {"visual": "safe", ' in str(raised.value)
    assert "the keys image_tag, text_tag, combine_tag" in str(raised.value)


@pytest.mark.parametrize(
    "value",
    [OURS, SAFETAG, json.dumps(SAFETAG), {**WRONG, **OURS}, {**OURS, "image_tag": "unsafe"}],
)
def test_labels_have_our_names_or_safetags_as_an_object_or_its_text(value: object) -> None:
    assert read_ground_truth(value).labels == LABELS


@pytest.mark.parametrize(
    ("value", "instruction", "group"),
    [
        ({**OURS, "instruction": "May I?", "group": 17}, "May I?", "17"),
        (json.dumps({**SAFETAG, "instruction": "May I?", "group": "p17"}), "May I?", "p17"),
        ({**OURS, "instruction": None, "group": None}, "", None),
        (OURS, "", None),
    ],
)
def test_the_users_text_and_the_group_may_stand_beside_the_labels(
    value: object, instruction: str, group: str | None
) -> None:
    assert read_ground_truth(value) == (LABELS, instruction, group)


@pytest.mark.parametrize(
    ("row", "instruction", "group"),
    [
        ({"instruction": "May I?", "group": 0}, "May I?", "0"),
        ({"instruction": None, "group": None}, "And I?", "1"),
    ],
)
def test_those_of_the_row_come_before_those_beside_the_labels(
    row: dict[str, Any], instruction: str, group: str
) -> None:
    beside = {**OURS, "instruction": "And I?", "group": 1}
    assert read_ground_truth(beside, "label", row) == (LABELS, instruction, group)
    assert row_ground_truth({**row, "label": beside}) == (LABELS, instruction, group)


def test_beside_safetags_columns_they_are_columns() -> None:
    row = {**SAFETAG, "instruction": "May I?", "group": 17}
    assert row_ground_truth(row) == (LABELS, "May I?", "17")


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"instruction": ["secret"]}, "instruction` must be the user's text"),
        ({"group": ["secret"]}, "group` must be a number or a name of at most 1024 characters"),
        ({"group": "secret" * 200}, "group` must be a number or a name of at most 1024 characters"),
    ],
)
def test_a_text_or_group_that_is_none_gets_the_columns_name(
    held: dict[str, Any], said: str
) -> None:
    with pytest.raises(LabelError, match=f"^`truth.{said}") as raised:
        read_ground_truth({**OURS, **held}, "truth")
    assert "secret" not in str(raised.value)
    with pytest.raises(LabelError, match=f"^`{said}") as raised:
        row_ground_truth({**SAFETAG, **held})
    assert "secret" not in str(raised.value)


def test_the_labels_alone_are_read_whatever_else_a_row_has() -> None:
    assert row_labels({**SAFETAG, "instruction": 5, "group": []}) == LABELS


@pytest.mark.parametrize(
    "row",
    [
        {**SAFETAG, "label": 3},
        {"labels": OURS, "label": WRONG, "ground_truth": WRONG, "image_tag": "unsafe"},
        {"labels": None, "label": OURS, "ground_truth": WRONG},
        {"ground_truth": json.dumps(OURS)},
    ],
)
def test_labels_of_a_row_are_in_the_first_column_that_holds_them(row: dict[str, Any]) -> None:
    assert row_labels(row) == LABELS


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({}, "image_tag"),
        ({**SAFETAG, "combine_tag": None}, "combine_tag"),
        ({**SAFETAG, "text_tag": "secret"}, "text_tag"),
        ({"label": {**OURS, "text": "secret"}}, "label.text"),
        ({"ground_truth": "secret"}, "ground_truth"),
    ],
)
def test_a_row_whose_labels_are_missing_or_wrong_gets_the_columns_name(
    row: dict[str, Any], named: str
) -> None:
    with pytest.raises(LabelError, match=f"`{named}`") as raised:
        row_labels(row)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("May I?", "May I?"),
        ([{"text": "May "}, {"type": "image"}, {"text": "I?"}], "May I?"),
        ([{"type": "refusal", "refusal": "No."}], "No."),
        ([{"text": 5}, {"text": None}, "May I?"], ""),
        (None, ""),
        ({"text": "May I?"}, ""),
    ],
)
def test_a_text_is_told_from_what_else_a_message_holds(content: object, text: str) -> None:
    assert text_of(content) == text


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("May I?", "May I?"),
        (
            [
                {"role": "user", "content": "Who?"},
                {"role": "user", "content": [{"text": "May I?"}]},
                {"role": "assistant", "content": "No."},
                "odd",
            ],
            "May I?",
        ),
        ([{"role": "system", "content": "Judge."}], ""),
        ([], ""),
        (None, ""),
        ({"role": "user", "content": "May I?"}, ""),
    ],
)
def test_the_instruction_is_what_the_user_asked_last(prompt: object, asked: str) -> None:
    assert instruction_of(prompt) == asked
