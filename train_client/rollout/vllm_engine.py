"""Rollouts by vLLM in the process that trains, on the same GPU.

vLLM has weights of its own and other kernels. So it is given the policy's weights before every
rollout, and its log-probs go into the loss (`algorithm.importance_cap` corrects for the
difference). While the policy learns it sleeps: its weights wait on the host, its cache is given up,
and with it whatever was computed with older weights.

Shapes: P prompts, G completions a prompt, R = P*G rows, T completion tokens (right-padded).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from train_client.config.errors import ConfigError
from train_client.config.train_config import TrainConfig
from train_client.data.prompts import Prompts
from train_client.distributed import own_seed, world_size
from train_client.policy.adapter import merged
from train_client.policy.policy import Policy
from train_client.rollout.rollout import Listener, Rollout
from train_client.rollout.sampling import Sampling

SLEEP = 1
"""vLLM's level of it: weights to the host. Level 2 gives up even what no checkpoint holds."""


class VllmEngine:
    """A RolloutEngine. Between two rollouts it sleeps."""

    def __init__(self, config: TrainConfig, policy: Policy) -> None:
        """Loads the model at `policy.path` once more. Raises ConfigError without vLLM."""
        self._policy = policy
        self._vllm = _vllm()
        self._llm = self._vllm.LLM(
            model=config.policy.path,
            dtype=config.policy.dtype,
            max_model_len=config.data.max_prompt_tokens + config.rollout.max_tokens,
            gpu_memory_utilization=config.rollout.vllm_memory,
            seed=own_seed(config.run.seed),
            enable_sleep_mode=True,
            # At the temperature, as the policy's are; raw ones are those of temperature 1.
            logprobs_mode="processed_logprobs",
            # Under torchrun each process has an engine of its own, which is not to start others.
            distributed_executor_backend="external_launcher" if world_size() > 1 else "uni",
        )
        self._llm.sleep(level=SLEEP)

    def generate(
        self,
        prompts: Prompts,
        per_prompt: int,
        sampling: Sampling,
        generator: torch.Generator | None,
        listener: Listener | None = None,
    ) -> Rollout:
        """See RolloutEngine. Draws by vLLM's own seed, and tells of no completion before the end.

        Raises ConfigError when vLLM makes other tokens of a prompt than the policy's processor.
        """
        self._wake()
        try:
            outputs = self._llm.generate(
                _requests(prompts), self._parameters(per_prompt, sampling), use_tqdm=False
            )
        finally:
            self._llm.sleep(level=SLEEP)
        _check(prompts, [output.prompt_token_ids for output in outputs])
        completions = [completion for output in outputs for completion in output.outputs]
        return _rollout(completions, self._policy.pad_id)

    def _wake(self) -> None:
        """With the policy's weights, and only then with room for a cache."""
        # What torch keeps for later is memory that vLLM cannot have.
        torch.cuda.empty_cache()
        self._llm.wake_up(tags=["weights"])
        self._llm.collective_rpc(
            "reload_weights", kwargs={"weights_iterator": current_weights(self._policy.model)}
        )
        self._llm.wake_up(tags=["kv_cache"])

    def _parameters(self, per_prompt: int, sampling: Sampling) -> Any:
        return self._vllm.SamplingParams(
            n=per_prompt,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            max_tokens=sampling.max_tokens,
            # The sampled token's alone.
            logprobs=0,
            # What ends a completion is the policy's to say, and its text the policy's to decode.
            stop_token_ids=list(self._policy.eos_ids),
            ignore_eos=True,
            detokenize=False,
        )


def _vllm() -> Any:
    # The weights are handed over as tensors, so the engine must not be in a process of its own.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    try:
        return importlib.import_module("vllm")
    except ImportError as error:
        raise ConfigError(
            f"rollout.engine=vllm needs vLLM ({error}): pip install '.[train,vllm]' in the folder "
            "of this repository, or sample with rollout.engine=local."
        ) from error


def current_weights(model: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """The policy's weights as they are now, an adapter added to them, by the model's own names.

    Sharded weights must have been gathered. One tensor at a time is made, for adapted layers.
    """
    named = {name: parameter.detach() for name, parameter in model.named_parameters()}
    return merged(named, model)


def _requests(prompts: Prompts) -> list[dict[str, Any]]:
    """Texts and images: vLLM expands the placeholders itself."""
    return [
        {"prompt": text, "multi_modal_data": {"image": images}} if images else {"prompt": text}
        for text, images in zip(prompts.texts, prompts.images, strict=True)
    ]


def _check(prompts: Prompts, theirs_P: Sequence[Sequence[int]]) -> None:
    """The policy learns on its own encoding of a prompt, so it must be what was completed."""
    mask_PS = prompts.inputs["attention_mask"].bool()
    ours_P = [
        row[mask].tolist() for row, mask in zip(prompts.inputs["input_ids"], mask_PS, strict=True)
    ]
    for ours, theirs in zip(ours_P, theirs_P, strict=True):
        if ours != list(theirs):
            raise ConfigError(
                f"vLLM makes {len(theirs)} tokens of a prompt of which the policy's processor "
                f"makes {len(ours)}, and not the same ones; use rollout.engine=local with this "
                "model."
            )


def _rollout(completions: Sequence[Any], pad: int) -> Rollout:
    ended = {completion.finish_reason for completion in completions}
    if not ended <= {"stop", "length"}:
        raise RuntimeError(f"vLLM broke off a completion; its reasons: {sorted(ended)}.")
    tokens = [torch.tensor(list(c.token_ids)) for c in completions]
    logprobs = [
        torch.tensor([at[token].logprob for token, at in zip(c.token_ids, c.logprobs, strict=True)])
        for c in completions
    ]
    lengths_R1 = torch.tensor([len(row) for row in tokens])[:, None]
    tokens_RT = pad_sequence(tokens, batch_first=True, padding_value=pad)
    return Rollout(
        tokens_RT,
        torch.arange(tokens_RT.shape[1]) < lengths_R1,
        pad_sequence(logprobs, batch_first=True),
        torch.tensor([c.finish_reason == "stop" for c in completions]),
    )
