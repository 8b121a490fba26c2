"""Log-probs of chosen tokens are those of the model's logits, in float32."""

from __future__ import annotations

import pytest
import torch

from train_client.policy.logprobs import chosen_logprobs, model_logprobs


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_log_probs_are_those_of_the_logits_at_the_temperature(temperature: float) -> None:
    logits = torch.tensor([0.5, 0.3, 0.2]).log() * temperature
    found = chosen_logprobs(logits.expand(1, 3, 3), torch.tensor([[0, 1, 2]]), temperature)
    assert found.exp().tolist() == [pytest.approx([0.5, 0.3, 0.2])]


def test_log_probs_of_bfloat16_logits_are_float32() -> None:
    """bfloat16 has steps of 1/32 near log(1/100)."""
    found = chosen_logprobs(torch.zeros(1, 1, 100, dtype=torch.bfloat16), torch.tensor([[7]]))
    assert found.exp().item() == pytest.approx(0.01)


def test_a_model_that_caps_its_logits_is_scored_by_its_logits() -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    model = Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=50,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            final_logit_softcapping=0.5,
            initializer_range=1.0,
        )
    ).eval()
    ids = torch.randint(3, 50, (2, 6))
    found = model_logprobs(model, ids, 1.0, input_ids=ids)
    assert torch.allclose(found, chosen_logprobs(model(input_ids=ids).logits, ids), atol=1e-6)
    assert found.min() >= -1.0 - torch.tensor(50.0).log()
