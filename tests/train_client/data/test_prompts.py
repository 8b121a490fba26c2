"""A prompt as text: the instruction, its pictures in their places, the format, a chat template."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tokenizers.processors import TemplateProcessing

from train_client.data.examples import Example
from train_client.data.prompts import encode_prompts, prompt_text
from train_client.policy.policy import Policy

TEMPLATE = (
    "{% for part in messages[0]['content'] %}"
    "{{ '[image]' if part['type'] == 'image' else part['text'] }}{% endfor %}"
    "{{ '|' if add_generation_prompt }}"
)


@pytest.fixture
def between(examples: list[Example]) -> Example:
    """Two pictures in the middle of the text."""
    return replace(examples[2], segments=("is ", " safer than ", ""))


def test_pictures_stand_where_the_row_has_them(policy: Policy, between: Example) -> None:
    policy.processor.chat_template = TEMPLATE
    assert prompt_text(policy.processor, between, "") == "is [image] safer than [image]|"
    text = prompt_text(policy.processor, between, "Think.")
    assert text == "is [image] safer than [image]\n\nThink.|"
    first = replace(between, segments=())
    assert prompt_text(policy.processor, first, "") == "[image][image]tell m|"


def test_without_a_chat_template_too(policy: Policy, between: Example) -> None:
    text = prompt_text(policy.processor, between, "")
    assert text == "is <image>\n safer than <image>\n"
    assert prompt_text(policy.processor, replace(between, segments=()), "x") == (
        "<image>\n<image>\ntell m\n\nx"
    )


THINKS = "{{ messages[0]['content'][0]['text'] }}|<think>"
SWITCH = "{{ messages[0]['content'][0]['text'] }}|{{ 'no' if enable_thinking is false else 'yes' }}"


def test_the_chat_template_is_told_what_it_is_told(policy: Policy, examples: list[Example]) -> None:
    def text(template: str, **settings: Any) -> str:
        policy.processor.chat_template = template
        return prompt_text(policy.processor, replace(examples[0], instruction="hi"), "", settings)

    assert (text(SWITCH), text(SWITCH, enable_thinking=False)) == ("hi|yes", "hi|no")
    assert text(THINKS) == "hi|<think>"
    # It knows no switch, so what it opens is closed: what follows is no thought.
    for template in (THINKS, THINKS + "\n\n"):
        assert text(template, enable_thinking=False) == "hi|<think>\n\n</think>\n\n"


def test_a_text_begins_once(policy: Policy, examples: list[Example]) -> None:
    """Gemma's and Llama's templates write the beginning that their tokenizers add to any text."""
    tokenizer = policy.tokenizer
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    policy.processor.chat_template = "{{ bos_token }}{{ messages[0]['content'][0]['text'] }}"
    example = replace(examples[0], instruction="hi")

    def ids() -> list[int]:
        prompt = encode_prompts(policy.processor, [example]).inputs["input_ids"][0]
        return [int(token) for token in prompt]

    written = ids()
    assert written.count(tokenizer.bos_token_id) == 1  # Qwen's way: by the template alone
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.bos_token_id)]
    )
    assert tokenizer("hi").input_ids[0] == tokenizer.bos_token_id
    assert ids() == written
