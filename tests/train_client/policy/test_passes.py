"""However a batch is cut into passes and parts, log-probs and gradients are those of the whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import train_client.policy.logprobs as logprobs_module
import train_client.policy.passes as passes_module
from tests.train_client.gradients import completions, gradients
from train_client.policy.passes import Pass, micro_batch_sizes, pass_logprobs

PROMPTS, GROUP = 2, 4


def run(model: Any, work: Pass, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probs of all rows, 0 on padding, and the gradient of their weighted sum."""
    weights = torch.linspace(-1, 1, len(tokens))[:, None]
    found = torch.zeros(tokens.shape)
    for rows, values in pass_logprobs(model, work, tokens, mask.sum(1), 0.7):
        here = mask[rows, : values.shape[1]]
        (values * here * weights[rows]).sum().backward()
        found[rows, : values.shape[1]] = values.detach() * here
    return found, gradients(model)


def repeated(inputs: dict[str, Any], times: int) -> dict[str, Any]:
    """Qwen's inputs with every prompt `times` times; each has as many images as the others."""
    made = {}
    for name, value in inputs.items():
        per_prompt = value.view(PROMPTS, -1, *value.shape[1:])
        made[name] = per_prompt.repeat_interleave(times, dim=0).flatten(0, 1)
    return made


@pytest.mark.parametrize("part", [1, 2, 4])
def test_parts_by_length_equal_the_whole_and_the_duplicates(
    qwen3: Any, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    model, make = qwen3
    inputs = make([9, 4], [1, 1])
    tokens, mask = completions(PROMPTS * GROUP, length=9)
    rows = torch.arange(PROMPTS * GROUP)
    plain = Pass(rows, Pass.ready(repeated(inputs, GROUP)), GROUP, GROUP, forked=False)
    expected, expected_grad = run(model, plain, tokens, mask)

    monkeypatch.setattr(passes_module, "MICRO_BATCH_COST", 0)
    found, grad = run(model, Pass(rows, Pass.ready(inputs), GROUP, part, forked=True), tokens, mask)
    cut, cut_grad = run(
        model,
        Pass(rows, Pass.ready(repeated(inputs, part)), GROUP, part, forked=False),
        tokens,
        mask,
    )

    for values, gradient in ((found, grad), (cut, cut_grad)):
        assert (values - expected).abs().max() <= 1e-5
        assert (gradient - expected_grad).norm() / expected_grad.norm() <= 1e-5
    assert expected_grad.norm() > 1


def test_parts_hold_every_completion_and_at_most_what_fits() -> None:
    lengths = sorted([3, 90, 4, 4, 80, 5, 2, 4] * 8)
    for most in (7, 16, 64):
        sizes = micro_batch_sizes(lengths, most)
        assert sum(sizes) == len(lengths)
        assert max(sizes) <= most


def test_a_batch_is_split_where_it_saves_more_padding_than_it_costs() -> None:
    assert micro_batch_sizes([5] * 48 + [2000] * 16, 64) == [16] * 4
    assert micro_batch_sizes([50] * 64, 64) == [64]
    # Two of 32 save 32 x 8 tokens of padding, and cost as many; with one more they are worth it.
    assert micro_batch_sizes([50] * 32 + [58] * 32, 64) == [64]
    assert micro_batch_sizes([50] * 32 + [59] * 32, 64) == [32, 32]


def test_the_head_in_chunks_equals_the_head_at_once(
    qwen3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, make = qwen3
    tokens, mask = completions(PROMPTS * GROUP)
    inputs = Pass.ready(make([9, 4], [1, 1]))
    work = Pass(torch.arange(len(tokens)), inputs, GROUP, GROUP, forked=True)
    expected, expected_grad = run(model, work, tokens, mask)
    head = model.get_output_embeddings()
    most: list[int] = []
    monkeypatch.setattr(logprobs_module, "CHUNK_LOGITS", 5 * head.weight.shape[0])
    plain = logprobs_module.chosen_logprobs

    def watched(logits: Tensor, *rest: Any) -> Tensor:
        most.append(logits.shape[:-1].numel())
        return plain(logits, *rest)

    monkeypatch.setattr(logprobs_module, "chosen_logprobs", watched)
    found, grad = run(model, work, tokens, mask)
    assert max(most) == 5
    assert (found - expected).abs().max() <= 1e-6
    assert (grad - expected_grad).norm() / expected_grad.norm() <= 1e-6
    assert "forward" not in vars(head)
