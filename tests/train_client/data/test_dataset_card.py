"""Of a data set with several configurations one is read: that which is named, or its default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from train_client.config.sections import DataConfig
from train_client.data.examples import load_both, load_examples
from train_client.data.sources import DataError

TAGS = {"image_tag": "safe", "text_tag": "safe", "combine_tag": "safe"}

BY_PATTERN = """\
configs:
- config_name: plain
  data_files:
  - split: train
    path: plain/train-*
  - split: test
    path: [plain/test-*]
- config_name: tagged
  data_files: tagged/*.parquet
"""
BY_FOLDER = (
    "configs: [{config_name: plain, data_dir: plain}, {config_name: tagged, data_dir: tagged}]"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two configurations, of which the files of one have splits."""
    for name in ("plain/train-00000-of-00001", "plain/test-00000-of-00001", "tagged/all"):
        path = tmp_path / f"set/{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist([{"prompt": name, "images": [], **TAGS}]), path)
    return tmp_path / "set"


def card(folder: Path, header: str) -> None:
    (folder / "README.md").write_text(f"---\nlicense: mit\n{header}\n---\n# A data set\n")


def read(source: str, **more: Any) -> list[str]:
    return [example.instruction for example in load_examples(DataConfig(train=source, **more))]


@pytest.mark.parametrize("header", [BY_PATTERN, BY_FOLDER], ids=["by pattern", "by folder"])
def test_the_configuration_behind_the_colon_is_read(folder: Path, header: str) -> None:
    card(folder, header)
    assert read(f"{folder}:plain") == ["plain/train-00000-of-00001"]
    assert read(f"{folder}:plain", split="test") == ["plain/test-00000-of-00001"]
    assert read(f"{folder}:tagged") == ["tagged/all"]


def test_two_stars_at_the_end_of_a_pattern_are_all_files_below(folder: Path) -> None:
    card(folder, "configs: [{config_name: tagged, data_files: tagged/**}]")
    assert read(f"{folder}") == ["tagged/all"]


def test_a_pattern_that_is_none_is_told_with_its_file(folder: Path) -> None:
    card(folder, 'configs: [{config_name: tagged, data_files: [""]}]')
    with pytest.raises(DataError, match=r"README\.md lists files as ''"):
        read(f"{folder}")


def test_rows_of_two_configurations_are_never_mixed(folder: Path) -> None:
    card(folder, BY_PATTERN)
    with pytest.raises(DataError, match=r"several configurations \(plain, tagged\).*set:plain\.$"):
        read(str(folder))
    with pytest.raises(DataError, match=r"no configuration tags \(its README\.md: plain, tagged"):
        read(f"{folder}:tags")
    with pytest.raises(DataError, match="set:tagged holds no parquet file of split test"):
        read(f"{folder}:tagged", split="test")


@pytest.mark.parametrize(
    "default", ["config_name: tagged\n  default: true", "config_name: default"]
)
def test_the_default_one_needs_no_name(folder: Path, default: str) -> None:
    card(folder, BY_PATTERN.replace("config_name: tagged", default))
    assert read(str(folder)) == ["tagged/all"]


def test_training_and_held_out_rows_may_be_of_two_configurations(folder: Path) -> None:
    card(folder, BY_PATTERN)
    config = DataConfig(train=f"{folder}:tagged", test=f"{folder}:plain")
    rows, held_out = load_both(config, seed=0)
    assert [row.instruction for row in rows] == ["tagged/all"]
    assert [row.instruction for row in held_out] == ["plain/test-00000-of-00001"]


@pytest.mark.parametrize("text", ["# Notes", "---\nlicense: mit\n---\n", "---\n{\n---\n", ""])
def test_a_readme_that_is_no_card_leaves_the_files_to_their_names(folder: Path, text: str) -> None:
    (folder / "README.md").write_text(text)
    assert read(str(folder)) == ["plain/train-00000-of-00001"]
    with pytest.raises(DataError, match=r"no configuration plain .*it names none"):
        read(f"{folder}:plain")


@pytest.mark.parametrize(
    ("configs", "key"),
    [("none", "configs"), ("[{config_name: 2023}]", "configs.0.config_name")],
)
def test_configurations_that_cannot_be_read_are_reported_and_never_mixed(
    folder: Path, configs: str, key: str
) -> None:
    card(folder, f"configs: {configs}")
    with pytest.raises(DataError, match=rf"README\.md: {key}: Input should be a valid"):
        read(str(folder))


def test_a_folder_that_is_null_is_the_whole_dataset(folder: Path) -> None:
    card(folder, "configs: [{config_name: default, data_dir: null, data_files: tagged/*}]")
    assert read(str(folder)) == ["tagged/all"]


def test_a_card_leads_to_no_file_outside_of_its_folder(folder: Path) -> None:
    outside = f"[../tagged/*, {folder}/tagged/*]"
    card(folder / "plain", f"configs: [{{config_name: default, data_files: {outside}}}]")
    with pytest.raises(DataError, match="plain holds no parquet file of split train"):
        read(str(folder / "plain"))


def test_a_folder_may_have_a_colon_in_its_name(folder: Path) -> None:
    renamed = folder.rename(folder.with_name("a:b"))
    assert read(str(renamed)) == ["plain/train-00000-of-00001"]


def test_a_configuration_on_the_hub_is_chosen_before_its_files_are_fetched(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []

    def snapshot(name: str, **options: Any) -> str:
        fetched.append((name, options["allow_patterns"][0]))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    card(folder, BY_PATTERN)
    with pytest.raises(DataError, match="as in owner/safetag:plain"):
        read("owner/safetag")
    assert fetched == [("owner/safetag", "README.md")]
    assert read("owner/safetag:tagged") == ["tagged/all"]
    assert fetched[1:] == [("owner/safetag", "README.md"), ("owner/safetag", "*.parquet")]
