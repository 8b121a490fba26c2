"""Refuses configurations whose keys contradict each other, or have no effect."""

from __future__ import annotations

from train_client.config.sections import (
    AlgorithmConfig,
    DataConfig,
    LoraConfig,
    RolloutConfig,
    Sections,
)


def check(config: Sections) -> None:
    """Raises ValueError with a sentence that names the keys."""
    _refuse_split_groups(config)
    _refuse_two_held_out_sources(config)
    _refuse_correction_of_sampler_logprobs(config)
    _refuse_ignored_keys(config)
    _refuse_splits_of_single_files(config)
    _refuse_ignored_algorithm_keys(config)
    _refuse_unsupported_vllm_settings(config)


def _refuse_split_groups(config: Sections) -> None:
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


def _refuse_two_held_out_sources(config: Sections) -> None:
    if config.data.test and config.data.hold_out:
        raise ValueError(
            "data.test and data.hold_out are two sources of held-out rows; give only one of them"
        )


def _refuse_correction_of_sampler_logprobs(config: Sections) -> None:
    if config.algorithm.importance_cap is not None and config.algorithm.old_logprobs == "sampler":
        raise ValueError(
            "algorithm.importance_cap weighs the policy's old log-probs against the sampler's, "
            "so it needs algorithm.old_logprobs=recompute"
        )


def _refuse_ignored_keys(config: Sections) -> None:
    """A key without effect is as misleading as a misspelt one. Defaults are accepted, because a
    saved configuration spells them out."""
    lora, data, rollout = config.policy.lora, config.data, config.rollout
    if not lora.rank and lora != LoraConfig():
        raise ValueError(
            "policy.lora makes no adapter with policy.lora.rank=0; set the rank, or leave its "
            "other keys out"
        )
    if not data.test and data.test_split != DataConfig().test_split:
        raise ValueError(
            "data.test_split does nothing without data.test; give that too, or leave it out"
        )
    if rollout.engine != "vllm" and rollout.vllm_memory != RolloutConfig().vllm_memory:
        raise ValueError("rollout.vllm_memory does nothing with rollout.engine=local; leave it out")


def _refuse_splits_of_single_files(config: Sections) -> None:
    data = config.data
    readers = {"split": [data.train, config.retention.data], "test_split": [data.test]}
    for key, sources in readers.items():
        read = [source for source in sources if source]
        is_set = getattr(data, key) != getattr(DataConfig(), key)
        if is_set and read and all(source.endswith((".jsonl", ".parquet")) for source in read):
            raise ValueError(
                f"data.{key} does nothing with {' and '.join(read)}, because a single file has "
                "no splits; leave it out"
            )


def _refuse_ignored_algorithm_keys(config: Sections) -> None:
    algorithm, defaults = config.algorithm, AlgorithmConfig()
    weights = algorithm.component_weights
    if weights is not None and not any(weights.values()):
        raise ValueError(
            "algorithm.component_weights weighs no component, so that every reward is 0; "
            "name one, or leave it out for the service's own reward"
        )
    if not algorithm.beta and algorithm.kl != defaults.kl:
        raise ValueError(
            "algorithm.kl does nothing with algorithm.beta=0, which loads no reference; leave "
            "it out, or set algorithm.beta"
        )
    if algorithm.loss == "cispo":
        for name in ("clip_low", "dual_clip"):
            if getattr(algorithm, name) != getattr(defaults, name):
                raise ValueError(
                    f"algorithm.{name} does nothing with algorithm.loss=cispo, which caps the "
                    "ratio at 1 + algorithm.clip_high alone; leave it out"
                )
    if algorithm.combine == "gdpo" and algorithm.scale != defaults.scale:
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


def _refuse_unsupported_vllm_settings(config: Sections) -> None:
    rollout, algorithm = config.rollout, config.algorithm
    if rollout.engine != "vllm":
        return
    if algorithm.importance_cap is None:
        raise ValueError(
            "rollout.engine=vllm samples with other kernels than the policy's, so it needs "
            "algorithm.importance_cap (such as 2)"
        )
    if (rollout.top_p, rollout.top_k, rollout.min_p) != (1.0, 0, 0.0):
        raise ValueError(
            "rollout.engine=vllm takes no rollout.top_p, top_k or min_p, because the "
            "log-probs that vLLM gives are then not those of the policy"
        )
    if rollout.prompts_per_pass:
        raise ValueError(
            "rollout.engine=vllm takes no rollout.prompts_per_pass: vLLM itself decides how many "
            "completions it samples at once, within rollout.vllm_memory"
        )
    if config.policy.device.startswith("cpu"):
        raise ValueError("rollout.engine=vllm needs a GPU: set policy.device=cuda")
