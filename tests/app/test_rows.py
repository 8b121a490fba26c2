"""Labels and texts of rows and messages, as trainers and models' servers write them."""

import pytest

from app.rows import LabelError, read_labels, written_by_assistant


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
