"""Decoding at fixed addresses is decoding as the model itself does it, and can be recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx
from transformers.cache_utils import DynamicLayer

from tests.train_client.architectures import built
from train_client.policy.fork import prefill
from train_client.rollout.decode import Decoder, FixedDecoder, GrowingDecoder, decoder
from train_client.rollout.decode_cache import can_be_fixed, length_bucket, row_bucket
from train_client.rollout.rollout import RolloutRecord
from train_client.rollout.sampling import Sampling, sample

GROUP, LIMIT = 3, 40


def tokens(step: int, rows: int) -> Tensor:
    return torch.randint(3, 100, (rows,), generator=torch.Generator().manual_seed(step))


def expect_equal_steps(
    fixed: Decoder,
    growing: Decoder,
    *,
    rows: int,
    steps: int,
    leaving: Collection[int],
    device: str = "cpu",
    tolerance: float = 1e-5,
) -> None:
    """The same log-probs from both at every step. Before those of `leaving` half of the rows leave,
    and the others change places."""
    for step in range(steps):
        if step in leaving:
            keep = torch.arange(rows, device=device)[1 + step % 2 :: 2].flip(0)
            fixed.keep(keep)
            growing.keep(keep)
            rows = len(keep)
        chosen = tokens(step, rows).to(device)
        expected, found = growing.step(chosen), fixed.step(chosen)
        assert (found.log_softmax(-1) - expected.log_softmax(-1)).abs().max() <= tolerance


@torch.no_grad()
def test_fixed_addresses_equal_a_growing_cache(architecture: Any) -> None:
    """Over several lengths of the cache, rows leaving on the way, padding on the left."""
    model, make = architecture
    prefix = prefill(model, make([9, 3, 5], [1, 1, 0]))
    growing = GrowingDecoder(model, prefix.repeated(GROUP), LIMIT)
    fixed = decoder(model, prefix, GROUP, LIMIT, graphs=True)
    assert isinstance(fixed, FixedDecoder)
    expect_equal_steps(fixed, growing, rows=3 * GROUP, steps=LIMIT - 1, leaving=(7, 20))


@torch.no_grad()
def test_only_plain_layers_under_known_masks_are_laid_out_in_slots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, make = built("qwen3_vl")
    prefix = prefill(model, make([4], [0]))
    assert can_be_fixed(model, prefix.cache)
    with monkeypatch.context() as changed:
        changed.setattr(model.config, "_attn_implementation", "flash_attention_2")
        assert not can_be_fixed(model, prefix.cache)
    with monkeypatch.context() as changed:
        kinds = ["full_attention", "chunked_attention"]
        changed.setattr(model.config.get_text_config(), "layer_types", kinds, raising=False)
        assert not can_be_fixed(model, prefix.cache)
    # One that may keep its keys in another way.
    prefix.cache.layers[0] = type("Other", (DynamicLayer,), {})()
    assert not can_be_fixed(model, prefix.cache)
    assert isinstance(decoder(model, prefix, 1, LIMIT, graphs=False), GrowingDecoder)


class Recorded:
    """Stands in for CUDA graphs on a CPU: the second run of a key is traced, later ones replay."""

    def __init__(self) -> None:
        self.replays = 0
        self._seen: set[Hashable] = set()
        self._traced: dict[Hashable, Callable[[], Tensor]] = {}

    def run(self, key: Hashable, function: Callable[[], Tensor]) -> Tensor:
        if key not in self._seen:
            self._seen.add(key)
            return function()
        if key not in self._traced:
            self._traced[key] = make_fx(lambda: function())()
        self.replays += 1
        return self._traced[key]()

    def clear(self) -> None:
        self._seen.clear()
        self._traced.clear()


@pytest.mark.parametrize("name", ["qwen3_vl", "gemma3"])
@torch.no_grad()
def test_a_recorded_step_replays_at_every_later_token(name: str) -> None:
    """What a recording bakes in (a length, an address) must still be right when it is replayed."""
    model, make = built(name)
    prefix = prefill(model, make([9, 3], [1, 0]))
    growing = GrowingDecoder(model, prefix.repeated(GROUP), LIMIT)
    fixed = FixedDecoder(model, prefix, GROUP, LIMIT, graphs=False)
    fixed._graphs = recorded = Recorded()  # type: ignore[assignment]
    expect_equal_steps(fixed, growing, rows=2 * GROUP, steps=30, leaving=[12])
    assert recorded.replays >= 20


@torch.no_grad()
def test_a_token_is_sampled_without_a_look_at_any_value(architecture: Any) -> None:
    """A look would make the host wait for the GPU; on the device `meta` there is none to be had."""
    model, make = architecture
    prefix = prefill(model, make([9, 3], [1, 0]))
    layers: Any = prefix.cache.layers
    for layer in layers:
        layer.keys, layer.values = layer.keys.to("meta"), layer.values.to("meta")
    moved = {name: getattr(prefix, name).to("meta") for name in ("logits_PV", "mask_PS", "start_P")}
    prefix = replace(prefix, **moved)
    work = decoder(model.to("meta"), prefix, GROUP, LIMIT, graphs=True)
    record = RolloutRecord(2 * GROUP, LIMIT, 0, torch.device("meta"))
    logits = prefix.logits_PV.repeat_interleave(GROUP, dim=0)
    cuts = Sampling(max_tokens=LIMIT), Sampling(max_tokens=LIMIT, top_k=20, top_p=0.9, min_p=0.02)
    for step, sampling in enumerate(cuts):
        token, logprob = sample(logits, sampling, None)
        record.add(step, token, logprob, token == 2)
        logits = work.step(token)
    assert logits.device.type == "meta"


def test_few_sizes_of_cache_and_batch_occur() -> None:
    lengths = {length_bucket(n, 16) for n in range(1, 5001)}
    assert len(lengths) < 45
    assert all(n <= length_bucket(n, 16) <= max(n * 1.25 + 1, n + 15) for n in range(1, 5001))
    assert [row_bucket(n, 64, 0.5) for n in (64, 33, 32, 17, 5, 1)] == [64, 64, 32, 32, 8, 1]
    assert all(n <= row_bucket(n, 100, 0.75) for n in range(1, 101))
