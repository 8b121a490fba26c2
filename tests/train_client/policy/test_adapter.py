"""LoRA: the adapter alone learns, switched off it is the reference, saved it comes back exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText

from tests.train_client.runs import exact, settings, steps_done, train
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.config.sections import LoraConfig, PolicyConfig
from train_client.data.examples import Example
from train_client.policy.adapter import add_adapter
from train_client.policy.policy import Policy, load_policy
from train_client.saved.checkpoint import load_weights

pytest.importorskip("peft")

LORA = {"rank": 4, "alpha": 8}


@pytest.fixture
def base(tmp_path: Path, policy: Policy) -> Path:
    policy.save(tmp_path / "base")
    return tmp_path / "base"


def load(base: Path, **lora: Any) -> Policy:
    torch.manual_seed(5)
    options = {"path": str(base), "device": "cpu", "lora": {**LORA, **lora}}
    return load_policy(PolicyConfig.model_validate(options), reference=True)


@torch.no_grad()
def scores(model: Any) -> Tensor:
    found: Tensor = model(input_ids=torch.tensor([[5, 9, 7, 3]])).logits
    return found


def test_only_the_language_models_adapter_is_trained_and_it_starts_as_no_change(
    architecture: Any,
) -> None:
    model, inputs = architecture
    data = inputs([5, 3], [1, 0])
    before = model(**data).logits.detach()
    add_adapter(model, LoraConfig(rank=2))
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    assert not any("vision" in name or "visual" in name or "lm_head" in name for name in trained)
    assert torch.equal(model(**data).logits.detach(), before)


def test_the_reference_is_the_model_with_its_adapter_off(
    tmp_path: Path, service: Service, base: Path, policy: Policy, examples: list[Example]
) -> None:
    adapted = load(base)
    assert adapted.reference is None
    train(settings(tmp_path / "run", service.url, run={"steps": 2}), adapted, examples)
    moved = scores(adapted.model)
    assert not torch.allclose(moved, scores(policy.model), atol=1e-3)
    with adapted.reference_model() as reference:
        assert torch.equal(scores(reference), scores(policy.model))
    assert torch.equal(scores(adapted.model), moved)


@pytest.mark.parametrize("merge", [False, True])
def test_the_trained_policy_loads_with_from_pretrained(
    tmp_path: Path, service: Service, base: Path, examples: list[Example], merge: bool
) -> None:
    adapted, lora = load(base), {"lora": {**LORA, "merge": merge}}
    run = {"steps": 1, "keep_best": "reward"}
    config = settings(tmp_path / "run", service.url, run=run, policy=lora)
    train(config, adapted, examples, evaluate=lambda stop: {"reward": steps_done(tmp_path / "run")})
    for name in ("policy", "best"):
        folder = tmp_path / "run" / name
        assert (folder / "adapter_config.json").exists() is not merge
        loaded = AutoModelForImageTextToText.from_pretrained(folder)
        assert torch.allclose(scores(loaded), scores(adapted.model), atol=1e-5)


def test_a_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path, service: Service, base: Path, examples: list[Example]
) -> None:
    def config(name: str, steps: int, resume: bool = False) -> Any:
        run = {"steps": steps, "resume": resume}
        return settings(tmp_path / name, service.url, run=run, optimizer={"lr": 0.05})

    whole, again = load(base), load(base)
    train(config("whole", 4), whole, examples)
    train(config("broken", 2), load(base), examples)
    train(config("broken", 4, resume=True), again, examples)
    assert exact(tmp_path / "broken") == exact(tmp_path / "whole")
    assert torch.equal(scores(whole.model), scores(again.model))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"targets": "all"}, {"targets": "language"}),
        ({"targets": "language"}, {"targets": "all"}),
        ({"rank": 1}, {"rank": 4}),
    ],
)
def test_a_checkpoint_of_another_adapter_is_refused(
    tmp_path: Path, base: Path, first: dict[str, Any], then: dict[str, Any]
) -> None:
    load(base, **first).save(tmp_path / "first")
    with pytest.raises(ConfigError, match="do not fit the policy of this run"):
        load_weights(load(base, **then).model, tmp_path / "first")


def test_an_adapter_of_an_adapter_is_refused(
    tmp_path: Path, service: Service, base: Path, examples: list[Example]
) -> None:
    load(base).save(tmp_path / "adapter")
    with pytest.raises(ConfigError, match="is an adapter already"):
        load(tmp_path / "adapter")


def test_targets_that_name_no_layer_are_a_sentence(base: Path) -> None:
    with pytest.raises(ConfigError, match=r"policy\.lora"):
        load(base, targets=["no_such_layer"])


def test_only_linear_layers_get_an_adapter_whatever_else_has_the_name(base: Path) -> None:
    """`proj` is the name of a convolution too, `embed_tokens` of a table of words."""
    adapted = load(base, targets=["qkv", "proj"]).model
    names = {name for name, _ in adapted.named_parameters() if "lora_" in name}
    assert any(".attn.proj." in name for name in names)
    assert not any("patch_embed" in name for name in names)
    with pytest.raises(ConfigError, match="names embed_tokens, but no linear layer"):
        load(base, targets=["q_proj", "embed_tokens"])
