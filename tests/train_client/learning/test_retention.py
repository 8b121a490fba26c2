"""Retention: what is compared where, and that it holds the policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from torch import Tensor

from train_client.config.errors import ConfigError
from train_client.config.sections import RetentionConfig
from train_client.data.examples import Example, ExampleWithResponse
from train_client.data.prompts import encode_responses, prompt_text
from train_client.learning.retention import Retention
from train_client.policy.policy import Policy

TEXTS = ("a cat", "two", "no idea at all", "a cat sat", "one", "so", "well")


@pytest.fixture
def general(examples: list[Example]) -> list[ExampleWithResponse]:
    return [
        ExampleWithResponse(example, text) for example, text in zip(examples, TEXTS, strict=True)
    ]


@pytest.fixture
def moved(policy: Policy) -> Policy:
    """The policy a little off its reference."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in policy.model.parameters():
            weight.add_(0.02 * torch.randn(weight.shape, generator=generator))
    return policy


def held(retention: Retention, update: int) -> float:
    return retention.backward(retention.passes(update))


def test_the_mask_is_over_the_responses_and_their_ends(
    policy: Policy, general: list[ExampleWithResponse]
) -> None:
    """Not over the token that a tokenizer puts before a whole text."""
    start = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    policy.tokenizer.backend_tokenizer.post_processor = start
    prompts = [prompt_text(policy.processor, row.example, "") for row in general]
    inputs, mask_BT = encode_responses(policy.processor, prompts, general)
    last_BT = inputs["input_ids"][:, -mask_BT.shape[1] :]
    for tokens, mask, row in zip(last_BT, mask_BT, general, strict=True):
        said = policy.decode(tokens[mask.bool()].tolist())
        assert said.replace(" ", "") == row.response.replace(" ", "")  # decoded with spaces
        assert tokens[-1] == policy.tokenizer.eos_token_id


def test_where_nothing_moved_there_is_nothing_to_hold(
    policy: Policy, general: list[ExampleWithResponse]
) -> None:
    retention = Retention(RetentionConfig(examples=7), policy, general, seed=0)
    assert held(retention, 0) == pytest.approx(0, abs=1e-6)
    for weight in policy.model.parameters():
        if weight.grad is not None:
            assert weight.grad.abs().max() < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_loss_is_the_kl_from_the_reference_over_the_whole_vocabulary(
    moved: Policy, general: list[ExampleWithResponse], dtype: torch.dtype
) -> None:
    """In float32, whatever the weights are in."""
    one = general[3]
    for model in filter(None, (moved.model, moved.reference)):
        torch.nn.Module.to(model, dtype)
    found = held(Retention(RetentionConfig(examples=2), moved, [one], seed=0), 0)
    prompt = prompt_text(moved.processor, one.example, "")
    inputs = dict(
        moved.processor(
            text=[prompt + one.response + moved.tokenizer.eos_token],
            **({"images": [list(one.example.images)]} if one.example.images else {}),
            return_tensors="pt",
        )
    )
    length = len(moved.tokenizer(one.response).input_ids) + 1
    assert moved.reference is not None
    with torch.no_grad():
        kept, now = (
            model(**inputs).logits[0, -length - 1 : -1].float().log_softmax(-1)
            for model in (moved.reference, moved.model)
        )
    assert found == pytest.approx(float((kept.exp() * (kept - now)).sum(-1).mean()), rel=1e-4)


def test_steps_along_its_gradient_bring_the_policy_back(
    moved: Policy, general: list[ExampleWithResponse]
) -> None:
    retention = Retention(RetentionConfig(weight=1, examples=7), moved, general, seed=0)
    optimizer = torch.optim.AdamW(moved.model.parameters(), lr=1e-3, weight_decay=0)
    found = []
    for _ in range(20):
        optimizer.zero_grad()
        found.append(held(retention, 0))
        optimizer.step()
    assert found[0] > 1e-3
    assert found[-1] < found[0] / 3


def test_the_weight_scales_the_gradient(moved: Policy, general: list[ExampleWithResponse]) -> None:
    norms = []
    for weight in (1.0, 3.0):
        moved.model.zero_grad()
        held(Retention(RetentionConfig(weight=weight), moved, general, seed=0), 4)
        gradients = [w.grad for w in moved.model.parameters() if w.grad is not None]
        norms.append(float(torch.stack([g.square().sum() for g in gradients]).sum().sqrt()))
    assert norms[1] == pytest.approx(3 * norms[0], rel=1e-4)


def test_what_an_update_draws_depends_on_its_number_alone(
    moved: Policy, general: list[ExampleWithResponse]
) -> None:
    first = Retention(RetentionConfig(examples=2), moved, general, seed=0)
    values = [held(first, number) for number in range(4)]
    resumed = Retention(RetentionConfig(examples=2), moved, general, seed=0)
    assert [held(resumed, number) for number in (2, 3)] == values[2:]
    assert len(set(values)) > 1


def test_passes_of_a_few_replies_add_up_to_one_of_all(
    moved: Policy, general: list[ExampleWithResponse]
) -> None:
    rows: list[int] = []

    def counted(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        rows.append(len(inputs["input_ids"]))

    moved.model.register_forward_pre_hook(counted, with_kwargs=True)

    def gradient(examples_per_pass: int) -> tuple[float, Tensor]:
        moved.model.zero_grad()
        config = RetentionConfig(examples=5, examples_per_pass=examples_per_pass)
        value = held(Retention(config, moved, general, seed=1), 0)
        grads = [w.grad.flatten() for w in moved.model.parameters() if w.grad is not None]
        return value, torch.cat(grads)

    whole, expected = gradient(0)
    value, found = gradient(2)
    assert rows == [5, 2, 2, 1]
    assert value == pytest.approx(whole)
    assert (found - expected).norm() <= 1e-5 * expected.norm()


def test_a_response_never_stands_in_an_open_thought(
    policy: Policy, general: list[ExampleWithResponse], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy.processor.chat_template = "<think>"
    seen: list[str] = []

    def encoded(processor: Any, prompts: Sequence[str], drawn: Any) -> Any:
        seen.extend(prompts)
        return encode_responses(processor, prompts, drawn)

    monkeypatch.setattr("train_client.learning.retention.encode_responses", encoded)
    plain = replace(general[0], example=replace(general[0].example, pictures=()))
    Retention(RetentionConfig(examples=1), policy, [plain], seed=0).passes(0)
    assert seen == ["<think>\n\n</think>\n\n"]


def test_without_a_reference_there_is_nothing_to_compare_with(
    policy: Policy, general: list[ExampleWithResponse]
) -> None:
    policy.reference = None
    with pytest.raises(ConfigError, match="reference"):
        Retention(RetentionConfig(), policy, general, seed=0)
