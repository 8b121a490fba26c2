"""Small real architectures, built from their configs, and prompts for them without a processor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from app.schema import Labels
from tests.train_client.service import Service
from train_client.data import Example
from train_client.policy import Policy, frozen_copy

VOCAB = 120
IMAGE = 100
"""Id of the image placeholder token in every small model."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _text(**changes: Any) -> dict[str, Any]:
    return {
        "vocab_size": VOCAB,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 256,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        **changes,
    }


def _ids(lengths: list[int], images: list[int], per_image: int) -> tuple[Any, Any, Any]:
    """Left-padded random prompts; prompt p holds images[p] runs of placeholder tokens."""
    generator = torch.Generator().manual_seed(7)
    rows = []
    for length, count in zip(lengths, images, strict=True):
        row: list[int] = torch.randint(3, IMAGE, (length,), generator=generator).tolist()
        for _ in range(count):
            row = [row[0], *[IMAGE] * per_image, 5, *row[1:]]
        rows.append(row)
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask, (ids == IMAGE).long()


def _pixels(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(9))


def _qwen3() -> Any:
    config = Qwen3VLConfig(
        text_config=_text(
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [2, 1, 1],
            }
        ),
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 4,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=IMAGE,
        video_token_id=IMAGE + 1,
        vision_start_token_id=IMAGE + 2,
        vision_end_token_id=IMAGE + 3,
    )
    return Qwen3VLForConditionalGeneration(config), _qwen_inputs


def _qwen25() -> Any:
    config = Qwen2_5_VLConfig(
        text_config=_text(
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [2, 1, 1],
            }
        ),
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 4,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 32,
            "window_size": 16,
            "fullatt_block_indexes": [1],
        },
        image_token_id=IMAGE,
        video_token_id=IMAGE + 1,
        vision_start_token_id=IMAGE + 2,
        vision_end_token_id=IMAGE + 3,
    )
    return Qwen2_5_VLForConditionalGeneration(config), _qwen_inputs


def _qwen_inputs(lengths: list[int], images: list[int]) -> dict[str, Any]:
    ids, mask, types = _ids(lengths, images, per_image=4)
    inputs = {"input_ids": ids, "attention_mask": mask, "mm_token_type_ids": types}
    if sum(images):
        inputs["pixel_values"] = _pixels(16 * sum(images), 3 * 2 * 4 * 4)
        inputs["image_grid_thw"] = torch.tensor([[1, 4, 4]] * sum(images))
    return inputs


def _llava() -> Any:
    config = LlavaConfig(
        text_config={"model_type": "llama", **_text()},
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 16,
            "patch_size": 8,
            "projection_dim": 32,
        },
        image_token_index=IMAGE,
        vision_feature_layer=-1,
    )

    def inputs(lengths: list[int], images: list[int]) -> dict[str, Any]:
        ids, mask, _ = _ids(lengths, images, per_image=4)
        made = {"input_ids": ids, "attention_mask": mask}
        if sum(images):
            made["pixel_values"] = _pixels(sum(images), 3, 16, 16)
        return made

    return LlavaForConditionalGeneration(config), inputs


def _gemma3() -> Any:
    config = Gemma3Config(
        text_config=_text(
            num_hidden_layers=3,
            sliding_window=6,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        ),
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 16,
            "patch_size": 4,
            "vision_use_head": False,
        },
        mm_tokens_per_image=4,
        image_token_index=IMAGE,
        boi_token_index=IMAGE + 2,
        eoi_token_index=IMAGE + 3,
    )

    def inputs(lengths: list[int], images: list[int]) -> dict[str, Any]:
        ids, mask, types = _ids(lengths, images, per_image=4)
        made = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        if sum(images):
            made["pixel_values"] = _pixels(sum(images), 3, 16, 16)
        return made

    return Gemma3ForConditionalGeneration(config), inputs


def _idefics3() -> Any:
    config = Idefics3Config(
        text_config={"model_type": "llama", **_text()},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 16,
            "patch_size": 4,
        },
        image_token_id=IMAGE,
        scale_factor=2,
    )

    def inputs(lengths: list[int], images: list[int]) -> dict[str, Any]:
        ids, mask, _ = _ids(lengths, images, per_image=4)
        made = {"input_ids": ids, "attention_mask": mask}
        if sum(images):
            most = max(images)
            pixels = torch.zeros(len(images), most, 3, 16, 16)
            for place, count in enumerate(images):
                pixels[place, :count] = _pixels(most, 3, 16, 16)[:count] + place
            made["pixel_values"] = pixels
        return made

    return Idefics3ForConditionalGeneration(config), inputs


BUILDERS = {
    "qwen3_vl": _qwen3,
    "qwen2_5_vl": _qwen25,
    "llava": _llava,
    "gemma3": _gemma3,
    "idefics3": _idefics3,
}


@pytest.fixture(params=list(BUILDERS))
def architecture(request: pytest.FixtureRequest) -> Any:
    """(model, inputs(prompt lengths, images per prompt)) for each architecture in turn."""
    return built(request.param)


@pytest.fixture
def qwen3() -> Any:
    return built("qwen3_vl")


def built(name: str) -> Any:
    torch.manual_seed(3)
    model, inputs = BUILDERS[name]()
    with torch.no_grad():
        for parameter in model.parameters():
            # The default initialisation is so small that errors would hide in the uniform output.
            if parameter.ndim > 1:
                parameter.normal_(std=0.15)
    return model.eval(), inputs


@pytest.fixture
def service() -> Iterator[Service]:
    """A running reward server that pays for the share of the letter `a`."""
    running = Service(lambda text: (1 + text.count("a")) / (1 + len(text)))
    running.start()
    yield running
    running.kill()


LETTERS = "abcdefghijklmnopqrstuvwxyz ."


@pytest.fixture
def policy() -> Policy:
    """A small Qwen3-VL that writes letters, with a processor that needs no torchvision."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PaddleOCRVLProcessor, PreTrainedTokenizerFast
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    words = ["<pad>", "<s>", "</s>", *LETTERS]
    vocabulary = {word: place for place, word in enumerate(words)}
    vocabulary["<image>"] = IMAGE
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="."))
    tokenizer.pre_tokenizer = Split(Regex("."), "isolated")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token=".",
        extra_special_tokens={"image_token": "<image>"},
    )
    images = Qwen2VLImageProcessorPil(
        patch_size=4,
        merge_size=2,
        temporal_patch_size=2,
        size={"shortest_edge": 256, "longest_edge": 256},
    )
    model, _ = built("qwen3_vl")
    model.generation_config.eos_token_id = 2
    return Policy(model, PaddleOCRVLProcessor(images, fast), frozen_copy(model))


@pytest.fixture
def examples() -> list[Example]:
    labels = Labels(visual="safe", text="safe", combined="safe")
    sizes = [(16, 16), (32, 8), (8, 32)]
    return [
        Example(
            id=f"p{place}",
            instruction="tell me about it"[: 4 + place],
            labels=labels,
            pictures=(Image.new("RGB", sizes[place % 3], (place * 20, 90, 30)),) * (place % 3),
        )
        for place in range(7)
    ]
