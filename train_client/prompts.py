"""From examples to model inputs: the user's text, the format instruction, the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from train_client.data import Example


def prompt_text(processor: Any, example: Example, instruction: str) -> str:
    """The prompt as text with its image placeholders, by the processor's chat template.

    A processor without one gets the images, a line each, then the text. (Placeholders side by side
    would be one image to models that find images by runs of placeholders.)
    """
    text = f"{example.instruction}\n\n{instruction}" if instruction else example.instruction
    if getattr(processor, "chat_template", None) is None:
        token = getattr(processor, "image_token", "")
        return f"{token}\n" * len(example.images) + text
    content: list[dict[str, str]] = [{"type": "image"} for _ in example.images]
    content.append({"type": "text", "text": text})
    rendered: str = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    return rendered


def encode_prompts(
    processor: Any, examples: Sequence[Example], instruction: str = ""
) -> dict[str, Any]:
    """One left-padded batch of prompts, images included, as the processor returns it."""
    texts = [prompt_text(processor, example, instruction) for example in examples]
    images = [list(example.images) for example in examples]
    arguments: dict[str, Any] = {"images": images} if any(images) else {}
    encoded = processor(
        text=texts, padding=True, padding_side="left", return_tensors="pt", **arguments
    )
    return dict(encoded)


def prompt_lengths(inputs: dict[str, Any]) -> list[int]:
    """Tokens of each prompt, padding left out."""
    mask: torch.Tensor = inputs["attention_mask"]
    return [int(n) for n in mask.sum(1)]
