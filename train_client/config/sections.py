"""The sections of a configuration: every key, its default, and what it does.

Unknown keys are forbidden, so that a misspelt key is an error rather than a silent default.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

Decay = Annotated[float, Field(ge=0, lt=1)]
"""Decay of a running mean."""

Loss = Literal["grpo", "dr_grpo", "dapo", "bnpo", "gspo", "cispo"]
Kl = Literal["k1", "k2", "k3"]
Scale = Literal["group", "batch", "none"]


def _without_colons(template_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Refuse `{name:value}`, which YAML reads as a key `name:value` without a value."""
    for key in template_kwargs:
        if ":" in key:
            raise ValueError(
                f"the key {key!r} holds a colon; write a space after the colon, as in "
                "{enable_thinking: false}"
            )
    return template_kwargs


ChatTemplateKwargs = Annotated[dict[str, Any], AfterValidator(_without_colons)]
"""Keyword arguments of the chat template."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)


class RunConfig(Section):
    output: Path = Path("runs/train")
    """Folder of this run: config, metrics, completions, checkpoints, plots, the saved policy."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    resume: bool = False
    """Continue from the newest checkpoint in `output`."""
    steps: int = Field(default=200, ge=1)
    """Rollout steps of the whole run, those before a resume included."""
    save_every: int = Field(default=50, ge=0)
    """Steps between checkpoints; 0: only on interruption and at the end."""
    keep_last: int = Field(default=2, ge=1)
    """Newest checkpoints to keep; older ones are deleted."""
    evaluate_every: int = Field(default=0, ge=0)
    """Steps between evaluations; 0: only before and after training."""
    keep_best: str = ""
    """An evaluation metric, such as `reward`, `accuracy/combined` or `-refusal_on_safe` (a minus
    means lower is better); the policy that is best by it is kept in `best/`. Empty: none."""
    loggers: list[Literal["tensorboard", "wandb", "trackio"]] = ["tensorboard"]
    """In addition to metrics.jsonl; wandb and trackio must be installed."""
    plots: bool = True
    progress: bool = True
    completions_every: int = Field(default=1, ge=0)
    """Steps between completions written to completions.jsonl; 0: none."""

    @field_validator("output", mode="before")
    @classmethod
    def _is_named(cls, output: Any) -> Any:
        """An empty path would mean the current directory."""
        if output == "":
            raise ValueError("must name a folder")
        return output


class LoraConfig(Section):
    rank: int = Field(default=0, ge=0)
    """0: no adapter, full fine-tuning."""
    alpha: int = Field(default=32, ge=1)
    """The adapter's output is scaled by alpha / rank."""
    targets: Literal["language", "all"] | Annotated[list[str], Field(min_length=1)] = "language"
    """Linear layers that get an adapter: the language model's, the vision tower's as well, or those
    whose names end with one of these. The output head gets one only if it is named."""
    merge: bool = False
    """Save the trained policy with the adapter merged into its weights, loadable without peft."""


class PolicyConfig(Section):
    path: str = ""
    """Folder or hub name that AutoModelForImageTextToText and AutoProcessor load."""
    device: str = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the model's weights; bfloat16 weights are updated through float32 master weights."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    lora: LoraConfig = LoraConfig()


class DataConfig(Section):
    train: str = ""
    """A .jsonl or .parquet file, a folder of parquet files, or a dataset name on the hub; the last
    two may name a configuration, as in `OWNER/NAME:CONFIGURATION`."""
    test: str = ""
    """Held-out rows for the evaluation, in the same forms."""
    hold_out: int = Field(default=0, ge=0)
    """Without `test`: rows of `train` to hold out from training and evaluate on."""
    images: Path | None = None
    """Folder that image paths are relative to; default: the folder of the data file."""
    split: str = "train"
    """Split to read of a hub dataset or a folder of parquet files."""
    test_split: str = "test"
    """Split to read of `test`."""
    limit: int = Field(default=0, ge=0)
    """Use only the first rows; 0: all."""
    bad_rows: Literal["error", "drop"] = "error"
    """On a missing image, an invalid tag or a prompt that the processor refuses: stop with an
    error, or leave the row out with a warning."""
    shuffle: bool = True
    append_instruction: bool = True
    """Append the reward profile's format instruction to the user's text."""
    chat_template_kwargs: ChatTemplateKwargs = {}
    """Keyword arguments of the model's chat template, such as {enable_thinking: false}. If the
    template opens the thinking and lacks that switch, the thinking is closed at once."""
    max_pixels: int = Field(default=0, ge=0)
    """Larger images are downscaled to this many pixels before the model's own processor sees them;
    0: never. Qwen3-VL has one token for 1,024 pixels."""
    max_prompt_tokens: int = Field(default=2048, ge=1)
    long_prompts: Literal["error", "drop"] = "drop"
    """On a prompt over `max_prompt_tokens`: stop, or take the next row instead and count it.
    Held-out rows are checked once, when the run starts."""


