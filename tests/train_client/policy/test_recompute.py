"""Computing layers again in the backward changes what is held, and nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from tests.train_client.gradients import completions, gradients
from train_client.config.errors import ConfigError
from train_client.policy.passes import Pass, pass_logprobs
from train_client.policy.recompute import recomputed

PROMPTS, GROUP, LENGTH = 2, 4, 9


def held_and_gradient(model: Any, make: Any, part: int, again: bool) -> tuple[int, Tensor, Tensor]:
    """Bytes that one pass holds for its backward, its log-probs, and their gradient."""
    tokens, mask = completions(PROMPTS * GROUP, length=LENGTH)
    work = Pass(
        torch.arange(len(tokens)), Pass.ready(make([9, 4], [1, 1])), GROUP, part, forked=True
    )
    weights = set(map(Tensor.data_ptr, model.parameters()))
    held, found = 0, torch.zeros(tokens.shape)

    def holding(tensor: Tensor) -> Tensor:
        nonlocal held
        held += 0 if tensor.data_ptr() in weights else tensor.numel() * tensor.element_size()
        return tensor

    with recomputed(model) if again else nullcontext():
        passes = pass_logprobs(model, work, tokens, mask.sum(1), 0.7)
        while True:
            with saved_tensors_hooks(holding, lambda tensor: tensor):
                part_of_it = next(passes, None)
            if part_of_it is None:
                return held, found, gradients(model)
            rows, values = part_of_it
            (values * mask[rows, : values.shape[1]]).sum().backward()
            found[rows, : values.shape[1]] = values.detach()


@pytest.mark.parametrize("part", [2, GROUP])
def test_log_probs_and_gradients_are_the_same_in_less_memory(architecture: Any, part: int) -> None:
    model, make = architecture
    plainly_held, expected, expected_grad = held_and_gradient(model, make, part, again=False)
    held, found, grad = held_and_gradient(model, make, part, again=True)

    assert torch.equal(found, expected)
    assert (grad - expected_grad).norm() / expected_grad.norm() <= 1e-6
    assert held < plainly_held / 2


def test_the_model_is_as_before_afterwards(qwen3: Any) -> None:
    model, _ = qwen3
    before = [layer.forward for layer in model.modules()]
    with recomputed(model):
        assert [layer.forward for layer in model.modules()] != before
    assert [layer.forward for layer in model.modules()] == before


def test_a_model_without_such_layers_is_refused_not_left_as_it_is() -> None:
    plain: Any = torch.nn.Linear(2, 2)
    with pytest.raises(ConfigError, match="gradient_checkpointing=false"), recomputed(plain):
        pass
