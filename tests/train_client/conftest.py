"""What the tests of the trainer share: models, a policy with its processor, examples, a service."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from PIL import Image

from app.schema import Labels
from tests.train_client.architectures import BUILDERS, IMAGE, built
from tests.train_client.service import Service
from train_client.data.examples import Example
from train_client.policy.policy import Policy, frozen_copy


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=list(BUILDERS))
def architecture(request: pytest.FixtureRequest) -> Any:
    """(model, inputs(prompt lengths, images per prompt)) for each architecture in turn."""
    return built(request.param)


@pytest.fixture
def qwen3() -> Any:
    return built("qwen3_vl")


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
def twin(policy: Policy) -> Policy:
    """The same policy once more, reference included, sharing no tensor."""
    return copy.deepcopy(policy)


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
