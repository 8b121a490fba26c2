"""Sampling on the forked cache: the model's own distribution, and rows that end leave the batch."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
import torch

from tests.train_client.architectures import linear_attention
from train_client.config.sections import RolloutConfig
from train_client.data.prompts import Prompts
from train_client.policy.duplicate import duplicated_logprobs
from train_client.policy.fork import completion_logprobs, prefill
from train_client.rollout.decode import FixedDecoder
from train_client.rollout.rollout import Diverged, Ended, LocalEngine
from train_client.rollout.sampling import FEW, Sampling, possible, sample, sampling_of, truncated

GROUP = 4


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def engine(model: Any, eos: tuple[int, ...] = (2,)) -> LocalEngine:
    return LocalEngine(model, eos, pad_id=0)


def encoded(inputs: dict[str, Any]) -> Prompts:
    """All that this engine reads."""
    return Prompts([], [], inputs)


def test_sampler_logprobs_are_the_training_logprobs(architecture: Any) -> None:
    """Mixed left-padded prompts, tokens drawn one by one; then all scored in one pass."""
    model, make = architecture
    inputs = make([9, 3], [1, 1])
    eos = tuple(range(3, 20))
    found = engine(model, eos).generate(
        encoded(inputs), GROUP, Sampling(max_tokens=12, temperature=0.8), seeded()
    )
    with torch.no_grad():
        prefix = prefill(model, inputs).repeated(GROUP)
        again = completion_logprobs(model, prefix, found.tokens_RT, temperature=0.8)
    assert (again - found.logprobs_RT)[found.mask_RT].abs().max() <= 1e-5
    assert len({len(row) for row in found.rows()}) > 2


def test_greedy_is_what_generate_gives(architecture: Any) -> None:
    model, make = architecture
    inputs = make([9, 5], [1, 2])
    found = engine(model).generate(encoded(inputs), 2, Sampling(max_tokens=20, temperature=0), None)
    expected = model.generate(
        **inputs, max_new_tokens=20, do_sample=False, eos_token_id=2, pad_token_id=0
    )
    new = expected[:, inputs["input_ids"].shape[1] :].repeat_interleave(2, dim=0)
    assert torch.equal(found.tokens_RT, new[:, : found.tokens_RT.shape[1]])


def test_finished_rows_end_with_eos_and_leave_the_batch(
    qwen3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, make = qwen3
    eos = tuple(range(3, 40))
    widths: list[int] = []
    forward = model.forward

    def watched(*args: Any, **kwargs: Any) -> Any:
        widths.append(len(kwargs["input_ids"]))
        return forward(*args, **kwargs)

    monkeypatch.setattr(model, "forward", watched)
    found = engine(model, eos).generate(
        encoded(make([6, 6], [1, 0])), 16, Sampling(max_tokens=30), seeded()
    )
    for row, finished in zip(found.rows(), found.finished_R.tolist(), strict=True):
        assert not any(token in eos for token in row[:-1])
        assert finished == (row[-1] in eos)
    decoding = widths[1:]
    assert decoding[0] <= 32
    assert decoding == sorted(decoding, reverse=True)
    assert decoding[-1] < 8
    assert len(found.rows()) == 32
    assert found.finished_R.all()
    assert len(decoding) == max(map(len, found.rows())) - 1
    assert not found.logprobs_RT[~found.mask_RT].any()
    assert not found.tokens_RT[~found.mask_RT].any()


def test_compaction_changes_no_token(qwen3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Greedy, so that the draws do not depend on which rows are still there."""
    model, make = qwen3
    inputs = make([6, 9, 4, 5], [1, 0, 1, 2])
    sampling, eos = Sampling(max_tokens=20, temperature=0), tuple(range(3, 30))
    compacted = engine(model, eos).generate(encoded(inputs), 1, sampling, None)
    monkeypatch.setattr(FixedDecoder, "bucket", lambda self, unfinished: self._rows)
    whole = engine(model, eos).generate(encoded(inputs), 1, sampling, None)
    assert compacted.rows() == whole.rows()
    assert torch.allclose(compacted.logprobs_RT, whole.logprobs_RT, atol=1e-5)


