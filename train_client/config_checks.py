"""What no configuration can mean: keys that contradict each other, or would change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from train_client.config_sections import AlgorithmConfig, DataConfig, LoraConfig, RolloutConfig

if TYPE_CHECKING:
    from train_client.config import TrainConfig


def check(config: TrainConfig) -> None:
    """Raises ValueError with a sentence that names the keys."""
    _groups_are_never_split(config)
    _held_out_once(config)
    _something_to_correct(config)
    _nothing_is_ignored(config)
    _a_file_has_no_splits(config)
    _nothing_of_the_algorithm_is_ignored(config)
    _vllm_is_corrected_for(config)


def _groups_are_never_split(config: TrainConfig) -> None:
    if config.rollout.prompts_per_step % config.optimizer.minibatches:
        raise ValueError(
            "rollout.prompts_per_step must be a multiple of optimizer.minibatches, "
            "because a group of completions is never split over optimizer steps"
        )
    prompts = config.rollout.prompts_per_step // config.optimizer.minibatches
    if config.optimizer.prompts_per_pass and prompts % config.optimizer.prompts_per_pass:
        raise ValueError(
            "optimizer.prompts_per_pass must divide the prompts of a minibatch "
            f"(rollout.prompts_per_step / optimizer.minibatches = {prompts})"
        )
    per_group = config.optimizer.completions_per_pass
    if per_group and config.rollout.group_size % per_group:
        raise ValueError(
            "optimizer.completions_per_pass must divide "
            f"rollout.group_size = {config.rollout.group_size}"
        )


def _held_out_once(config: TrainConfig) -> None:
    if config.data.test and config.data.hold_out:
        raise ValueError(
            "data.test and data.hold_out are two ways to have held-out rows; give one of them"
        )


def _something_to_correct(config: TrainConfig) -> None:
    if config.algorithm.importance_cap is not None and config.algorithm.old_logprobs == "sampler":
        raise ValueError(
            "algorithm.importance_cap weighs the policy's old log-probs against the sampler's, "
            "so it wants algorithm.old_logprobs=recompute"
        )


def _nothing_is_ignored(config: TrainConfig) -> None:
    """A key that would change nothing is as bad as a misspelt one. (Defaults may stand in a
    saved configuration.)"""
    lora, data, rollout = config.policy.lora, config.data, config.rollout
    if not lora.rank and lora != LoraConfig():
        raise ValueError(
            "policy.lora makes no adapter with policy.lora.rank=0; set the rank, or leave its "
            "other keys out"
        )
    if not data.test and data.test_split != DataConfig().test_split:
        raise ValueError("data.test_split is of data.test; give that too, or leave it out")
    if rollout.engine != "vllm" and rollout.vllm_memory != RolloutConfig().vllm_memory:
        raise ValueError("rollout.vllm_memory does nothing with rollout.engine=local; leave it out")


def _a_file_has_no_splits(config: TrainConfig) -> None:
    data = config.data
    readers = {"split": [data.train, config.retention.data], "test_split": [data.test]}
    for key, sources in readers.items():
        read = [source for source in sources if source]
        given = getattr(data, key) != getattr(DataConfig(), key)
        if given and read and all(source.endswith((".jsonl", ".parquet")) for source in read):
            raise ValueError(
                f"data.{key} does nothing with {' and '.join(read)}, because a single file has "
                "no splits; leave it out"
            )


def _nothing_of_the_algorithm_is_ignored(config: TrainConfig) -> None:
    algorithm, usual = config.algorithm, AlgorithmConfig()
    weights = algorithm.component_weights
    if weights is not None and not any(weights.values()):
        raise ValueError(
            "algorithm.component_weights weighs no component, so that every reward is 0; "
            "name one, or leave it out for the service's own reward"
        )
    if not algorithm.beta and algorithm.kl != usual.kl:
        raise ValueError(
            "algorithm.kl does nothing with algorithm.beta=0, which loads no reference; leave "
            "it out, or set algorithm.beta"
        )
    if algorithm.loss == "cispo":
        for name in ("clip_low", "dual_clip"):
            if getattr(algorithm, name) != getattr(usual, name):
                raise ValueError(
                    f"algorithm.{name} does nothing with algorithm.loss=cispo, which caps the "
                    "ratio at 1 + algorithm.clip_high alone; leave it out"
                )
    if algorithm.combine == "gdpo" and algorithm.scale != usual.scale:
        raise ValueError(
            "algorithm.scale does nothing with algorithm.combine=gdpo, which normalises each "
            "component in its group and the sum over the batch; leave it out"
        )
    if algorithm.old_logprobs == "sampler" and config.updates_per_step == 1:
        raise ValueError(
            "algorithm.old_logprobs=sampler does nothing with a single update a batch, which "
            "starts from its own log-probs; leave it out, or set optimizer.minibatches or "
            "algorithm.updates_per_batch"
        )


def _vllm_is_corrected_for(config: TrainConfig) -> None:
    rollout, algorithm = config.rollout, config.algorithm
    if rollout.engine != "vllm":
        return
    if algorithm.importance_cap is None:
        raise ValueError(
            "rollout.engine=vllm samples by other kernels than the policy's, so it wants "
            "algorithm.importance_cap (2, say)"
        )
    if (rollout.top_p, rollout.top_k, rollout.min_p) != (1.0, 0, 0.0):
        raise ValueError(
            "rollout.engine=vllm takes no rollout.top_p, top_k or min_p, because the "
            "log-probs that vLLM gives are then not those of the policy"
        )
    if rollout.prompts_per_pass:
        raise ValueError(
            "rollout.engine=vllm takes no rollout.prompts_per_pass: vLLM decides by itself how "
            "many completions it samples at once, by rollout.vllm_memory"
        )
    if config.policy.device.startswith("cpu"):
        raise ValueError("rollout.engine=vllm wants a GPU: set policy.device=cuda")
