"""A low-rank adapter (LoRA, arXiv 2106.09685) in place of training every weight.

It is put into the model itself, so nothing else has to know of it: the model keeps its class, and
with the adapter switched off it *is* the reference. peft is imported only when an adapter is asked
for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from train_client.config.errors import ConfigError
from train_client.config.sections import LoraConfig

WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
"""What peft's files put before the names of parameters."""


def add_adapter(model: PreTrainedModel, config: LoraConfig) -> None:
    """Freeze the model and give its linear layers an adapter that starts as no change.

    Raises ConfigError when peft is absent, the model already has an adapter, or no layer is meant.
    """
    try:
        import peft
    except ImportError as error:
        raise ConfigError("policy.lora needs peft: pip install 'peft>=0.20'.") from error
    if has_adapter(model):
        raise ConfigError(
            "policy.path is an adapter already; merge it into its base model, or give the base."
        )
    options = peft.LoraConfig(
        r=config.rank, lora_alpha=config.alpha, target_modules=_targets(model, config)
    )
    try:
        model.add_adapter(options)
    except ValueError as error:
        # Layers that cannot be adapted, or a peft that this transformers does not take.
        raise ConfigError(f"policy.lora cannot be used: {error}") from error


def has_adapter(model: PreTrainedModel) -> bool:
    return bool(getattr(model, "_hf_peft_config_loaded", False))


@contextmanager
def switched_off(model: PreTrainedModel) -> Iterator[PreTrainedModel]:
    """The model as it was before the adapter: the frozen reference, at no memory."""
    model.disable_adapters()
    try:
        yield model
    finally:
        model.enable_adapters()


def adapter_file(model: PreTrainedModel, checkpoint: Path) -> dict[str, Tensor]:
    """The adapter's weights in a checkpoint, by the names that they have in `model`.

    Raises KeyError or ValueError where it is of fewer layers or of others.
    """
    saved = load_file(checkpoint / WEIGHTS)
    # In the model's order, which all processes share: they load a sharded model tensor by tensor.
    names = [name for name, _ in model.named_parameters() if "lora_" in name]
    of_names = {name: _PREFIX + name.replace(".default.", ".") for name in names}
    if others := saved.keys() - set(of_names.values()):
        raise ValueError(f"there is an adapter of other layers, such as {min(others)}")
    return {name: saved[key] for name, key in of_names.items()}


def merged(weights: Mapping[str, Tensor], model: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """The bare model's weights by its names for them, with the adapter in `weights` added.

    W + alpha / rank * B A, added in float32 and rounded once; the model is not touched. Without an
    adapter the weights as they are.
    """
    for name, weight in weights.items():
        if "lora_" in name:
            continue
        layer, is_base, rest = name.rpartition(".base_layer.")
        if not is_base:
            yield name, weight
        elif rest != "weight":
            yield f"{layer}.{rest}", weight
        else:
            down, up = (weights[f"{layer}.lora_{half}.default.weight"].float() for half in "AB")
            scale = _scaling(model.get_submodule(layer))
            yield f"{layer}.weight", (weight.float() + scale * (up @ down)).to(weight.dtype)


def _scaling(layer: Any) -> float:
    return float(layer.scaling["default"])


def _targets(model: PreTrainedModel, config: LoraConfig) -> list[str]:
    """The names of the layers to adapt: linear ones only, because `merged` knows no others."""
    linear = {n: module for n, module in model.named_modules() if isinstance(module, nn.Linear)}
    if isinstance(config.targets, list):
        return sorted({name for end in config.targets for name in _ending(linear, end)})
    part: nn.Module = model.get_decoder() if config.targets == "language" else model
    inside = {id(module) for module in part.modules()}
    head = model.get_output_embeddings()
    names = [n for n, module in linear.items() if id(module) in inside and module is not head]
    if not names:
        raise ConfigError(
            f"No linear layer of the model is meant by policy.lora.targets={config.targets}; "
            "name the layers, for example policy.lora.targets=[q_proj,v_proj]."
        )
    return names


def _ending(layers: Iterable[str], end: str) -> list[str]:
    """The names in `layers` that end with the parts `end`. Raises ConfigError if there are none."""
    names = [name for name in layers if f".{name}".endswith(f".{end}")]
    if not names:
        raise ConfigError(f"policy.lora.targets names {end}, but no linear layer's name ends so.")
    return names