def test_rows_of_linear_attention_stay_to_the_end_and_are_sampled_as_they_are_scored() -> None:
    """Their recurrent states cannot leave a batch."""
    model = linear_attention()
    ids = torch.arange(10, 20).view(2, 5).repeat_interleave(GROUP, dim=0)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    found = engine(model, tuple(range(3, 40))).generate(
        encoded(inputs), 1, Sampling(max_tokens=12), seeded()
    )
    with torch.no_grad():
        again = duplicated_logprobs(model, inputs, found.tokens_RT)
    assert (again - found.logprobs_RT)[found.mask_RT].abs().max() <= 1e-5
    assert len({len(row) for row in found.rows()}) > 2


def test_completions_are_told_of_as_they_end(qwen3: Any) -> None:
    model, make = qwen3
    told: list[list[Ended]] = []
    found = engine(model, tuple(range(3, 12))).generate(
        encoded(make([6, 6], [1, 0])), 16, Sampling(max_tokens=40), seeded(), told.append
    )
    ended = [one for some in told for one in some]
    assert len(ended) > len(told[1]) > 0
    assert len({one.row for one in ended}) == len(ended)
    rows = found.rows()
    for one in ended:
        assert found.finished_R[one.row]
        assert one.tokens == rows[one.row]
        assert one.logprobs == found.logprobs_RT[one.row, : len(one.tokens)].tolist()
    for count, some in enumerate(told):
        # All that have ended since the report before, which was eight tokens ago.
        lengths = range(8 * count - 6, 8 * count + 2)
        fresh = {row for row, tokens in enumerate(rows) if len(tokens) in lengths}
        assert {one.row for one in some} == fresh


def test_the_limit_cuts_a_completion(qwen3: Any) -> None:
    model, make = qwen3
    found = engine(model, (119,)).generate(
        encoded(make([4], [0])), GROUP, Sampling(max_tokens=3), seeded(1)
    )
    cut = [len(row) for row, done in zip(found.rows(), found.finished_R, strict=True) if not done]
    assert cut
    assert set(cut) == {3}


def test_the_seed_decides(qwen3: Any) -> None:
    model, make = qwen3
    sampling = Sampling(max_tokens=6)
    first, same, other = (
        engine(model).generate(encoded(make([5], [1])), GROUP, sampling, seeded(s))
        for s in (1, 1, 2)
    )
    assert torch.equal(first.tokens_RT, same.tokens_RT)
    assert first.rows() != other.rows()


def test_a_run_samples_as_its_settings_say() -> None:
    rollout = RolloutConfig(max_tokens=5, temperature=0.7, top_p=0.8, top_k=9, min_p=0.1)
    sampling = asdict(sampling_of(rollout))
    assert sampling == rollout.model_dump(include=set(sampling))


def test_draws_follow_the_distribution() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    logits = probabilities.log().expand(20_000, -1)
    token, logprob = sample(logits, Sampling(max_tokens=1), seeded())
    shares = torch.bincount(token, minlength=4) / len(token)
    assert torch.allclose(shares, probabilities, atol=0.015)
    assert torch.allclose(logprob, probabilities.log()[token], atol=1e-5)


@pytest.mark.parametrize("chance", [0.0, 1 - 2.0**-24])
def test_what_has_no_mass_is_never_drawn(monkeypatch: pytest.MonkeyPatch, chance: float) -> None:
    """Not even by the least and the greatest random number that there is."""
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, chance))
    mass = torch.rand_like(torch.zeros(500, 9), generator=seeded())
    mass[:, [0, 4, 8]] = 0.0
    token, _ = sample(mass.log(), Sampling(max_tokens=1), None)
    assert (token == (1 if chance == 0 else 7)).all()


