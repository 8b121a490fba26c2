"""Retention: a loss on general examples that keeps the policy close to its reference there.

GRPO's KL term holds a policy on the prompts that are rewarded and nowhere else; what it does with
other prompts drifts with every update. Mixing such prompts into the updates is the usual remedy
(PPO-ptx, arXiv 2203.02155). Here their replies are not taught: the loss is KL(reference || policy)
over the whole vocabulary, so all that is asked of the policy is to stay as it was (as in Learning
without Forgetting, arXiv 1606.09282).

Shapes: B examples, T tokens of the longest reply, V vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.config import ConfigError, RetentionConfig
from train_client.data import AnsweredExample
from train_client.distributed import all_reduce_sum, rank, world_size
from train_client.policy import Policy, to_device
from train_client.prompts import encode_replies, prompt_text

Replies = tuple[dict[str, Any], Tensor]
"""The processor's output for some prompts with their replies, and the replies' mask [B, T]."""


class Retention:
    """Draws some replies for each update and adds the gradient of their loss."""

    def __init__(
        self,
        config: RetentionConfig,
        policy: Policy,
        replies: Sequence[AnsweredExample],
        *,
        seed: int,
    ) -> None:
        """Raises ConfigError if the policy has no reference."""
        if not policy.has_reference:
            raise ConfigError("Retention compares the policy with a reference, and there is none.")
        self._config = config
        self._policy = policy
        self._replies = replies
        self._seed = seed

    def passes(self, update: int) -> list[Replies]:
        """This process's share of what an update learns from; raises DataError where an image of it
        can no longer be read.

        `update`: its number in its run, which with the seed decides what is drawn, so that a
        resumed run draws the same.
        """
        drawn = self._draw(update)
        size = self._config.examples_per_pass or len(drawn)
        return [self._encoded(drawn[at : at + size]) for at in range(0, len(drawn), size)]

    def backward(self, passes: Sequence[Replies]) -> float:
        """Add the gradient of weight x KL to the model's. Returns the KL in nats per token, the
        mean over all processes."""
        mine = sum(float(mask_BT.sum()) for _, mask_BT in passes)
        # Sharded gradients are averaged over the processes; that of these is then the mean over
        # all tokens.
        tokens = all_reduce_sum([mine])[0] / world_size()
        found = 0.0
        for inputs, mask_BT in passes:
            kl = self._kl_sum(inputs, mask_BT) / tokens
            (self._config.weight * kl).backward()
            found += float(kl.detach())
        return all_reduce_sum([found])[0] / world_size()

    def _encoded(self, replies: Sequence[AnsweredExample]) -> Replies:
        processor, template_kwargs = self._policy.processor, self._config.chat_template_kwargs
        prompts = [prompt_text(processor, reply.example, "", template_kwargs) for reply in replies]
        return encode_replies(processor, prompts, replies)

    def _kl_sum(self, inputs: dict[str, Any], mask_BT: Tensor) -> Tensor:
        """KL(reference || policy), summed over the tokens of the replies."""
        device, length = self._policy.device, mask_BT.shape[1]
        inputs, mask_BT = to_device(inputs, device), mask_BT.to(device)
        with torch.no_grad(), self._policy.reference_model() as reference:
            reference_BTV = _logprobs(reference, inputs, length)
        policy_BTV = _logprobs(self._policy.model, inputs, length)
        kl_BT = (reference_BTV.exp() * (reference_BTV - policy_BTV)).sum(-1)
        return (kl_BT * mask_BT).sum()

    def _draw(self, update: int) -> list[AnsweredExample]:
        """This process's share of the update's examples."""
        chance = random.Random(f"retention/{self._seed}/{update}")
        of_all = chance.choices(self._replies, k=self._config.examples * world_size())
        return of_all[rank() :: world_size()]


def _logprobs(model: PreTrainedModel, inputs: dict[str, Any], last: int) -> Tensor:
    """Log-probs [B, last, V] of every word at the places of the last `last` tokens."""
    logits: Tensor = model(**inputs, logits_to_keep=last + 1).logits
    return logits[:, -last - 1 : -1].float().log_softmax(-1)
