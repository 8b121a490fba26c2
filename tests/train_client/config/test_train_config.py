"""A configuration that cannot be meant is refused with a sentence that names the key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import train_client
from tests.documentation import PAGES, named, rows
from train_client.config.errors import ConfigError
from train_client.config.file import load_config
from train_client.config.train_config import TrainConfig, parse_config

CONFIGS = sorted((Path(train_client.__file__).parent / "configs").glob("*.yaml"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text("rollout:\n  group_size: 4\n")
    return path


def test_overrides_win_and_are_yaml(file: Path) -> None:
    config = load_config(
        file, ["optimizer.lr=1e-5", "run.resume=true", "reward.url=http://h:1", "data.images=null"]
    )
    assert config.rollout.group_size == 4
    assert config.optimizer.lr == 1e-5
    assert config.run.resume is True
    assert config.reward.url == "http://h:1"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rollout.groupsize=4", "did you mean group_size"),
        ("algoritm.beta=0", "did you mean algorithm"),
        ("rollout.group_size=1", r"rollout\.group_size: .*greater than or equal to 2"),
        ("algorithm.loss=ppo", r"algorithm\.loss: .*'grpo'.*'cispo'"),
        ("rollout.temperature=0", r"rollout\.temperature"),
        ("optimizer.lr=.nan", r"optimizer\.lr: .*finite"),
        ("optimizer.lr=.inf", r"optimizer\.lr: .*finite"),
        ("optimizer.betas=[0.9, 1.5]", r"optimizer\.betas\.1: .*less than 1"),
        ("optimizer.minibatches=3", "multiple of optimizer.minibatches"),
        ("optimizer.completions_per_pass=3", "completions_per_pass must divide"),
        ("optimizer.prompts_per_pass=5", "prompts_per_pass must divide"),
        ("data={test: a.jsonl, hold_out: 5}", "two sources of held-out rows"),
        ("reward.url=localhost:8700", r"reward\.url: must be a URL such as http://127"),
        ("reward.url=", r"reward\.url: must be a URL"),
        ("reward.url=http://h:port", r"reward\.url: must be a URL"),
        ("reward.url=http://h:99999", r"reward\.url: must be a URL"),
        ("algorithm={importance_cap: 2, old_logprobs: sampler}", "old_logprobs=recompute"),
        ("algorithm={loss: cispo, clip_low: 0.1}", "clip_low does nothing with .*cispo"),
        ("algorithm={loss: cispo, dual_clip: 3}", "dual_clip does nothing with .*cispo"),
        ("algorithm={combine: gdpo, scale: none}", "scale does nothing with .*gdpo"),
        ("algorithm={beta: 0, kl: k1}", r"algorithm\.kl does nothing with algorithm\.beta=0"),
        ("policy.lora={merge: true}", r"policy\.lora makes no adapter with policy\.lora\.rank=0"),
        ("policy.lora={rank: 2, targets: []}", r"policy\.lora\.targets.*at least 1"),
        ("data.test_split=validation", r"data\.test_split does nothing without data\.test"),
        ("data={train: a.jsonl, split: dev}", r"data\.split does nothing with a\.jsonl"),
        ("data={test: a.parquet, test_split: dev}", r"data\.test_split does nothing with a\.par"),
        ("data.chat_template_kwargs={thinking:false}", "'thinking:false' holds a colon; write a s"),
        ("retention.chat_template_kwargs={a:1}", r"retention\.chat_template_kwargs: the key 'a:1'"),
        ("rollout.vllm_memory=0.9", r"vllm_memory does nothing with rollout\.engine=local"),
        ("algorithm.component_weights={tag: 0}", "component_weights weighs no component"),
        ("algorithm.old_logprobs=sampler", "old_logprobs=sampler does nothing with a single"),
        ("reward.profile=", r"reward\.profile: String should have at least 1 character"),
        ("run.output=", r"run\.output: must name a folder"),
        ("run.seed=20240512123456", r"run\.seed: Input should be less than 4294967296"),
        ("rollout", "must look like section.key=value"),
        ("run.steps=[", "not valid YAML"),
        ("rollout={group_size: 4, group_size: 8}", "the key 'group_size' is given twice"),
    ],
)
def test_impossible_values_name_the_key(file: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(file, [override])


@pytest.mark.parametrize(
    "tree",
    [
        {"data": {"train": "owner/name", "split": "dev"}},
        {"data": {"train": "a.jsonl", "test": "folder", "test_split": "dev"}},
        {"data": {"train": "a.jsonl", "split": "dev"}, "retention": {"data": "folder"}},
    ],
    ids=["training rows", "held-out rows", "general rows"],
)
def test_a_split_may_be_named_of_rows_that_have_some(tree: dict[str, dict[str, str]]) -> None:
    data = parse_config(tree).data
    assert "dev" in (data.split, data.test_split)


def test_a_key_that_is_given_twice_is_refused(file: Path) -> None:
    file.write_text("rollout:\n  group_size: 4\n  top_k: 5\n  group_size: 8\n")
    with pytest.raises(ConfigError, match=r"(?s)run\.yaml .*'group_size' is given twice.*line 4"):
        load_config(file)


def test_nothing_behind_the_equals_sign_is_an_empty_text(file: Path) -> None:
    file.write_text("data: {test: rows.jsonl}\n")
    assert load_config(file, ["data.test="]).data.test == ""


def test_a_section_without_keys_has_the_defaults(file: Path) -> None:
    file.write_text("run:\n  # steps: 5\nrollout: {group_size: 4}\n")
    assert load_config(file, ["run.steps=3"]).run.steps == 3
    assert load_config(file).run == TrainConfig().run


def test_a_section_that_is_no_section(file: Path) -> None:
    file.write_text("rollout: 3\n")
    with pytest.raises(ConfigError, match=r"rollout\.group_size=4.*no section"):
        load_config(file, ["rollout.group_size=4"])


def test_a_file_in_another_encoding_is_a_sentence(file: Path) -> None:
    file.write_bytes("# Größe\nrun: {steps: 3}\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"run\.yaml is not text in UTF-8"):
        load_config(file)


@pytest.mark.parametrize(("text", "message"), [("- 1", "must hold sections"), ("a: [", "YAML")])
def test_files_that_are_no_configuration(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml.*No such file"):
        load_config(tmp_path / "none.yaml")


def test_the_saved_configuration_is_the_configuration(tmp_path: Path) -> None:
    config = parse_config({"run": {"output": str(tmp_path)}, "optimizer": {"betas": [0.9, 0.95]}})
    config.save(tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config


@pytest.mark.parametrize("algorithm", [{"loss": "cispo"}, {"combine": "gdpo"}])
def test_a_saved_configuration_names_what_its_run_did_not_use(
    tmp_path: Path, algorithm: dict[str, str]
) -> None:
    config = parse_config({"algorithm": algorithm})
    config.save(tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_load(path: Path) -> None:
    assert load_config(path).policy.path or path.stem == "safetag-mini"


def test_the_commands_of_the_documents_can_be_run() -> None:
    root = Path(train_client.__file__).parents[1]
    texts = [path.read_text() for path in (root / "README.md", *(root / "docs").glob("*.md"))]
    commands = [c for text in texts for c in re.findall(r" train (train_client/configs/.*)", text)]
    assert len(commands) >= 4
    for path, *overrides in map(str.split, commands):
        assert load_config(root / path, overrides).data.train, path


def test_the_papers_hyper_parameters_are_the_defaults() -> None:
    config = load_config(CONFIGS[0].parent / "qwen3-vl-4b.yaml")
    assert (config.rollout.group_size, config.rollout.max_tokens) == (8, 4096)
    assert (config.algorithm.clip_low, config.algorithm.clip_high) == (0.2, 0.2)
    assert (config.algorithm.beta, config.algorithm.kl, config.optimizer.lr) == (0.01, "k3", 1e-6)
    assert (config.data.max_prompt_tokens, config.policy.dtype) == (2048, "bfloat16")
    defaults = TrainConfig()
    assert defaults.algorithm == config.algorithm


def test_the_training_page_names_only_keys_that_exist() -> None:
    cells = [cell for row in rows(PAGES / "training.md", "## What can be set") for cell in row]
    sections: dict[str, Any] = {
        name: field.annotation for name, field in TrainConfig.model_fields.items()
    }
    keys = [name.split(".") for cell in cells for name in named(cell) if "." in name]
    keys = [key for key in keys if key[0] in sections]
    assert len(keys) > 20
    for section, key in keys:
        assert hasattr(sections[section], "model_fields")
        assert key in sections[section].model_fields, f"{section}.{key}"