@pytest.mark.parametrize("cuts", [{}, {"top_p": 0.9}, {"top_k": 2}, {"min_p": 0.1}])
def test_a_policy_without_probabilities_is_told(qwen3: Any, cuts: dict[str, Any]) -> None:
    model, make = qwen3
    with torch.no_grad():
        model.get_output_embeddings().weight[5] = torch.nan
    sampling = Sampling(max_tokens=4, **cuts)
    found = engine(model).generate(encoded(make([6, 4], [0, 0])), 2, sampling, seeded())
    with pytest.raises(Diverged, match=r"has diverged.*Lower optimizer\.lr"):
        found.refuse_non_finite()


def test_logits_of_bfloat16_are_drawn_from_in_float32() -> None:
    """Near 1, a running sum in bfloat16 has steps of four times 1/1000."""
    logits = torch.zeros(2000, 1000, dtype=torch.bfloat16)
    token, logprob = sample(logits, Sampling(max_tokens=1), seeded())
    assert logprob.exp().tolist() == [pytest.approx(0.001)] * 2000
    assert len(token.unique()) > 800


def test_the_nucleus_is_the_smallest_set_that_holds_its_share() -> None:
    kept, _ = truncated(torch.tensor([[0.25, 0.5, 0.25]]), 0, 0.5)
    assert kept.tolist() == [[0.5, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("spreads", "looked_at"), [((0.1, 0.1), 300), ((6.0, 6.0), FEW), ((0.1, 6.0), 300)]
)
def test_the_nucleus_is_that_of_the_whole_vocabulary(
    spreads: tuple[float, float], looked_at: int
) -> None:
    """Of wide distributions, and of narrow ones, of which a few tokens are looked at."""
    scale = torch.tensor(spreads).repeat(25)[:, None]
    mass = (torch.randn(50, 300, generator=seeded()) * scale).softmax(-1)
    kept, tokens = truncated(mass, 0, 0.9)
    assert kept.shape[-1] == looked_at
    ordered, order = mass.sort(descending=True)
    inside = ordered.cumsum(-1) - ordered < 0.9
    for row in range(len(mass)):
        assert tokens[row][kept[row] > 0].tolist() == order[row][inside[row]].tolist()


def test_an_index_of_no_mass_gives_way_to_the_likeliest_one() -> None:
    mass = torch.tensor([[0.0, 0.2, 0.0, 0.5], [0.1, 0.0, 0.3, 0.0]])
    assert possible(torch.tensor([2, 0]), mass).tolist() == [3, 0]
    assert possible(torch.tensor([1, 3]), mass).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("top_k", "top_p", "min_p", "left"),
    [
        (2, 1.0, 0.0, [1, 3]),
        (0, 0.6, 0.0, [1, 3]),
        (0, 0.4, 0.0, [1]),
        (9, 1.0, 0.0, [0, 1, 2, 3]),
        (3, 0.9, 0.0, [1, 2, 3]),
        (0, 1.0, 0.5, [1, 3]),
        (0, 1.0, 0.7, [1]),
        (0, 1.0, 1.0, [1]),
        (3, 0.8, 0.2, [1, 3]),
    ],
)
def test_top_k_top_p_and_min_p_cut_the_tail(
    top_k: int, top_p: float, min_p: float, left: list[int]
) -> None:
    """Of what is left, the shares stay as they were."""
    probabilities = torch.tensor([0.05, 0.5, 0.15, 0.3])
    logits = probabilities.log().expand(20_000, -1)
    sampling = Sampling(max_tokens=1, top_k=top_k, top_p=top_p, min_p=min_p)
    token, logprob = sample(logits, sampling, seeded())
    shares = torch.bincount(token, minlength=4) / len(token)
    expected = torch.zeros(4)
    expected[left] = probabilities[left] / probabilities[left].sum()
    assert (shares > 0).nonzero().flatten().tolist() == left
    assert torch.allclose(shares, expected, atol=0.015)
    assert torch.allclose(logprob, probabilities.log()[token], atol=1e-5)
