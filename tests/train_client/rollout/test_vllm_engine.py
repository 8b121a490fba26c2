"""Rollouts by vLLM are those of the present policy, in the order and form that training wants."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train_client import vllm_standin
from tests.train_client.runs import settings, train
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.config.sections import LoraConfig
from train_client.config.train_config import parse_config
from train_client.data.examples import Example
from train_client.data.prompts import Prompts, encode_prompts
from train_client.policy.adapter import add_adapter
from train_client.policy.fork import completion_logprobs, prefill
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics
from train_client.rollout.sampling import Sampling
from train_client.rollout.vllm_engine import VllmEngine, current_weights

VLLM = {"engine": "vllm", "prompts_per_step": 4, "group_size": 4, "max_tokens": 8}
CORRECTED = {"beta": 0.0, "importance_cap": 2.0}


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> type[vllm_standin.LLM]:
    monkeypatch.setitem(sys.modules, "vllm", vllm_standin.MODULE)
    monkeypatch.setattr(vllm_standin.LLM, "made", [])
    return vllm_standin.LLM


@pytest.fixture
def configured(tmp_path: Path, service: Service, policy: Policy) -> Callable[..., Any]:
    policy.save(tmp_path / "model")

    def config(**changes: Any) -> Any:
        return settings(
            tmp_path / "run",
            service.url,
            policy={"path": str(tmp_path / "model")},
            rollout=VLLM,
            algorithm=CORRECTED,
            **changes,
        )

    return config


def test_every_rollout_is_by_the_weights_of_its_step(
    tmp_path: Path,
    vllm: type[vllm_standin.LLM],
    configured: Callable[..., Any],
    policy: Policy,
    examples: list[Example],
) -> None:
    """The gap between sampler and policy would grow with the first update that it has not seen."""
    start = [p.detach().clone() for p in policy.model.parameters()]
    assert train(configured(run={"steps": 3}), policy, examples).finished
    (llm,) = vllm.made
    lines = read_metrics(tmp_path / "run")
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert all(line["sampler_gap"] < 1e-5 for line in lines)
    after = zip(start, policy.model.parameters(), strict=True)
    assert max(float((p.detach() - before).abs().max()) for before, p in after) > 0.01
    step = ["wake weights", "reload_weights", "wake kv_cache", "generate", "sleep 1"]
    assert llm.calls == ["sleep 1", *step * 3]


def test_vllm_is_made_as_the_run_says(
    vllm: type[vllm_standin.LLM], configured: Callable[..., Any], policy: Policy
) -> None:
    VllmEngine(configured(data={"max_prompt_tokens": 40}), policy)
    assert vllm.made[0].options == {
        "dtype": "float32",
        "memory": 0.3,
        "max_model_len": 48,
        "enable_sleep_mode": True,
        "logprobs_mode": "processed_logprobs",
        "distributed_executor_backend": "uni",
    }


def test_completions_stand_in_groups_with_their_logprobs_and_ends(
    vllm: type[vllm_standin.LLM],
    configured: Callable[..., Any],
    policy: Policy,
    examples: list[Example],
) -> None:
    """Left-padded prompts with 0, 1 and 2 images; tokens scored again by the policy itself."""
    policy.model.generation_config.eos_token_id = list(range(2, 8))
    prompts = encode_prompts(policy.processor, examples[:3])
    sampling = Sampling(max_tokens=9, temperature=0.8)
    found = VllmEngine(configured(), policy).generate(prompts, 4, sampling, None)
    ((asked, params),) = vllm.made[0].asked
    assert [len(r.get("multi_modal_data", {}).get("image", ())) for r in asked] == [0, 1, 2]
    assert asked[0] == {"prompt": prompts.texts[0]}
    assert (params.n, params.temperature, params.max_tokens) == (4, 0.8, 9)
    assert (params.logprobs, params.stop_token_ids) == (0, list(range(2, 8)))
    assert params.ignore_eos
    assert not params.detokenize

    with torch.no_grad():
        prefix = prefill(policy.model, prompts.inputs).repeated(4)
        again = completion_logprobs(policy.model, prefix, found.tokens_RT, temperature=0.8)
    assert (again - found.logprobs_RT)[found.mask_RT].abs().max() <= 1e-5
    assert not found.logprobs_RT[~found.mask_RT].any()
    ends = [row[-1] in range(2, 8) for row in found.rows()]
    assert found.finished_R.tolist() == ends
    assert set(ends) == {True, False}
    assert not any(token in range(2, 8) for row in found.rows() for token in row[:-1])


def test_an_adapter_is_added_to_the_weights_handed_over(policy: Policy) -> None:
    plain = {name: p.detach().clone() for name, p in policy.model.named_parameters()}
    add_adapter(policy.model, LoraConfig(rank=2, alpha=6))
    for name, parameter in policy.model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(generator=torch.Generator().manual_seed(1))
    given = dict(current_weights(policy.model))
    assert given.keys() == plain.keys()
    changed = {name for name in plain if not torch.equal(given[name], plain[name])}
    assert changed
    assert all("language_model" in name and "proj" in name for name in changed)
    twin = type(policy.model)(policy.model.config).eval()
    twin.load_state_dict(given, strict=False)
    tokens = torch.tensor([[5, 9, 7, 3]])
    assert torch.allclose(
        twin(input_ids=tokens).logits, policy.model(input_ids=tokens).logits, atol=1e-4
    )


def test_a_prompt_that_vllm_reads_differently_stops_the_run(
    vllm: type[vllm_standin.LLM],
    configured: Callable[..., Any],
    policy: Policy,
    examples: list[Example],
) -> None:
    good = encode_prompts(policy.processor, examples[:2])
    other = Prompts([good.texts[0], f"{good.texts[1]} more"], good.images, good.inputs)
    engine = VllmEngine(configured(), policy)
    with pytest.raises(ConfigError, match=r"vLLM makes \d+ tokens .* rollout\.engine=local"):
        engine.generate(other, 2, Sampling(max_tokens=2), None)
    assert vllm.made[0].asleep == {"weights", "kv_cache"}


def test_a_completion_that_vllm_breaks_off_is_no_completion(
    vllm: type[vllm_standin.LLM],
    configured: Callable[..., Any],
    policy: Policy,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = vllm._answered

    def aborted(*arguments: Any) -> Any:
        output = answered(*arguments)
        output.outputs[-1].finish_reason = "abort"
        return output

    monkeypatch.setattr(vllm, "_answered", aborted)
    engine = VllmEngine(configured(), policy)
    with pytest.raises(RuntimeError, match=r"broke off a completion.*abort"):
        engine.generate(
            encode_prompts(policy.processor, examples[:1]), 2, Sampling(max_tokens=2), None
        )


def test_without_vllm_the_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, configured: Callable[..., Any], policy: Policy
) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[train,vllm\]'"):
        VllmEngine(configured(), policy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"algorithm": {}}, r"needs algorithm\.importance_cap"),
        ({"algorithm": {**CORRECTED, "old_logprobs": "sampler"}}, "old_logprobs=recompute"),
        ({"rollout": {**VLLM, "top_p": 0.9}}, r"takes no rollout\.top_p"),
        ({"rollout": {**VLLM, "min_p": 0.1}}, r"takes no rollout\.top_p, top_k or min_p"),
        ({"rollout": {**VLLM, "prompts_per_pass": 2}}, r"takes no rollout\.prompts_per_pass"),
        ({"policy": {"device": "cpu"}}, r"set policy\.device=cuda"),
    ],
)
def test_what_vllm_cannot_be_asked_for_is_refused(
    changes: dict[str, dict[str, Any]], message: str
) -> None:
    tree = {"rollout": VLLM, "algorithm": CORRECTED}
    assert parse_config(tree).rollout.engine == "vllm"
    with pytest.raises(ConfigError, match=message):
        parse_config({**tree, **changes})
