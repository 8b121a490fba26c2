"""The sections of a configuration: every key, its default, and what it does.

Each forbids unknown keys, so a misspelt key stops the run with a sentence instead of silently
training with a default.
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


def _spaced(template_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Refuse `{name:value}`, which YAML takes for a key without a value: no template reads it."""
    for key in template_kwargs:
        if ":" in key:
            raise ValueError(
                f"the key {key!r} holds a colon; write a space after the colon, as in "
                "{enable_thinking: false}"
            )
    return template_kwargs


ChatTemplateKwargs = Annotated[dict[str, Any], AfterValidator(_spaced)]
"""Arguments of a chat template besides the messages."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)


class RunConfig(Section):
    output: Path = Path("runs/train")
    """Folder of this run: config, metrics, completions, checkpoints, plots, the saved policy."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    resume: bool = False
    """Continue from the newest checkpoint in `output`."""
    steps: int = Field(default=200, ge=1)
    """Rollout steps of the whole run (a resumed run counts on)."""
    save_every: int = Field(default=50, ge=0)
    """Steps between checkpoints; 0: only when interrupted and at the end."""
    keep_last: int = Field(default=2, ge=1)
    """Checkpoints that are kept; older ones are deleted."""
    evaluate_every: int = Field(default=0, ge=0)
    """Steps between evaluations; 0: before and after only."""
    keep_best: str = ""
    """A metric of the evaluation, such as `reward`, `accuracy/combined` or `-refusal_on_safe` (a
    minus: the lower, the better); the policy that is best by it is kept in `best/`. Empty: none."""
    loggers: list[Literal["tensorboard", "wandb", "trackio"]] = ["tensorboard"]
    """Beside metrics.jsonl; wandb and trackio must be installed."""
    plots: bool = True
    progress: bool = True
    completions_every: int = Field(default=1, ge=0)
    """Steps between completions written to completions.jsonl; 0: none."""

    @field_validator("output", mode="before")
    @classmethod
    def _is_named(cls, output: Any) -> Any:
        """A path of no characters would be the folder in which the command was given."""
        if output == "":
            raise ValueError("must name a folder")
        return output


class LoraConfig(Section):
    rank: int = Field(default=0, ge=0)
    """0: no adapter, every weight is trained."""
    alpha: int = Field(default=32, ge=1)
    """The adapter's output is scaled by alpha / rank."""
    targets: Literal["language", "all"] | Annotated[list[str], Field(min_length=1)] = "language"
    """Linear layers that get an adapter: the language model's, the vision tower's as well, or those
    whose names end so. The output head never gets one unless it is named."""
    merge: bool = False
    """Save the trained policy with the adapter added to its weights, loadable without peft."""


class PolicyConfig(Section):
    path: str = ""
    """Folder or hub name that AutoModelForImageTextToText and AutoProcessor load."""
    device: str = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the model's weights; those in bfloat16 are updated through float32 master weights."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    lora: LoraConfig = LoraConfig()


class DataConfig(Section):
    train: str = ""
    """A .jsonl or .parquet file, a folder of parquet files, or a dataset name on the hub; behind a
    colon one of its configurations, as in `OWNER/NAME:CONFIGURATION`."""
    test: str = ""
    """Held-out rows for the evaluation, in the same forms."""
    hold_out: int = Field(default=0, ge=0)
    """Without `test`: rows of `train` that are kept out of the training, and evaluated on."""
    images: Path | None = None
    """Folder that relative image paths start from; default: the folder of the data file."""
    split: str = "train"
    """Which split of a hub dataset, or of a folder of parquet files."""
    test_split: str = "test"
    """Which split `test` is read from."""
    limit: int = Field(default=0, ge=0)
    """Use only the first rows; 0: all."""
    bad_rows: Literal["error", "drop"] = "error"
    """A missing image, an invalid tag, a prompt that the model's processor refuses: stop with a
    sentence, or leave the row out and say so."""
    shuffle: bool = True
    append_instruction: bool = True
    """Append the reward profile's format instruction to the user's text."""
    chat_template_kwargs: ChatTemplateKwargs = {}
    """What the model's chat template is told, such as {enable_thinking: false}. (A template that
    opens the thinking and knows no such switch then has it closed at once.)"""
    max_pixels: int = Field(default=0, ge=0)
    """Larger images are shrunk to so many pixels before the model's own processor sees them; 0: as
    they are. Qwen3-VL makes a token of 1,024 pixels."""
    max_prompt_tokens: int = Field(default=2048, ge=1)
    long_prompts: Literal["error", "drop"] = "drop"
    """A prompt over `max_prompt_tokens`: stop, or take the next row instead and count it. Held-out
    rows are judged once, when the run starts."""


