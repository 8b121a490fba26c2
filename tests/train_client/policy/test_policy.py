"""Loading a policy: what cannot be loaded is a sentence that names the key."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from train_client.config.errors import ConfigError
from train_client.config.sections import PolicyConfig
from train_client.data.examples import Example
from train_client.data.prompts import encode_prompts
from train_client.policy.policy import Policy, load_policy


def test_a_saved_policy_is_loaded_with_a_frozen_reference(tmp_path: Path, policy: Policy) -> None:
    policy.save(tmp_path)
    loaded = load_policy(PolicyConfig(path=str(tmp_path), device="cpu"), reference=True)
    assert loaded.eos_ids == (2,)
    assert not loaded.model.training
    with loaded.reference_model() as reference:
        pairs = zip(loaded.model.parameters(), reference.parameters(), strict=True)
        for mine, frozen in pairs:
            assert torch.equal(mine, frozen)
            assert mine.data_ptr() != frozen.data_ptr()
            assert (mine.requires_grad, frozen.requires_grad) == (True, False)


def test_a_model_that_sees_its_images_by_cross_attention_is_refused(
    tmp_path: Path, policy: Policy
) -> None:
    policy.model.config.get_text_config().cross_attention_layers = [1]
    policy.save(tmp_path)
    with pytest.raises(ConfigError, match="attends to its images in layers of their own"):
        load_policy(PolicyConfig(path=str(tmp_path), device="cpu"), reference=False)


def test_without_a_kl_term_no_reference_is_kept(tmp_path: Path, policy: Policy) -> None:
    policy.save(tmp_path)
    assert load_policy(PolicyConfig(path=str(tmp_path)), reference=False).reference is None


def test_a_tokenizer_without_a_padding_token_pads_with_the_end(
    tmp_path: Path, policy: Policy, examples: list[Example]
) -> None:
    policy.tokenizer.pad_token = None
    policy.save(tmp_path)
    loaded = load_policy(PolicyConfig(path=str(tmp_path), device="cpu"), reference=False)
    assert loaded.pad_id == 2
    inputs = encode_prompts(loaded.processor, examples[:2]).inputs
    assert inputs["input_ids"][0, 0] == 2
    assert inputs["attention_mask"][0, 0] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": ""}, r"policy\.path is empty"),
        ({"path": "/no/such/folder"}, r"policy\.path '/no/such/folder' is no folder here"),
        ({"path": "x", "device": "gpu"}, r"policy\.device 'gpu' cannot be used"),
    ],
)
def test_what_cannot_be_loaded_names_the_key(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_policy(PolicyConfig.model_validate(changes), reference=False)


def test_the_gpu_of_the_policy_is_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA graphs are recorded there. No GPU is here, so that none is made."""
    now: list[Any] = []
    monkeypatch.setattr(torch.cuda, "set_device", now.append)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    second = torch.device("cuda:1")
    monkeypatch.setattr(torch, "empty", lambda *_, device: SimpleNamespace(device=second))
    with pytest.raises(ConfigError, match="nobody"):
        load_policy(PolicyConfig(path="nobody", device="cuda:1"), reference=False)
    assert now == [second]
    monkeypatch.setattr("train_client.policy.policy.world_size", lambda: 2)
    with pytest.raises(ConfigError, match=r"all processes on one GPU; .* set policy\.device=cuda"):
        load_policy(PolicyConfig(path="nobody", device="cuda:1"), reference=False)


def test_weights_that_are_cut_short_are_named(tmp_path: Path, policy: Policy) -> None:
    policy.save(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_policy(PolicyConfig(path=str(tmp_path)), reference=False)


def test_the_end_token_is_no_part_of_the_text(policy: Policy) -> None:
    letters = policy.tokenizer.encode("abc")
    assert policy.decode([*letters, 2]) == policy.decode(letters)
    assert "a" in policy.decode(letters)


def test_a_policy_that_cannot_end_is_refused(policy: Policy) -> None:
    policy.model.generation_config.eos_token_id = None
    policy.tokenizer.eos_token = None
    with pytest.raises(ConfigError, match="eos_token_id"):
        _ = policy.eos_ids