class RolloutConfig(Section):
    prompts_per_step: int = Field(default=8, ge=1)
    group_size: int = Field(default=8, ge=2)
    prompts_per_pass: int = Field(default=0, ge=0)
    """Prompts whose groups are sampled at once, in each process; 0: all. Fewer need less memory for
    KV caches but more decoding steps. The evaluation completes as many rows at once as a pass
    samples completions, and with 0 at most 64."""
    max_tokens: int = Field(default=4096, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    """0: no limit."""
    min_p: float = Field(default=0.0, ge=0, lt=1)
    """Never sample a token less likely than this fraction of the likeliest one's probability."""
    engine: Literal["local", "vllm"] = "local"
    """What samples: the training model itself, or vLLM on the same GPU."""
    vllm_memory: float = Field(default=0.3, gt=0, lt=1)
    """Share of the GPU's memory that vLLM uses while it samples, its weights included."""


class AlgorithmConfig(Section):
    loss: Loss = "grpo"
    """dr_grpo is its paper's with `scale: none`; bnpo equals dapo, because a batch is always the
    whole minibatch. For the formulas see train_client/learning/losses.py."""
    clip_low: float = Field(default=0.2, ge=0)
    clip_high: float = Field(default=0.2, ge=0)
    """Larger than `clip_low` is DAPO's clip-higher. For cispo: the cap on the ratio is 1 + this.
    gspo's ratios are means over a sequence, and its paper clips them at 3e-4 and 4e-4."""
    dual_clip: float | None = Field(default=None, gt=1)
    """Bound on ratio x |advantage| for negative advantages (arXiv 1912.09729); null: off."""
    beta: float = Field(default=0.01, ge=0)
    """Weight of the KL term; 0 loads no reference."""
    kl: Kl = "k3"
    """Estimator of the KL term. In expectation, the gradient of k1 is 0 (as a loss it is pure
    noise), of k2 that of KL(policy || reference), of k3 that of KL(reference || policy)."""
    scale: Scale = "group"
    """Divisor of reward - group mean: the group's std, the batch's std, or none."""
    combine: Literal["sum", "gdpo"] = "sum"
    """gdpo: each component is normalised within its group, then the weighted sum over the batch
    (arXiv 2601.05242); `scale` is not used."""
    component_weights: dict[str, float] | None = None
    """Factors of the components that the service reports, which its profile has already weighted
    (a perfect completion has format 0, tag 0.5, behavior 0.5); a component that is not named
    counts 0. null: the service's own reward."""
    updates_per_batch: int = Field(default=1, ge=1)
    """Epochs over a rollout batch, as in PPO, of `optimizer.minibatches` updates each."""
    old_logprobs: Literal["recompute", "sampler"] = "recompute"
    """Where the ratio starts when a batch is cut into several updates: a pass of the policy before
    the first of them, or the log-probs it was sampled with. The second saves that pass; the two
    differ by rounding, as far as the sampler computes what the policy computes."""
    mask_truncated: bool = False
    """Leave completions that hit max_tokens out of the loss (they stay in the baseline)."""
    dynamic_sampling: int = Field(default=0, ge=0)
    """Extra rollouts a step to replace groups whose rewards (for gdpo: whose components) are all
    equal; 0: keep such groups."""
    importance_cap: float | None = Field(default=None, gt=0)
    """Each token's loss is weighted by pi_old / pi_sampler, capped at this; null: off."""


class OptimizerConfig(Section):
    lr: float = Field(default=1e-6, gt=0)
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """cosine and linear decay to 0 from the end of the warm-up to the last update of the run."""
    warmup_steps: int = Field(default=0, ge=0)
    """Updates of linear warm-up; a rollout step makes `minibatches` x `updates_per_batch`."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    minibatches: int = Field(default=1, ge=1)
    """Optimizer steps that one pass over a rollout batch is split into, by whole groups."""
    prompts_per_pass: int = Field(default=0, ge=0)
    """Prompts of one forward pass; 0: all of a minibatch. It changes memory, not the result."""
    completions_per_pass: int = Field(default=0, ge=0)
    """Completions of each prompt in one pass; 0: the whole group. Also memory only."""
    gradient_checkpointing: bool = False
    """Recompute layers in the backward pass: less memory, more time, the same gradient."""


class RetentionConfig(Section):
    data: str = ""
    """General rows (prompt, images, response) on which the policy is held to its reference, in the
    forms of `data.train`; empty: none."""
    weight: float = Field(default=0.5, gt=0)
    """Weight of KL(reference || policy) on those rows, in the loss of every update."""
    examples: int = Field(default=8, ge=1)
    """Rows per update and process."""
    examples_per_pass: int = Field(default=1, ge=0)
    """Rows of one forward pass; 0: all. It changes memory, not the result: a pass holds several
    tensors of tokens x vocabulary over its responses."""
    chat_template_kwargs: ChatTemplateKwargs = {"enable_thinking": False}
    """As `data.chat_template_kwargs`, for these rows, whose responses have no thinking."""


class RewardConfig(Section):
    url: str = "http://127.0.0.1:8700"
    profile: str = Field(default="safegrpo", min_length=1)
    api_key_env: str = ""
    """Environment variable that holds the service's API key; empty: no key."""
    batch_size: int = Field(default=64, ge=1)
    in_flight: int = Field(default=32, ge=1)
    timeout: float = Field(default=30.0, gt=0)
    """Seconds for one request."""
    deadline: float = Field(default=300.0, gt=0)
    """Seconds without a reward, retries included, after which the run checkpoints and stops."""

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        try:
            # urlsplit validates the port only on access.
            usable = urlsplit(url).port != 0
        except ValueError:
            usable = False
        if not usable or not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
            raise ValueError("must be a URL such as http://127.0.0.1:8700")
        return url


class Sections(Section):
    """Every section, each valid by itself; what contradicts between them is not checked here."""

    run: RunConfig = RunConfig()
    policy: PolicyConfig = PolicyConfig()
    data: DataConfig = DataConfig()
    rollout: RolloutConfig = RolloutConfig()
    algorithm: AlgorithmConfig = AlgorithmConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    retention: RetentionConfig = RetentionConfig()
    reward: RewardConfig = RewardConfig()

    @property
    def updates_per_step(self) -> int:
        """Optimizer steps that one rollout batch is learned from in."""
        return self.optimizer.minibatches * self.algorithm.updates_per_batch
