"""The forked prompt is the duplicated prompt: same log-probs, same gradients, same samples."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import FalconH1Config

from tests.train_client.architectures import IMAGE, built, linear_attention
from tests.train_client.gradients import completions, gradients
from train_client.config.errors import ConfigError
from train_client.policy.duplicate import duplicated_logprobs
from train_client.policy.fork import (
    PrefixGradient,
    can_fork,
    completion_logprobs,
    prefill,
    prompt_positions,
)

GROUP = 3
CASES = {
    "one image, one length": ([6, 6], [1, 1]),
    "left-padded, mixed": ([9, 3], [1, 1]),
    "several images and none": ([4, 7, 12], [2, 1, 0]),
    "no image at all": ([5, 11], [0, 0]),
}


def loss_of(logprobs: Tensor, mask: Tensor) -> Tensor:
    weights = torch.linspace(-1, 1, len(mask))[:, None]
    return (logprobs * mask * weights).sum()


def duplicated(model: Any, make: Any, case: Any, tokens: Tensor, mask: Tensor) -> Any:
    """Log-probs and gradients of each prompt run with its completions one row at a time.

    Every row is encoded alone, so nothing of the batch (padding, image order) can hide in it.
    """
    inputs = make(*case)
    alone = [single(make, case, place, inputs) for place in range(len(case[0]))]
    rows = []
    for row in range(len(tokens)):
        rows.append(duplicated_logprobs(model, alone[row // GROUP], tokens[row : row + 1]))
    logprobs = torch.cat(rows)
    loss_of(logprobs, mask).backward()
    return logprobs.detach(), gradients(model)


def single(make: Any, case: Any, place: int, batch: dict[str, Any]) -> dict[str, Any]:
    """The prompt at `place` of the batch as a batch of its own, without padding."""
    lengths, images = case
    one: dict[str, Any] = dict(make(lengths[place : place + 1], images[place : place + 1]))
    keep = batch["attention_mask"][place].bool()
    for name in ("input_ids", "attention_mask", "mm_token_type_ids", "token_type_ids"):
        if name in one:
            one[name] = batch[name][place : place + 1][:, keep]
    if "pixel_values" not in one:
        return one
    pixels = batch["pixel_values"]
    if pixels.ndim == 5:
        one["pixel_values"] = pixels[place : place + 1, : images[place]]
    else:
        per_image = len(pixels) // sum(images)
        first = sum(images[:place])
        one["pixel_values"] = pixels[per_image * first : per_image * (first + images[place])]
    return one


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_forked_prompt_equals_duplicated_prompt(architecture: Any, case: Any) -> None:
    model, make = architecture
    tokens, mask = completions(GROUP * len(case[0]))
    expected, expected_grad = duplicated(model, make, case, tokens, mask)

    prefix = prefill(model, make(*case)).repeated(GROUP)
    logprobs = completion_logprobs(model, prefix, tokens)
    loss_of(logprobs, mask).backward()
    grad = gradients(model)

    assert can_fork(model)
    assert (logprobs.detach() - expected)[mask].abs().max() <= 1e-5
    assert (grad - expected_grad).norm() / expected_grad.norm() <= 1e-5
    assert expected_grad.norm() > 1


def test_a_sampled_placeholder_is_no_image(architecture: Any) -> None:
    """A model with images in its prompts counts it among theirs if it is let."""
    model, make = architecture
    inputs = make([6, 6], [1, 1])
    tokens, _ = completions(2)
    tokens[:, 3] = IMAGE
    forked = completion_logprobs(model, prefill(model, inputs), tokens)
    duplicated = duplicated_logprobs(model, inputs, tokens)
    assert (duplicated - forked).abs().max() <= 1e-5


def test_micro_batched_completions_share_one_exact_backward(architecture: Any) -> None:
    model, make = architecture
    case = CASES["left-padded, mixed"]
    tokens, mask = completions(GROUP * 2)
    weights = torch.linspace(-1, 1, len(mask))[:, None]
    prefix = prefill(model, make(*case)).repeated(GROUP)
    logprobs = completion_logprobs(model, prefix, tokens)
    (logprobs * mask * weights).sum().backward()
    expected = gradients(model)

    shared = PrefixGradient(prefill(model, make(*case)))
    for member in range(GROUP):
        rows = torch.arange(member, len(tokens), GROUP)
        logprobs = completion_logprobs(model, shared.leaf.repeated(1), tokens[rows])
        part = logprobs * mask[rows] * weights[rows]
        part.sum().backward()
    shared.backward()

    assert (gradients(model) - expected).norm() / expected.norm() <= 1e-5


def test_completions_of_one_token_run_the_model_and_its_backward_too(qwen3: Any) -> None:
    """Or a process with nothing but such completions would leave the others waiting for it."""
    model, make = qwen3
    tokens, _ = completions(2)
    prefix = prefill(model, make([6, 6], [1, 1]))
    longer = completion_logprobs(model, prefix, tokens)
    shared, passed = PrefixGradient(prefix), []
    layer = model.model.language_model.layers[-1]
    layer.register_forward_hook(lambda *_: passed.append("forward"))
    layer.register_full_backward_hook(lambda *_: passed.append("backward"))
    short = completion_logprobs(model, shared.leaf, tokens[:, :1])
    assert torch.equal(short, longer[:, :1])
    short.sum().backward()
    assert passed == ["forward", "backward"]


def test_stale_rope_offsets_of_an_earlier_batch_do_not_leak(qwen3: Any) -> None:
    model, make = qwen3
    tokens, _ = completions(2)
    inputs = make([6, 6], [1, 1])
    fresh = completion_logprobs(model, prefill(model, inputs), tokens)
    model.generate(**make([3, 3], [2, 2]), max_new_tokens=2)
    again = completion_logprobs(model, prefill(model, inputs), tokens)
    assert torch.equal(fresh, again)


def test_a_processor_without_token_types_is_refused_when_there_are_images(qwen3: Any) -> None:
    model, make = qwen3
    inputs = make([6], [1])
    del inputs["mm_token_type_ids"]
    with pytest.raises(ConfigError, match="mm_token_type_ids"):
        prefill(model, inputs)


def test_linear_attention_cannot_be_forked() -> None:
    assert not can_fork(linear_attention())


def test_layers_that_are_linear_attention_by_half_cannot_be_forked() -> None:
    """Their cache can be repeated, but for their recurrent state."""
    hybrid: Any = SimpleNamespace(config=FalconH1Config(num_hidden_layers=2))
    assert not can_fork(hybrid)


def test_positions_begin_at_the_first_token_and_padding_has_none_below_0() -> None:
    """A model that looks its positions up in a table has no row -1."""
    model, make = built("llava")
    positions = prompt_positions(model, make([4, 2], [0, 0]))
    assert positions.tolist() == [[0, 1, 2, 3], [0, 0, 0, 1]]
