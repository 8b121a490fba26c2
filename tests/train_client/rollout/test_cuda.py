"""On a GPU: recorded steps are the steps themselves, forks are duplicates, and nothing waits.

These tests are skipped where there is no GPU; the rest of the suite covers the same code without.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train_client.gradients import completions, gradients
from tests.train_client.rollout.test_decode import expect_equal_steps
from tests.train_client.runs import settings, train
from tests.train_client.service import Service
from train_client.data.examples import Example
from train_client.data.prompts import Prompts
from train_client.policy.fork import prefill
from train_client.policy.passes import Pass, pass_logprobs
from train_client.policy.policy import Policy, to_device
from train_client.report.metrics import read_metrics
from train_client.rollout.decode import FixedDecoder, GrowingDecoder, decoder
from train_client.rollout.graphs import Graphs
from train_client.rollout.rollout import LocalEngine, RolloutRecord
from train_client.rollout.sampling import Sampling, sample

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="wants a GPU")

GPU = torch.device("cuda")
GROUP, LIMIT = 3, 300
"""The cache of a GPU has 256 slots and more, so one of these completions makes it grow."""


@pytest.fixture
def on_gpu(architecture: Any) -> Any:
    model, make = architecture
    return model.to(GPU), lambda *case: to_device(make(*case), GPU)


@torch.no_grad()
def test_recorded_steps_equal_a_growing_cache(on_gpu: Any) -> None:
    """Over a cache that grows once, rows leaving on the way, padding on the left."""
    model, make = on_gpu
    prefix = prefill(model, make([9, 3, 5], [1, 1, 0]))
    growing = GrowingDecoder(model, prefix.repeated(GROUP), LIMIT)
    fixed = decoder(model, prefix, GROUP, LIMIT, graphs=True)
    assert isinstance(fixed, FixedDecoder)
    expect_equal_steps(
        fixed,
        growing,
        rows=3 * GROUP,
        steps=LIMIT - 1,
        leaving=(7, 270),
        device="cuda",
        tolerance=1e-4,
    )
    assert fixed._graphs._enabled
    assert fixed._graphs._recorded


def test_graphs_do_not_change_what_is_sampled(on_gpu: Any) -> None:
    model, make = on_gpu
    inputs = Prompts([], [], make([9, 3], [1, 1]))
    found = [
        LocalEngine(model, tuple(range(3, 9)), pad_id=0, graphs=graphs).generate(
            inputs, 8, Sampling(max_tokens=40), torch.Generator(GPU).manual_seed(7)
        )
        for graphs in (False, True)
    ]
    assert torch.equal(found[0].tokens_RT, found[1].tokens_RT)
    assert torch.equal(found[0].mask_RT, found[1].mask_RT)
    assert (found[0].logprobs_RT - found[1].logprobs_RT).abs().max() <= 1e-4


def test_what_cannot_be_recorded_is_run_and_random_numbers_go_on() -> None:
    ones, graphs = torch.ones(4, device=GPU), Graphs(enabled=True)

    def looks() -> torch.Tensor:
        return ones * 2 if ones.sum().item() > 1 else ones

    torch.manual_seed(3)
    assert [graphs.run("key", looks).sum().item() for _ in range(3)] == [8, 8, 8]
    found = torch.rand(4, device=GPU)
    torch.manual_seed(3)
    assert torch.equal(found, torch.rand(4, device=GPU))


@torch.no_grad()
@pytest.mark.parametrize("cuts", [{}, {"top_k": 20, "top_p": 0.9, "min_p": 0.02}])
def test_sampling_a_token_never_waits_for_the_gpu(qwen3: Any, cuts: dict[str, float]) -> None:
    model, make = qwen3
    model.to(GPU)
    prefix = prefill(model, to_device(make([9, 3], [1, 0]), GPU))
    work = decoder(model, prefix, GROUP, LIMIT, graphs=True)
    record = RolloutRecord(2 * GROUP, LIMIT, 0, GPU)
    ends = torch.tensor([2], device=GPU)
    logits = prefix.logits_PV.repeat_interleave(GROUP, dim=0)
    sampling = Sampling(max_tokens=LIMIT, **cuts)  # type: ignore[arg-type]
    for step in range(8):
        # The first step warms up and the second records, which both may wait.
        with waiting_forbidden() if step > 2 else nullcontext():
            token, logprob = sample(logits, sampling, None)
            record.add(step, token, logprob, torch.isin(token, ends))
            logits = work.step(token)


@torch.no_grad()
def test_what_is_cut_off_is_never_drawn() -> None:
    """A vocabulary whose sums a GPU rounds in ten thousand places, and a hundred thousand draws."""
    logits = torch.randn(64, 150_000, device=GPU) * 2
    logits[:, 1::2] -= 20
    sampling = Sampling(max_tokens=1, min_p=1e-6)
    least = logits.softmax(-1).amax(-1) * sampling.min_p
    for _ in range(2_000):
        _, logprob = sample(logits, sampling, None)
        assert (logprob.exp() >= 0.99 * least).all()


@contextmanager
def waiting_forbidden() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_forked_passes_equal_duplicates(qwen3: Any) -> None:
    model, make = qwen3
    model.to(GPU)
    inputs = to_device(make([9], [1]), GPU)
    copies = {name: of.repeat(GROUP, *[1] * (of.ndim - 1)) for name, of in inputs.items()}
    tokens, mask = (of.to(GPU) for of in completions(GROUP))
    rows = torch.arange(GROUP, device=GPU)
    found = []
    for encoded, forked in ((copies, False), (inputs, True)):
        work = Pass(rows, Pass.ready(encoded), GROUP, GROUP, forked)
        values = torch.zeros(tokens.shape, device=GPU)
        for places, logprobs in pass_logprobs(model, work, tokens, mask.sum(1), 1.0):
            here = mask[places, : logprobs.shape[1]]
            (logprobs * here).sum().backward()
            values[places, : logprobs.shape[1]] = logprobs.detach() * here
        found.append((values, gradients(model)))
    (expected, expected_grad), (values, grad) = found
    assert (values - expected).abs().max() <= 1e-4
    assert (grad - expected_grad).norm() / expected_grad.norm() <= 1e-4


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_run_trains_on_the_gpu(
    tmp_path: Path,
    policy: Policy,
    examples: Sequence[Example],
    service: Service,
    dtype: str,
) -> None:
    """The sampler's log-probs are the trainer's, in either precision."""
    assert policy.reference is not None
    for model in (policy.model, policy.reference):
        torch.nn.Module.to(model, GPU, getattr(torch, dtype))
    config = settings(
        tmp_path, service.url, policy={"dtype": dtype}, run={"steps": 8, "save_every": 0}
    )
    train(config, policy, examples)
    lines = [line for line in read_metrics(tmp_path) if "loss" in line]
    assert len(lines) == 8
    assert all(math.isfinite(line["loss"]) and line["memory/peak_gib"] > 0 for line in lines)
    gap = max(line["sampler_gap"] for line in lines)
    assert gap <= (1e-4 if dtype == "float32" else 0.05)
