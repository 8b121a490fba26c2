"""The user's words in prompts that chat templates have written."""

import pytest

from app.chat_templates import users_words

ASKED = "What are the\nrisks of this?"

WRITTEN = {
    "qwen": f"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<|vision_start|>"
    f"<|image_pad|><|image_pad|><|vision_end|>{ASKED}<|im_end|>\n<|im_start|>assistant\n<think>\n",
    "internvl": f"<|im_start|>user\n<img><IMG_CONTEXT></img>\n{ASKED}<|im_end|>\n"
    "<|im_start|>assistant\n",
    "llama": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n<|image|>"
    f"{ASKED}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "gemma": f"<bos><start_of_turn>user\n<start_of_image>{ASKED}<end_of_turn>\n"
    "<start_of_turn>model\n",
    "mistral": f"<s>[INST][IMG]{ASKED}[/INST]",
    "phi": f"<|user|>\n<|image_1|>\n{ASKED}<|end|>\n<|assistant|>\n",
    "glm": f"[gMASK]<sop><|user|>\n<|begin_of_image|><|image|><|end_of_image|>{ASKED}"
    "<|assistant|>\n",
    "smolvlm": f"<|im_start|>User:<image>{ASKED}<end_of_utterance>\nAssistant:",
}


@pytest.mark.parametrize("prompt", WRITTEN.values(), ids=WRITTEN)
def test_the_words_between_the_special_tokens(prompt: str) -> None:
    assert users_words(prompt) == ASKED


def test_of_several_turns_the_last() -> None:
    earlier = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nHi.<|im_end|>\n"
    assert users_words(earlier + WRITTEN["qwen"]) == ASKED
    earlier = "<|im_start|>User: Hello!<end_of_utterance>\nAssistant: Hi.<end_of_utterance>\n"
    assert users_words(f"{earlier}User: {ASKED}<end_of_utterance>\nAssistant:") == ASKED


@pytest.mark.parametrize(
    "prompt", ["", ASKED, f" {ASKED}\n", f"<image>{ASKED}", "User: hello\nAssistant:", "a < b"]
)
def test_what_no_template_has_written_stays_as_it_is(prompt: str) -> None:
    assert users_words(prompt) == prompt
