"""The policy: any model that AutoModelForImageTextToText loads, and the processor of that model.

The processor's output is an opaque mapping: nothing here knows a model's field names.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel

from train_client.adapter import add_adapter, has_adapter, merged, switched_off
from train_client.config import ConfigError, PolicyConfig
from train_client.distributed import full_tensor, is_main, world_size


@dataclass
class Policy:
    """A model in evaluation mode (RL trains without dropout), its processor, and its reference."""

    model: PreTrainedModel
    processor: Any
    reference: PreTrainedModel | None = None

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def tokenizer(self) -> Any:
        return getattr(self.processor, "tokenizer", self.processor)

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Tokens that end a completion: the generation config's, else the tokenizer's."""
        generation = getattr(self.model, "generation_config", None)
        ids = getattr(generation, "eos_token_id", None)
        if ids is None:
            ids = self.tokenizer.eos_token_id
        if ids is None:
            raise ConfigError(
                "Neither the model's generation config nor the tokenizer has an end-of-sequence "
                "token, so no completion could ever end; set eos_token_id in one of them."
            )
        return tuple(ids) if isinstance(ids, list | tuple) else (int(ids),)

    @property
    def pad_id(self) -> int:
        return int(self.tokenizer.pad_token_id)

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of one completion, its end-of-sequence token left out, other special tokens kept.

        They are kept because a tag of the answer's format may be one of them.
        """
        if tokens and tokens[-1] in self.eos_ids:
            tokens = tokens[:-1]
        text: str = self.tokenizer.decode(
            tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    @property
    def has_reference(self) -> bool:
        return self.reference is not None or has_adapter(self.model)

    @contextmanager
    def reference_model(self) -> Iterator[PreTrainedModel]:
        """The frozen reference for the KL term: a copy, or the model with its adapter off."""
        if self.reference is not None:
            yield self.reference
        elif has_adapter(self.model):
            with switched_off(self.model) as model:
                yield model
        else:
            raise RuntimeError("This policy was made without a reference (algorithm.beta is 0).")

    def save(self, folder: Path, *, merge: bool = False) -> None:
        """Save so that plain `from_pretrained` loads model and processor from `folder`.

        An adapter is saved as such, which needs its base model and peft to load; with `merge`, the
        model is saved with the adapter added. All processes must call this; the main one writes.
        """
        model, weights = self.model, _whole_state(self.model)
        if has_adapter(model) and merge:
            model, weights = _bare(model), dict(merged(weights, model)) if is_main() else {}
        if is_main():
            model.save_pretrained(folder, state_dict=weights)
            self.processor.save_pretrained(folder)


def _whole_state(model: PreTrainedModel) -> dict[str, Tensor]:
    """The state dict with sharded tensors put together; tied ones stay one tensor."""
    parts = model.state_dict(keep_vars=True)
    made = {id(part): full_tensor(part).detach() for part in parts.values()}
    return {name: made[id(part)] for name, part in parts.items()}


def _bare(model: PreTrainedModel) -> PreTrainedModel:
    """The same architecture without weights and without the adapter."""
    with torch.device("meta"):
        bare: PreTrainedModel = AutoModelForImageTextToText.from_config(
            model.config, dtype=model.dtype
        )
    bare.generation_config = model.generation_config
    return bare


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """The reference: the model as it is now, never to change."""
    twin = copy.deepcopy(model).requires_grad_(False)
    twin.eval()
    return twin


def load_policy(config: PolicyConfig, *, reference: bool) -> Policy:
    """Load model and processor; the reference is a frozen copy of the weights just loaded.

    With `policy.lora` there is an adapter to train and no copy. Raises ConfigError when the path or
    the hub name cannot be loaded.
    """
    if not config.path:
        raise ConfigError("policy.path is empty; give a folder or a hub name of a model.")
    folder = Path(config.path)
    if not folder.exists() and (folder.is_absolute() or len(folder.parts) > 2):
        raise ConfigError(
            f"policy.path {config.path!r} is no folder here, and no hub name (owner/name)."
        )
    device = _device(config.device)
    try:
        model = AutoModelForImageTextToText.from_pretrained(
            config.path,
            dtype=getattr(torch, config.dtype),
            attn_implementation=config.attention,
        )
        processor = AutoProcessor.from_pretrained(config.path)
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        raise ConfigError(f"policy.path {config.path!r} cannot be loaded: {error}") from error
    _refuse_cross_attention(model, config.path)
    torch.nn.Module.to(model, device)
    if config.lora.rank:
        add_adapter(model, config.lora)
    model.eval()
    copied = reference and not config.lora.rank
    policy = Policy(model, processor, frozen_copy(model) if copied else None)
    if policy.tokenizer.pad_token is None:
        # What pads is masked, so any token will do; without one no two prompts make a batch.
        policy.tokenizer.pad_token = policy.tokenizer.convert_ids_to_tokens(policy.eos_ids[0])
    return policy


def _refuse_cross_attention(model: PreTrainedModel, path: str) -> None:
    """Their caches hold the image beside the prompt's tokens, and end with neither."""
    if getattr(model.config.get_text_config(), "cross_attention_layers", None):
        raise ConfigError(
            f"policy.path {path!r} attends to its images in layers of their own (cross-attention), "
            "whose caches cannot be shared by a group; choose a model that reads images as tokens."
        )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split("\n")[0]
        raise ConfigError(f"policy.device {name!r} cannot be used: {reason}") from error
    if device.type == "cuda":
        _make_current(device)
    return device


def _make_current(device: torch.device) -> None:
    """CUDA graphs and generators are those of the current GPU, so that is to be the policy's."""
    if world_size() > 1 and device.index != torch.cuda.current_device():
        raise ConfigError(
            f"policy.device={device} would put all processes on one GPU; torchrun gives each its "
            "own: set policy.device=cuda."
        )
    torch.cuda.set_device(device)


def to_device(inputs: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The processor's output on the model's device; what is no tensor stays as it is."""
    return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in inputs.items()}
