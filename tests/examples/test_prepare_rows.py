"""Rows for other trainers: pictures in their places, and the columns that the documents promise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from app.rows import read_ground_truth, row_ground_truth
from app.schema import Labels
from examples.prepare_rows import TRAINERS, in_options, main, row_of
from tests.train_client.commands import invoke
from tests.train_client.service import Service
from train_client.data.examples import Example
from train_client.integrations.columns import samples_of

TAGS = {"image_tag": "safe", "text_tag": "safe", "combine_tag": "unsafe"}


def made(trainer: str, folder: Path, *around: str) -> dict[str, Any]:
    pictures = (Image.new("RGB", (4, 4)),) * 2
    labels = Labels(visual="safe", text="safe", combined="unsafe")
    example = Example("x", "is safer than ?", labels, pictures, around)
    return TRAINERS[trainer](row_of(7, example, "Think.", folder, "train"))


@pytest.mark.parametrize("trainer", ["openrlhf", "slime", "verl", "easyr1", "ms-swift"])
def test_placeholders_stand_where_the_pictures_stand(tmp_path: Path, trainer: str) -> None:
    row = made(trainer, tmp_path, "is ", " safer than ", "?")
    said: Any = row.get("prompt") or row.get("problem") or row.get("messages")
    text = said if isinstance(said, str) else said[0]["content"]
    assert text == "is <image> safer than <image>?\n\nThink."


def test_nemo_gyms_parts_too_and_its_rows_name_the_agent(tmp_path: Path) -> None:
    row = made("nemo-gym", tmp_path, "", "or ", "?")
    content = row["responses_create_params"]["input"][0]["content"]
    kinds = [part["type"].removeprefix("input_") for part in content]
    assert kinds == ["image", "text", "image", "text"]
    assert [part["text"] for part in content if "text" in part] == ["or ", "?\n\nThink."]
    recipe = Path(__file__).parents[2] / "examples/nemo_gym/safegrpo.yaml"
    agent = row["agent_ref"]
    assert agent["type"] in yaml.safe_load(recipe.read_text())[agent["name"]]


@pytest.mark.parametrize("trainer", ["trl", "ms-swift"])
def test_the_group_of_a_row_reaches_the_service(tmp_path: Path, trainer: str) -> None:
    columns = {name: [value] for name, value in made(trainer, tmp_path).items()}
    (sample,) = samples_of(["x"], ["y"], columns)
    assert (sample.group, sample.prompt) == ("train/7", "is safer than ?")


def test_the_users_text_reaches_easyr1s_reward_beside_the_labels(tmp_path: Path) -> None:
    truth = read_ground_truth(made("easyr1", tmp_path)["labels"])
    assert (truth.instruction, truth.labels.combined) == ("is safer than ?", "unsafe")


@pytest.mark.parametrize("trainer", ["openrlhf", "slime", "nemo-gym", "easyr1", "verl"])
def test_the_group_is_where_the_trainer_passes_it_on(tmp_path: Path, trainer: str) -> None:
    row = made(trainer, tmp_path)
    if trainer == "verl":
        row = {**row["extra_info"], **row["reward_model"]}
    holder = {"label": row.get("labels") or row.get("label") or row.get("ground_truth")}
    truth = row_ground_truth(row if trainer in ("nemo-gym", "verl") else holder)
    assert (truth.group, truth.labels.combined) == ("train/7", "unsafe")


def test_bad_rows_stop_it_with_advice_that_it_takes(
    tmp_path: Path, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "pictures/tracks.png")
    source, output = tmp_path / "rows.jsonl", tmp_path / "rows"
    pictures = ("tracks.png", "missing.png", "tracks.png", "tracks.png")
    rows = [{"prompt": "May I?", "images": [picture], **TAGS} for picture in pictures]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = [str(source), "trl", str(output), "--url", service.url]
    given += ["--images", str(tmp_path / "pictures")]
    stopped = invoke(main, *given)
    assert stopped.exit_code == 1
    assert "row 2" in stopped.output
    assert "set --bad-rows drop to leave them out" in stopped.output
    with caplog.at_level("WARNING"):
        assert invoke(main, *given, "--bad-rows", "drop", "--limit", "2").exit_code == 0
    assert "They are left out" in caplog.text
    assert "data.bad_rows" not in caplog.text
    assert len((output / "train.jsonl").read_text().splitlines()) == 2


def test_a_split_that_is_not_there_is_told_by_the_option(tmp_path: Path, service: Service) -> None:
    (tmp_path / "train-00000-of-00001.parquet").write_bytes(b"")
    given = [str(tmp_path), "trl", str(tmp_path / "rows"), "--url", service.url]
    done = invoke(main, *given, "--split", "dev")
    assert done.exit_code == 1
    assert "no parquet file of split dev; --split selects the split" in done.output


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("data.train is empty.", "SOURCE is empty."),
        ("Give data.bad_rows=drop.", "Give --bad-rows drop."),
        ("data.split says it.", "--split says it."),
        ("data.jsonl, row 2; data.train.jsonl", "data.jsonl, row 2; data.train.jsonl"),
    ],
)
def test_keys_of_the_trainer_are_told_as_options_and_files_as_they_are(
    said: str, told: str
) -> None:
    assert in_options(said) == told


def test_a_folder_that_cannot_be_made_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("")
    done = invoke(main, "rows.jsonl", "trl", str(tmp_path / "rows"))
    assert done.exit_code == 1
    assert "cannot be made a folder" in done.output
