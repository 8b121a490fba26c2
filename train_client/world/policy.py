"""The policy of the drawn world: a `transformers` Qwen3-VL small enough to train on a CPU.

The processor is `PaddleOCRVLProcessor` over the PIL image processor of Qwen2-VL: it computes
Qwen's own grids and `mm_token_type_ids` and, unlike `Qwen3VLProcessor`, needs no torchvision.
Both load with the Auto classes.
"""

import torch
from transformers import (
    PaddleOCRVLProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from train_client.world.language import Demonstrate, corpus, demonstration
from train_client.world.rules import Rules
from train_client.world.scene import SIZE
from train_client.world.tokenizer import IMAGE, VIDEO, VISION_END, VISION_START, train_tokenizer

PATCH = 8
"""Pixels, both sides."""
MERGE = 2
"""Patches that make a token, on both sides; a picture has 64 patches and 16 tokens."""

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}{% endif %}"
)
"""As of Qwen's hybrid models: the prompt opens the thinking, unless it is switched off."""

NO_THINKING = {"enable_thinking": False}
"""Arguments of the chat template that switch the thinking off."""


def build_processor(rules: Rules, demonstrate: Demonstrate = demonstration) -> PaddleOCRVLProcessor:
    """A processor whose tokenizer is trained on the world's sentences."""
    sentences = corpus(rules, demonstrate)
    images = Qwen2VLImageProcessorPil(
        patch_size=PATCH,
        merge_size=MERGE,
        temporal_patch_size=1,
        size={"shortest_edge": SIZE * SIZE, "longest_edge": SIZE * SIZE},
    )
    return PaddleOCRVLProcessor(images, train_tokenizer(sentences), chat_template=CHAT_TEMPLATE)


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3VLForConditionalGeneration:
    """A Qwen3-VL of about half a million parameters, initialised randomly from `seed`."""
    torch.manual_seed(seed)

    def id_of(token: str) -> int:
        return int(tokenizer.vocab[token])

    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 96,
            "intermediate_size": 256,
            "num_hidden_layers": 3,
            "num_attention_heads": 3,
            "num_key_value_heads": 3,
            "head_dim": 32,
            "max_position_embeddings": 4096,
            "initializer_range": 0.05,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 192,
            "num_heads": 2,
            "patch_size": PATCH,
            "temporal_patch_size": 1,
            "spatial_merge_size": MERGE,
            "out_hidden_size": 96,
            "num_position_embeddings": (SIZE // PATCH) ** 2,
            "deepstack_visual_indexes": [0],
            "initializer_range": 0.05,
        },
        image_token_id=id_of(IMAGE),
        video_token_id=id_of(VIDEO),
        vision_start_token_id=id_of(VISION_START),
        vision_end_token_id=id_of(VISION_END),
        tie_word_embeddings=True,
    )
    return Qwen3VLForConditionalGeneration(config)


def freeze_perception(model: PreTrainedModel) -> None:
    """Freeze the vision tower and the token embeddings, which the warm-up has trained.

    With trainable embeddings so small a policy memorises the training pairs.
    """
    model.get_submodule("model.visual").requires_grad_(False)
    model.get_input_embeddings().requires_grad_(False)
