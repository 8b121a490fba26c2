"""Labels and texts of rows and messages, as trainers and models' servers write them."""

import json
from typing import Any

import pytest

from app.rows import (
    LabelError,
    instruction_of,
    read_instruction,
    read_labels,
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
        read_labels(value, "truth")
    assert str(raised.value).count("`truth`") == 1
    assert 'give {"visual": "safe", ' in str(raised.value)
    assert "the keys image_tag, text_tag, combine_tag" in str(raised.value)


@pytest.mark.parametrize(
    "value",
    [OURS, SAFETAG, json.dumps(SAFETAG), {**WRONG, **OURS}, {**OURS, "image_tag": "unsafe"}],
)
def test_labels_have_our_names_or_safetags_as_an_object_or_its_text(value: object) -> None:
    assert read_labels(value) == LABELS


@pytest.mark.parametrize(
    ("value", "instruction"),
    [
        ({**OURS, "instruction": "May I?"}, "May I?"),
        (json.dumps({**SAFETAG, "instruction": "May I?"}), "May I?"),
        ({**OURS, "instruction": None}, ""),
        (OURS, ""),
    ],
)
def test_the_users_text_may_stand_beside_the_labels(value: object, instruction: str) -> None:
    assert read_instruction(value) == instruction
    read_labels(value)


def test_a_users_text_that_is_no_text_gets_the_columns_name() -> None:
    with pytest.raises(LabelError, match=r"`truth\.instruction` must be the user's text") as raised:
        read_instruction({**OURS, "instruction": ["secret"]}, "truth")
    assert "secret" not in str(raised.value)


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
