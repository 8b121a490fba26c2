"""From examples to model inputs: the user's text, the format instruction, images, and responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from train_client.data.examples import Example, ExampleWithResponse
from train_client.policy.policy import to_device

TemplateKwargs = Mapping[str, Any] | None
"""Arguments of the chat template besides the messages, such as {"enable_thinking": False}."""


@dataclass(frozen=True)
class Prompts:
    """Some prompts, as text and images (which vLLM reads) and encoded (which the policy reads)."""

    texts: list[str]
    """With the chat template and its image placeholders."""
    images: list[list[Image.Image]]
    inputs: dict[str, Any]
    """What the processor makes of both: one left-padded batch, a row a prompt."""

    def to(self, device: torch.device) -> Prompts:
        return replace(self, inputs=to_device(self.inputs, device))


def prompt_text(
    processor: Any, example: Example, instruction: str, template_kwargs: TemplateKwargs = None
) -> str:
    """The prompt as text with its image placeholders, by the processor's chat template.

    A processor without one gets the text with a placeholder and a line break for each image.
    (Placeholders side by side would be one image to models that find images by runs of them.)
    """
    *before, last = example.texts
    text = f"{last}\n\n{instruction}" if instruction else last
    if getattr(processor, "chat_template", None) is None:
        token = getattr(processor, "image_token", "")
        return "".join(f"{part}{token}\n" for part in before) + text
    content: list[dict[str, str]] = []
    for part in before:
        content += [*_text_part(part), {"type": "image"}]
    content += _text_part(text)
    template_kwargs = template_kwargs or {}
    rendered: str = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        tokenize=False,
        add_generation_prompt=True,
        **template_kwargs,
    )
    rendered = _started_once(rendered, processor.tokenizer)
    return (
        _thinking_closed(rendered) if template_kwargs.get("enable_thinking") is False else rendered
    )


def _started_once(prompt: str, tokenizer: Any) -> str:
    """The prompt without the beginning-of-sequence token that its template wrote, where the
    tokenizer puts one before every text itself (Gemma, Llama)."""
    start = tokenizer.bos_token
    adds = bool(start) and tokenizer.bos_token_id in tokenizer("").input_ids
    return prompt.removeprefix(start) if adds else prompt


def _thinking_closed(prompt: str) -> str:
    """The prompt with its thinking closed again, where a template without a switch opened it."""
    opened = prompt.rstrip()
    return f"{opened}\n\n</think>\n\n" if opened.endswith("<think>") else prompt


def _text_part(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}] if text else []


def encode_prompts(
    processor: Any,
    examples: Sequence[Example],
    instruction: str = "",
    template_kwargs: TemplateKwargs = None,
) -> Prompts:
    """The prompts of the examples; `instruction` is appended to the user's text."""
    texts = [prompt_text(processor, example, instruction, template_kwargs) for example in examples]
    images = [list(example.images) for example in examples]
    return Prompts(texts, images, _encoded(processor, texts, images))


def encode_responses(
    processor: Any, prompts: Sequence[str], examples: Sequence[ExampleWithResponse]
) -> tuple[dict[str, Any], Tensor]:
    """The processor's output for prompt + response + end of sequence, and the mask [B, T].

    Rows are padded on the left, so that all end at the right edge. The mask covers their last T
    tokens: 1 on the response and its end of sequence.
    """
    ends = [example.response + processor.tokenizer.eos_token for example in examples]
    texts = [prompt + end for prompt, end in zip(prompts, ends, strict=True)]
    inputs = _encoded(processor, texts, [list(e.example.images) for e in examples])
    lengths_B = torch.tensor(
        [len(processor.tokenizer(text, add_special_tokens=False).input_ids) for text in ends]
    )
    longest = int(lengths_B.max())
    mask_BT = torch.arange(longest, 0, -1) <= lengths_B.unsqueeze(1)
    return inputs, mask_BT.float()


def _encoded(
    processor: Any, texts: Sequence[str], images: Sequence[Sequence[Image.Image]]
) -> dict[str, Any]:
    """The processor's output for a batch of texts with their images, padded on the left."""
    arguments = {"images": images} if any(images) else {}
    return dict(
        processor(text=texts, padding=True, padding_side="left", return_tensors="pt", **arguments)
    )


def prompt_lengths(inputs: dict[str, Any]) -> list[int]:
    """Tokens of each prompt, padding left out."""
    mask: Tensor = inputs["attention_mask"]
    return [int(n) for n in mask.sum(1)]