class RolloutConfig(Section):
    prompts_per_step: int = Field(default=8, ge=1)
    group_size: int = Field(default=8, ge=2)
    prompts_per_pass: int = Field(default=0, ge=0)
    """Prompts whose groups are sampled at once, in each process; 0: all. Memory for their caches,
    against more steps of decoding. The evaluation answers as many rows at once as completions are
    sampled, and with 0 at most 64."""
    max_tokens: int = Field(default=4096, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    """0: no limit."""
    min_p: float = Field(default=0.0, ge=0, lt=1)
    """Never sample a token less likely than this share of the likeliest one's probability."""
    engine: Literal["local", "vllm"] = "local"
    """What samples: the training model itself, or vLLM beside it, on the same GPU."""
    vllm_memory: float = Field(default=0.3, gt=0, lt=1)
    """Share of the GPU's memory that vLLM takes, its weights included, while it samples."""


class AlgorithmConfig(Section):
    loss: Loss = "grpo"
    """dr_grpo is its paper's with `scale: none`; bnpo equals dapo, because a batch is always the
    whole minibatch. The formulas: train_client/losses.py."""
    clip_low: float = Field(default=0.2, ge=0)
    clip_high: float = Field(default=0.2, ge=0)
    """Larger than `clip_low` is DAPO's clip-higher. For cispo: the cap on the ratio is 1 + this.
    gspo's ratios are means over a sequence, and its paper clips them at 3e-4 and 4e-4."""
    dual_clip: float | None = Field(default=None, gt=1)
    """Bound on ratio x |advantage| for negative advantages (arXiv 1912.09729); null: off."""
    beta: float = Field(default=0.01, ge=0)
    """Weight of the KL term; 0 loads no reference."""
    kl: Kl = "k3"
    """Estimator of the KL term. In the mean, k1's gradient is 0 (as a loss it is noise alone), k2's
    that of KL(policy || reference), k3's that of KL(reference || policy)."""
    scale: Scale = "group"
    """What divides reward - group mean: the group's std, the batch's std, or nothing."""
    combine: Literal["sum", "gdpo"] = "sum"
    """gdpo: each component is normalised in its group, then the weighted sum over the batch
    (arXiv 2601.05242), whatever the `scale`."""
    component_weights: dict[str, float] | None = None
    """Factors of the components that the service reports, which its profile has weighted already
    (those of a perfect completion are format 0, tag 0.5, behavior 0.5): 1 leaves one as it is, and
    one that is not named counts 0. null: the service's reward as it is."""
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
    """Each token's loss is weighed by pi_old / pi_sampler, by this at most; null: off."""


class OptimizerConfig(Section):
    lr: float = Field(default=1e-6, gt=0)
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """From the end of the warm-up to the last update of the run, down to 0."""
    warmup_steps: int = Field(default=0, ge=0)
    """Updates of linear warm-up: a rollout step makes `minibatches` x `updates_per_batch`."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    minibatches: int = Field(default=1, ge=1)
    """Optimizer steps that one pass over a rollout batch is cut into, whole groups each."""
    prompts_per_pass: int = Field(default=0, ge=0)
    """Prompts that one forward pass carries; 0: all of a minibatch. Memory, not mathematics."""
    completions_per_pass: int = Field(default=0, ge=0)
    """Completions of each of those prompts in one pass; 0: the whole group. Memory again."""
    gradient_checkpointing: bool = False
    """Compute layers again in the backward pass: less memory, more time, the same gradient."""


class RetentionConfig(Section):
    data: str = ""
    """General rows (prompt, images, response) on which the policy must stay as it was, in the forms
    of `data.train`; empty: none."""
    weight: float = Field(default=0.5, gt=0)
    """Weight of KL(reference || policy) on those rows, in the loss of every update."""
    examples: int = Field(default=8, ge=1)
    """Rows that each process takes for each update."""
    examples_per_pass: int = Field(default=1, ge=0)
    """Rows that one forward pass carries; 0: all. Memory, not mathematics: a pass holds several
    tensors of a number for each word of the vocabulary at each token of its responses."""
    chat_template_kwargs: ChatTemplateKwargs = {"enable_thinking": False}
    """As `data.chat_template_kwargs`, for these rows: their responses hold no thinking."""


class RewardConfig(Section):
    url: str = "http://127.0.0.1:8700"
    profile: str = Field(default="safegrpo", min_length=1)
    api_key_env: str = ""
    """Name of the environment variable that holds the service's key; empty: no key."""
    batch_size: int = Field(default=64, ge=1)
    in_flight: int = Field(default=32, ge=1)
    timeout: float = Field(default=30.0, gt=0)
    """Seconds for one request."""
    deadline: float = Field(default=300.0, gt=0)
    """Seconds without a reward, retries included, until the run gives up, checkpoints and stops."""

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        try:
            # urlsplit looks at the port when it is asked for it.
            usable = urlsplit(url).port != 0
        except ValueError:
            usable = False
        if not usable or not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
            raise ValueError("must be a URL such as http://127.0.0.1:8700")
        return url
