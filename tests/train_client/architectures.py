"""Small real architectures, built from their configs, and prompts for them without a processor."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3NextConfig,
    Qwen3NextForCausalLM,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

VOCAB = 120
IMAGE = 100
"""Id of the image placeholder token in every small model."""


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


def built(name: str) -> Any:
    torch.manual_seed(3)
    model, inputs = BUILDERS[name]()
    return _spread(model), inputs


def linear_attention() -> Any:
    """A text model half of whose layers keep a recurrent state, which no cache can fork."""
    torch.manual_seed(3)
    config = Qwen3NextConfig(
        **_text(),
        linear_num_key_heads=2,
        linear_num_value_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        num_experts=2,
        num_experts_per_tok=1,
        moe_intermediate_size=8,
        shared_expert_intermediate_size=8,
        layer_types=["linear_attention", "full_attention"],
    )
    return _spread(Qwen3NextForCausalLM(config))


def _spread(model: Any) -> Any:
    with torch.no_grad():
        for parameter in model.parameters():
            # The default initialisation is so small that errors would hide in the uniform output.
            if parameter.ndim > 1:
                parameter.normal_(std=0.15)
    return model.eval()
