"""The policy: any model that AutoModelForImageTextToText loads, and its processor.

The processor's output is an opaque mapping, so that no code depends on a model's field names.
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

from train_client.config.errors import ConfigError
from train_client.config.sections import PolicyConfig
from train_client.distributed import full_tensor, is_main, world_size
from train_client.policy.adapter import add_adapter, has_adapter, merged, switched_off


@dataclass
class Policy:
    """A model in evaluation mode (training uses no dropout), its processor, and its reference."""

    model: PreTrainedModel
    processor: Any
    reference: PreTrainedModel | None = None
    """A frozen copy. None if there is no reference, or if it is the model without its adapter."""

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def tokenizer(self) -> Any:
        return getattr(self.processor, "tokenizer", self.processor)

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Tokens that end a completion: the generation config's, or else the tokenizer's.

        Raises ConfigError if neither has one.
        """
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
        """Text of one completion, without its end-of-sequence token but with other special tokens:
        a tag of the output format may be one of them.
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
        """A context with the reference of the KL term: the copy, or the model without its adapter.

        Raises RuntimeError if the policy has no reference.
        """
        if self.reference is not None:
            yield self.reference
        elif has_adapter(self.model):
            with switched_off(self.model) as model:
                yield model
        else:
            raise RuntimeError("This policy was made without a reference (algorithm.beta is 0).")

    def save(self, folder: Path, *, merge: bool = False) -> None:
        """Save model and processor so that plain `from_pretrained` loads them from `folder`.

        An adapter is saved alone, and needs its base model and peft to load; with `merge`, the
        whole model is saved with the adapter merged in. All processes must call this; the main one
        writes.
        """
        model, weights = self.model, _full_state(self.model)
        if has_adapter(model) and merge:
            weights = dict(merged(weights, model)) if is_main() else {}
            model = _without_weights(model)
        if is_main():
            model.save_pretrained(folder, state_dict=weights)
            self.processor.save_pretrained(folder)


def _full_state(model: PreTrainedModel) -> dict[str, Tensor]:
    """The state dict with full tensors in the place of sharded ones; tied weights stay tied."""
    state = model.state_dict(keep_vars=True)
    full = {id(tensor): full_tensor(tensor).detach() for tensor in state.values()}
    return {name: full[id(tensor)] for name, tensor in state.items()}


def _without_weights(model: PreTrainedModel) -> PreTrainedModel:
    """The same architecture without weights and without the adapter."""
    with torch.device("meta"):
        empty: PreTrainedModel = AutoModelForImageTextToText.from_config(
            model.config, dtype=model.dtype
        )
    empty.generation_config = model.generation_config
    return empty


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """A copy of the model in evaluation mode, without gradients: the reference."""
    frozen = copy.deepcopy(model).requires_grad_(False)
    frozen.eval()
    return frozen


def load_policy(config: PolicyConfig, *, reference: bool) -> Policy:
    """Load model and processor, and with `reference` keep a frozen copy of the weights.

    With `policy.lora` an adapter is added to train, and the model without it is the reference, so
    there is no copy. Raises ConfigError if the path or hub name cannot be loaded.
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
        # Padding is masked, so any token will do; without one, prompts could not be batched.
        policy.tokenizer.pad_token = policy.tokenizer.convert_ids_to_tokens(policy.eos_ids[0])
    return policy


def _refuse_cross_attention(model: PreTrainedModel, path: str) -> None:
    """Raise ConfigError for a model with cross-attention to images: its cache cannot be forked."""
    if getattr(model.config.get_text_config(), "cross_attention_layers", None):
        raise ConfigError(
            f"policy.path {path!r} attends to its images in layers of their own (cross-attention), "
            "whose caches cannot be shared by a group; choose a model that reads images as tokens."
        )


def _device(name: str) -> torch.device:
    """The device of that name, `auto` a GPU if there is one. Raises ConfigError if unusable."""
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
    """Make the policy's GPU the current one, which CUDA graphs and generators use.

    Raises ConfigError if several processes would use the same one.
    """
    if world_size() > 1 and device.index != torch.cuda.current_device():
        raise ConfigError(
            f"policy.device={device} would put all processes on one GPU; torchrun gives each its "
            "own: set policy.device=cuda."
        )
    torch.cuda.set_device(device)


def to_device(inputs: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The processor's output with its tensors moved to `device`."""
    return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in inputs.items()}
