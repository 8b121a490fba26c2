"""The small Qwen3-VL and its processor: deterministic, loadable by the Auto classes, seeing."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, Qwen3VLForConditionalGeneration

from train_client.data.examples import Example
from train_client.data.prompts import encode_prompts
from train_client.policy.policy import Policy
from train_client.rollout.sampling import Sampling
from train_client.run.evaluation import complete
from train_client.world.cases import Case
from train_client.world.language import demonstration, toss_verdicts
from train_client.world.policy import build_model, build_processor, freeze_perception
from train_client.world.rules import Rules
from train_client.world.scene import Scene


def _example(rules: Rules, thing: str = "knife") -> Example:
    return Case(Scene(thing, 2, 5), "sleep", 0).example(rules)


def test_the_saved_policy_loads_with_the_auto_classes_and_answers_the_same(
    untrained: Policy, rules: Rules, tmp_path: Path
) -> None:
    untrained.save(tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()
    loaded = Policy(model, AutoProcessor.from_pretrained(tmp_path))
    assert isinstance(loaded.model, Qwen3VLForConditionalGeneration)
    sampling = Sampling(max_tokens=8, temperature=0)
    texts = [complete(p, [_example(rules)], sampling)[0].text for p in (untrained, loaded)]
    assert texts[0] == texts[1]


def test_processor_output_survives_the_round_trip(
    untrained: Policy, rules: Rules, tmp_path: Path
) -> None:
    untrained.processor.save_pretrained(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path)
    first, second = (
        encode_prompts(p, [_example(rules)]).inputs for p in (untrained.processor, loaded)
    )
    assert first.keys() == second.keys()
    assert "mm_token_type_ids" in first
    for name, value in first.items():
        # Loading takes torchvision's image processor where torchvision is; it rounds otherwise.
        assert torch.allclose(value, second[name], atol=0.05), name


def test_the_image_fills_as_many_tokens_as_the_model_makes_of_it(
    untrained: Policy, rules: Rules
) -> None:
    inputs = encode_prompts(untrained.processor, [_example(rules)]).inputs
    holes = (inputs["input_ids"] == untrained.model.config.image_token_id).sum()
    merge = untrained.model.config.vision_config.spatial_merge_size
    assert holes == inputs["image_grid_thw"].prod() // merge**2
    assert holes == inputs["mm_token_type_ids"].sum()


def test_another_picture_changes_what_the_model_expects(untrained: Policy, rules: Rules) -> None:
    with torch.no_grad():
        knife, sofa = (
            untrained.model(
                **encode_prompts(untrained.processor, [_example(rules, thing)]).inputs
            ).logits
            for thing in ("knife", "sofa")
        )
    assert (knife[:, -1] - sofa[:, -1]).abs().max() > 1e-3


def test_the_tokenizer_gives_back_demonstrations_and_any_other_text(untrained: Policy) -> None:
    rng = random.Random(0)
    spoken = demonstration("knife", "blade", 2, "sleep", toss_verdicts(rng))
    for text in (spoken, "Zwölf Boxkämpfer – 中文 <div> & \x00"):
        ids = untrained.tokenizer(text).input_ids
        assert untrained.decode(ids) == text
    assert len(untrained.tokenizer(spoken).input_ids) < 64


def test_a_seed_decides_the_weights(untrained: Policy, rules: Rules) -> None:
    tokenizer = build_processor(rules).tokenizer
    again, other = (build_model(tokenizer, seed=seed) for seed in (0, 1))
    same, different = (model.state_dict()["lm_head.weight"] for model in (again, other))
    assert torch.equal(untrained.model.state_dict()["lm_head.weight"], same)
    assert not torch.equal(same, different)


def test_the_vision_tower_and_the_words_get_no_gradient(untrained: Policy) -> None:
    model = build_model(untrained.tokenizer, seed=0)
    freeze_perception(model)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    words = "model.language_model.embed_tokens.weight"
    assert words in frozen
    assert {name for name in frozen if "visual" not in name} == {words}
    assert all(name in frozen for name, _ in model.named_parameters() if "visual" in name)
