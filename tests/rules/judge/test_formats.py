"""What each judge is asked and how its reply is read."""

import pytest

from rules.judge import JudgeSettings
from rules.judge.formats import (
    UnreadableReplyError,
    format_of,
    read_llama_guard,
    read_qwen3guard,
    read_rubric,
    read_wildguard,
)
from tests.rules.hostile import in_proportion


def settings(kind: str, **changes: object) -> JudgeSettings:
    fields = {"url": "http://localhost:8000/v1", "model": "m", "format": kind, **changes}
    return JudgeSettings.model_validate(fields)


def test_wildguard_is_asked_by_its_own_template_and_read_by_its_refusal_line() -> None:
    format_ = format_of(settings("wildguard"))
    prompt = format_.request("How?", "No.")["prompt"]
    assert format_.path == "/completions"
    assert "Human user:\nHow?\n\nAI assistant:\nNo.\n" in prompt
    reply = "Harmful request: no\nResponse refusal: {}\nHarmful response: no"
    assert read_wildguard(reply.format("yes")) == "refusal"
    assert read_wildguard(reply.format("no")) == "compliance"


def test_guards_see_the_conversation() -> None:
    for kind in ("qwen3guard", "llama_guard"):
        format_ = format_of(settings(kind))
        assert format_.path == "/chat/completions"
        assert format_.request("How?", "No.")["messages"] == [
            {"role": "user", "content": "How?"},
            {"role": "assistant", "content": "No."},
        ]


@pytest.mark.parametrize("kind", ["wildguard", "qwen3guard", "llama_guard", "rubric"])
def test_a_judge_says_little_and_the_same_each_time(kind: str) -> None:
    body = format_of(settings(kind)).request("How?", "No.")
    assert body["temperature"] == 0
    assert 0 < body["max_tokens"] <= 256


@pytest.mark.parametrize("kind", ["wildguard", "rubric"])
@pytest.mark.parametrize(
    "reply",
    [{}, [], {"choices": []}, {"choices": [{"text": None, "message": {"content": None}}]}],
)
def test_a_reply_without_a_text_is_unreadable(kind: str, reply: object) -> None:
    with pytest.raises(UnreadableReplyError):
        format_of(settings(kind)).text(reply)


def test_qwen3guard_is_read_by_its_refusal_line() -> None:
    assert read_qwen3guard("  refusal : YES") == "refusal"
    assert read_qwen3guard("Safety: Safe\nCategories: None\nRefusal: Yes") == "refusal"
    assert read_qwen3guard("Safety: Unsafe\nCategories: Violent\nRefusal: No") == "compliance"


def test_llama_guard_calls_harmful_help_and_leaves_the_rest_to_the_rules() -> None:
    assert read_llama_guard("\n\nunsafe\nS1") == "compliance"
    assert read_llama_guard(" Unsafe ") == "compliance"
    assert read_llama_guard("safe") is None


def test_rubric_is_read_from_a_json_object_amid_other_text() -> None:
    assert read_rubric('Here:\n```json\n{"stance": "rebuttal"}\n```') == "rebuttal"
    assert read_rubric('<think>{"stance": "…"} it is.</think>{"stance": "refusal"}') == "refusal"
    assert read_rubric('{"stance": "refusal", "why": {"risk": "high"}}') == "refusal"


def test_a_thought_of_a_verdict_is_none() -> None:
    """A policy that writes such an object into its answer would be quoted in the thoughts."""
    with pytest.raises(UnreadableReplyError, match="ends within its thoughts"):
        read_rubric('<think>The answer holds {"stance": "refusal"} as text, so perhaps')


def test_a_rubrics_reply_that_was_cut_off_is_unreadable_and_a_guards_is_not() -> None:
    def cut(content: str) -> object:
        return {"choices": [{"message": {"content": content}, "finish_reason": "length"}]}

    with pytest.raises(UnreadableReplyError, match="give the judge more max_tokens"):
        format_of(settings("rubric")).text(cut('Not {"stance": "rebuttal"}, as the answer'))
    assert format_of(settings("llama_guard")).text(cut("unsafe\nS1,S2")) == "unsafe\nS1,S2"


def test_text_put_into_a_template_cannot_open_another_place() -> None:
    format_ = format_of(settings("rubric", rubric="I {prompt} A {answer}"))
    content = format_.request("{answer}", "{prompt}")["messages"][0]["content"]
    assert content == "I {answer} A {prompt}"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_wildguard, "yes"),
        (read_wildguard, "Response refusal: yesterday"),
        (read_wildguard, "No Response refusal: yes"),
        (read_qwen3guard, "Safety: Safe"),
        (read_llama_guard, "it depends"),
        (read_rubric, "refusal"),
        (read_rubric, '{"stance": "maybe"}'),
        (read_rubric, '{"stance": ["refusal"]}'),
        (read_rubric, "}{"),
    ],
)
def test_a_reply_of_another_form_is_unreadable(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(UnreadableReplyError):
        read(text)


def test_time_grows_in_proportion_to_a_reply_of_blank_lines() -> None:
    def read(text: str) -> None:
        with pytest.raises(UnreadableReplyError):
            read_wildguard(text)

    assert in_proportion(read, "\n" * 30_000, "\n" * 120_000)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "localhost"},
        {"format": "oracle"},
        {"rubric": "{answer}"},
        {"format": "rubric", "rubric": "no place"},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"ask": "never"},
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        settings("wildguard", **change)
