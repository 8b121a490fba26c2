"""The models and data of the trainer benchmark: Qwen3-VL in three sizes, randomly initialised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL.Image import Resampling
from transformers import (
    PaddleOCRVLProcessor,
    PreTrainedTokenizerFast,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from train_client.data.examples import Example
from train_client.world.cases import Drawn, draw_cases
from train_client.world.language import corpus
from train_client.world.policy import CHAT_TEMPLATE
from train_client.world.rules import Rules, load_rules
from train_client.world.split import split_pairs
from train_client.world.tokenizer import IMAGE, VIDEO, VISION_END, VISION_START, train_tokenizer

MERGE = 2
ASIDE = " Think about what the picture shows and what I ask for."
"""Lengthens the prompts; its words are single tokens of the trained tokenizer."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of the model and of a step."""

    hidden: int
    layers: int
    heads: int
    key_heads: int
    inner: int
    head: int
    sections: tuple[int, int, int]
    """Of the rotary embedding: time, height, width."""
    vision_hidden: int
    vision_layers: int
    vision_inner: int
    patch: int
    side: int
    """Pixels; an image is (side / patch / 2) squared tokens."""
    asides: int
    vocabulary: int = 0
    """0: the tokenizer's."""
    dtype: str = "float32"
    prompts: int = 1
    group: int = 8
    completion: int = 64


_SMALL = Shape(
    hidden=192,
    layers=4,
    heads=6,
    key_heads=6,
    inner=512,
    head=32,
    sections=(6, 5, 5),
    vision_hidden=192,
    vision_layers=4,
    vision_inner=768,
    patch=8,
    side=192,
    asides=5,
)
SHAPES = {
    "large tower": _SMALL,
    "small tower": replace(_SMALL, vision_hidden=64, vision_layers=2, vision_inner=192),
    "2B": Shape(
        hidden=2048,
        layers=28,
        heads=16,
        key_heads=8,
        inner=6144,
        head=128,
        sections=(24, 20, 20),
        vision_hidden=1024,
        vision_layers=24,
        vision_inner=4096,
        patch=16,
        side=896,
        asides=3,
        vocabulary=151_936,
        dtype="bfloat16",
        prompts=8,
        completion=256,
    ),
}


def write_policy(shape: Shape, folder: Path, device: str) -> None:
    """Create model and processor and save them for both trainers to load."""
    rules = load_rules()
    processor = _processor(rules, shape)
    with torch.device(device):
        torch.manual_seed(0)
        model = Qwen3VLForConditionalGeneration(_config(shape, processor.tokenizer))
    model.to(getattr(torch, shape.dtype)).save_pretrained(folder)
    processor.save_pretrained(folder)


def _processor(rules: Rules, shape: Shape) -> PaddleOCRVLProcessor:
    wordings = [text + ASIDE for asked in rules.instructions.values() for text in asked.wordings]
    images = Qwen2VLImageProcessorPil(
        patch_size=shape.patch,
        merge_size=MERGE,
        temporal_patch_size=1,
        size={"shortest_edge": shape.side**2, "longest_edge": shape.side**2},
    )
    tokenizer = train_tokenizer([*wordings, *corpus(rules)])
    return PaddleOCRVLProcessor(images, tokenizer, chat_template=CHAT_TEMPLATE)


def _config(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> Qwen3VLConfig:
    vocabulary = tokenizer.vocab
    return Qwen3VLConfig(
        text_config={
            "vocab_size": shape.vocabulary or len(vocabulary),
            "hidden_size": shape.hidden,
            "intermediate_size": shape.inner,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.key_heads,
            "head_dim": shape.head,
            "max_position_embeddings": 8192,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": list(shape.sections),
                "mrope_interleaved": True,
            },
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config={
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_hidden,
            "intermediate_size": shape.vision_inner,
            "num_heads": shape.vision_hidden // 64 or 1,
            "patch_size": shape.patch,
            "temporal_patch_size": 1,
            "spatial_merge_size": MERGE,
            "out_hidden_size": shape.hidden,
            "num_position_embeddings": (shape.side // shape.patch) ** 2,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=vocabulary[IMAGE],
        video_token_id=vocabulary[VIDEO],
        vision_start_token_id=vocabulary[VISION_START],
        vision_end_token_id=vocabulary[VISION_END],
        tie_word_embeddings=True,
    )


def examples(shape: Shape) -> Sequence[Example]:
    """Cases of the embedded world, a large picture each, with longer instructions."""
    rules = load_rules()
    training, _ = split_pairs(rules)
    drawn = Drawn(rules, draw_cases(rules, training, 1, seed=0))
    size = (shape.side, shape.side)
    return [
        replace(
            example,
            instruction=example.instruction + ASIDE * shape.asides,
            pictures=tuple(p.resize(size, Resampling.BILINEAR) for p in example.images),
        )
        for example in drawn
    ]
