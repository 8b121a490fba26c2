"""Retention: a loss on general examples that keeps the policy close to its reference there.

GRPO's KL term holds a policy on the prompts that are rewarded and nowhere else; what it does with
other prompts drifts with every update. Mixing such prompts into the updates is the usual remedy
(PPO-ptx, arXiv 2203.02155). Here their responses are not imitated: the loss is
KL(reference || policy) over the whole vocabulary, which only asks the policy to stay as it was (as
in Learning without Forgetting, arXiv 1606.09282).

Shapes: B examples, T tokens of the longest response, V vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.config.errors import ConfigError
from train_client.config.sections import RetentionConfig
from train_client.data.examples import ExampleWithResponse
from train_client.data.prompts import encode_responses, prompt_text
from train_client.distributed import all_reduce_sum, rank, world_size
from train_client.policy.policy import Policy, to_device

ResponseBatch = tuple[dict[str, Any], Tensor]
"""The processor's output for some prompts with their responses, and their mask [B, T]."""


class Retention:
    """Draws some examples for each update and adds the gradient of their loss."""

    def __init__(
        self,
        config: RetentionConfig,
        policy: Policy,
        examples: Sequence[ExampleWithResponse],
        *,
        seed: int,
    ) -> None:
        """Raises ConfigError if the policy has no reference."""
        if not policy.has_reference:
            raise ConfigError("Retention compares the policy with a reference, and there is none.")
        self._config = config
        self._policy = policy
        self._examples = examples
        self._seed = seed

    def passes(self, update: int) -> list[ResponseBatch]:
        """This process's share of an update's examples, encoded in passes.

        `update` counts from the start of the run and, with the seed, determines what is drawn, so
        that a resumed run draws the same. Raises DataError if an image can no longer be read.
        """
        drawn = self._draw(update)
        size = self._config.examples_per_pass or len(drawn)
        return [self._encoded(drawn[at : at + size]) for at in range(0, len(drawn), size)]

    def backward(self, passes: Sequence[ResponseBatch]) -> float:
        """Add the gradient of weight x KL to the model's. Returns the KL in nats per token, the
        mean over all processes."""
        own_tokens = sum(float(mask_BT.sum()) for _, mask_BT in passes)
        # Sharded gradients are averaged over the processes: dividing by the mean number of tokens
        # makes the result the mean over all tokens.
        tokens = all_reduce_sum([own_tokens])[0] / world_size()
        own_kl = 0.0
        for inputs, mask_BT in passes:
            kl = self._kl_sum(inputs, mask_BT) / tokens
            (self._config.weight * kl).backward()
            own_kl += float(kl.detach())
        return all_reduce_sum([own_kl])[0] / world_size()

    def _encoded(self, examples: Sequence[ExampleWithResponse]) -> ResponseBatch:
        processor, template_kwargs = self._policy.processor, self._config.chat_template_kwargs
        prompts = [prompt_text(processor, e.example, "", template_kwargs) for e in examples]
        return encode_responses(processor, prompts, examples)

    def _kl_sum(self, inputs: dict[str, Any], mask_BT: Tensor) -> Tensor:
        """KL(reference || policy), summed over the tokens of the responses."""
        device, length = self._policy.device, mask_BT.shape[1]
        inputs, mask_BT = to_device(inputs, device), mask_BT.to(device)
        with torch.no_grad(), self._policy.reference_model() as reference:
            reference_BTV = _logprobs(reference, inputs, length)
        policy_BTV = _logprobs(self._policy.model, inputs, length)
        kl_BT = (reference_BTV.exp() * (reference_BTV - policy_BTV)).sum(-1)
        return (kl_BT * mask_BT).sum()

    def _draw(self, update: int) -> list[ExampleWithResponse]:
        """This process's share of the update's examples."""
        rng = random.Random(f"retention/{self._seed}/{update}")
        drawn = rng.choices(self._examples, k=self._config.examples * world_size())
        return drawn[rank() :: world_size()]


def _logprobs(model: PreTrainedModel, inputs: dict[str, Any], last: int) -> Tensor:
    """Log-probs [B, last, V] of the whole vocabulary at the last `last` positions."""
    logits: Tensor = model(**inputs, logits_to_keep=last + 1).logits
    return logits[:, -last - 1 : -1].float().log_softmax(-1)
