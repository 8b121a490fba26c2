"""Rows of SafeTag's form from JSONL, parquet and the hub; bad rows are named, never skipped."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from train_client.config.sections import DataConfig
from train_client.data.examples import load_both, load_examples, load_responses
from train_client.data.sources import DataError


def png(color: str = "red", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), color).save(buffer, "PNG", **options)
    return buffer.getvalue()


def row(**changes: Any) -> dict[str, Any]:
    return {
        "prompt": "<image>What is this?",
        "images": ["images/a.png"],
        "image_tag": "safe",
        "text_tag": "Unsafe ",
        "combine_tag": "unsafe",
        "source": "made up",
        **changes,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(png())
    (tmp_path / "images/broken.png").write_bytes(png()[:20])
    long = PngInfo()
    long.add_text("workflow", "x" * 2**21, zip=True)
    (tmp_path / "images/text.png").write_bytes(png(pnginfo=long))
    (tmp_path / "images/exif.png").write_bytes(png(exif=b"Exif\0\0nonsense"))
    return tmp_path


def jsonl(folder: Path, *rows: Any) -> DataConfig:
    path = folder / "train.jsonl"
    path.write_text("".join(r if isinstance(r, str) else json.dumps(r) + "\n" for r in rows))
    return DataConfig(train=str(path))


def test_jsonl_with_an_image_folder(folder: Path) -> None:
    first, second = load_examples(jsonl(folder, row(), "\n", row(images=[], id="mine")))
    assert (first.id, first.instruction) == ("train-1", "What is this?")
    assert first.labels.model_dump() == {"visual": "safe", "text": "unsafe", "combined": "unsafe"}
    assert first.images[0].size == (6, 4)
    assert (second.id, second.images) == ("mine", ())


def test_labels_may_stand_in_one_column(folder: Path) -> None:
    labels = {"visual": "safe", "text": "safe", "combined": "unsafe"}
    (example,) = load_examples(jsonl(folder, {"prompt": "Hi", "images": [], "labels": labels}))
    assert example.labels.model_dump() == labels


def test_pictures_stay_where_they_stand_in_the_text(folder: Path) -> None:
    first = "<image>\nWhat is this?"
    middle = "Is <image> safer than <image>?\nSay why."
    rows = [
        row(prompt=first),
        row(prompt=middle, images=["images/a.png"] * 2),
        row(prompt="What is this?"),
        row(prompt="Write <image> in XML.", images=[]),
    ]
    examples = load_examples(jsonl(folder, *rows))
    assert [(e.instruction, e.texts) for e in examples] == [
        ("What is this?", ("", "What is this?")),
        ("Is safer than ?\nSay why.", ("Is ", " safer than ", "?\nSay why.")),
        ("What is this?", ("", "What is this?")),
        ("Write <image> in XML.", ("Write <image> in XML.",)),
    ]


def jpeg(size: tuple[int, int], orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_large_images_are_shrunk_and_all_stand_upright(folder: Path) -> None:
    (folder / "images/a.jpg").write_bytes(jpeg((400, 200), orientation=6))
    (folder / "images/b.png").write_bytes(png())
    config = jsonl(folder, row(images=["images/a.jpg"]), row(images=["images/b.png"]))
    assert [e.images[0].size for e in load_examples(config)] == [(200, 400), (6, 4)]
    config.max_pixels = 5000
    assert [e.images[0].size for e in load_examples(config)] == [(50, 100), (6, 4)]


def test_a_row_without_an_id_has_that_of_its_place(folder: Path) -> None:
    rows = [{**row(), "id": own} for own in ("a", None, "", 0)]
    assert [e.id for e in load_examples(jsonl(folder, *rows))] == ["a", "train-2", "train-3", "0"]


def test_images_may_live_elsewhere(folder: Path) -> None:
    config = jsonl(folder, row(images=["a.png"]))
    config.images = folder / "images"
    assert len(load_examples(config)[0].images) == 1


def test_general_rows_have_a_response_and_need_no_tags(folder: Path) -> None:
    general = {"prompt": "<image>What is this?", "images": ["images/a.png"], "response": "A cat."}
    config = jsonl(folder, general)
    (loaded,) = load_responses(config, config.train)
    assert (loaded.example.instruction, loaded.response) == ("What is this?", "A cat.")
    assert len(loaded.example.images) == 1
    config = jsonl(folder, {**general, "response": ""})
    with pytest.raises(DataError, match=r"train\.jsonl, row 1: `response` is missing or empty"):
        load_responses(config, config.train)


BAD = {
    r"image .*none\.png does not exist": row(images=["images/none.png"]),
    r"broken\.png cannot be read as an image": row(images=["images/broken.png"]),
    r"exif\.png cannot be read as an image": row(images=["images/exif.png"]),
    r"text\.png cannot be read as an image": row(images=["images/text.png"]),
    r"`id` has 1001 characters; at most 1000": row(id="x" * 1001),
    r"has 2 times <image>, and `images` has 1": row(prompt="<image> or <image>?"),
    r"`text_tag` must be safe or unsafe": row(text_tag="maybe"),
    r"the row has no `combine_tag`": row(combine_tag=None),
    r'`images` is missing; a row of text alone wants "images": \[\]': {
        k: v for k, v in row().items() if k != "images"
    },
    r"the row has no `image_tag`": {k: v for k, v in row().items() if k != "image_tag"},
    r"`prompt` is missing or empty": row(prompt=" "),
    r"`prompt` must be text, and is a list; of a conversation give": row(
        prompt=[{"role": "user", "content": "What is this?"}]
    ),
    r"neither a path nor embedded bytes": row(images=[3]),
}


@pytest.mark.parametrize(("message", "bad"), list(BAD.items()), ids=list(BAD))
def test_a_bad_row_is_named_with_file_and_row(folder: Path, message: str, bad: Any) -> None:
    with pytest.raises(DataError, match=rf"1 of 2 rows.*\n.*train\.jsonl, row 2: .*{message}"):
        load_examples(jsonl(folder, row(), bad))


def test_bad_rows_can_be_dropped_and_are_counted(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = jsonl(folder, *BAD.values(), row())
    config.bad_rows = "drop"
    assert len(load_examples(config)) == 1
    assert f"{len(BAD)} of {len(BAD) + 1} rows cannot be used" in caplog.text


def test_nothing_left_is_an_error(folder: Path) -> None:
    config = jsonl(folder, row(text_tag="x"))
    config.bad_rows = "drop"
    with pytest.raises(DataError, match="no usable row"):
        load_examples(config)


@pytest.mark.parametrize(
    "line",
    ["{oops", '{"id": ' + "9" * 5000 + "}", '{"id": ' + "[" * 100_000 + "]" * 100_000 + "}"],
    ids=["words", "digits", "brackets"],
)
def test_a_line_that_is_no_json_is_named(folder: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"train\.jsonl, row 2 is not valid JSON"):
        load_examples(jsonl(folder, row(), f"{line}\n"))


def test_separators_inside_a_prompt_end_no_line(folder: Path) -> None:
    """JSON may hold them as they are, and Windows begins a file with a mark of its own."""
    text = json.dumps(row(prompt="one\u2028two\x85three"), ensure_ascii=False)
    config = jsonl(folder, f"\ufeff{text}\n", row())
    assert [e.instruction for e in load_examples(config)] == [
        "one\u2028two\x85three",
        "What is this?",
    ]


def parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def embedded(color: str) -> dict[str, Any]:
    return row(images=[{"bytes": png(color), "path": "a.png"}])


def test_parquet_with_embedded_images(tmp_path: Path) -> None:
    """As data sets' images are, or as a column of plain bytes."""
    parquet(tmp_path / "x" / "1.parquet", [embedded("red")])
    parquet(tmp_path / "x" / "2.parquet", [row(images=[png("blue")])])
    examples = load_examples(DataConfig(train=str(tmp_path / "x")))
    assert [e.images[0].getpixel((0, 0)) for e in examples] == [(255, 0, 0), (0, 0, 255)]


def test_a_folder_of_parquet_files_is_read_by_split(tmp_path: Path) -> None:
    parquet(tmp_path / "data/train-00000-of-00002.parquet", [embedded("red")])
    parquet(tmp_path / "data/train-00001-of-00002.parquet", [embedded("red")])
    parquet(tmp_path / "data/test-00000-of-00001.parquet", [embedded("blue")])
    for split, count in (("train", 2), ("test", 1)):
        config = DataConfig(train=str(tmp_path), split=split)
        assert len(load_examples(config)) == count
    with pytest.raises(DataError, match=r"no parquet file of split dev; data\.split selects"):
        load_examples(DataConfig(train=str(tmp_path), split="dev"))


def test_held_out_rows_are_those_of_the_test_split(tmp_path: Path) -> None:
    parquet(tmp_path / "train.parquet", [embedded("red")] * 2)
    parquet(tmp_path / "test.parquet", [embedded("blue")])
    places = {"train": str(tmp_path), "test": str(tmp_path)}
    train, held_out = load_both(DataConfig.model_validate(places), seed=0)
    assert [example.id for example in train] == ["train-1", "train-2"]
    assert [example.id for example in held_out] == ["test-1"]
    (tmp_path / "test.parquet").unlink()
    with pytest.raises(DataError, match=r"no parquet file of split test.*data\.test_split"):
        load_both(DataConfig.model_validate(places), seed=0)


def test_rows_can_be_held_out_of_the_training_rows(folder: Path) -> None:
    config = jsonl(folder, *[row(id=str(place)) for place in range(9)])
    assert load_both(config, seed=0)[1] == []
    config.hold_out = 3
    train, held_out = load_both(config, seed=1)
    assert (len(train), len(held_out)) == (6, 3)
    assert {e.id for e in train} | {e.id for e in held_out} == set("012345678")
    assert load_both(config, seed=1) == (train, held_out)
    assert load_both(config, seed=2)[1] != held_out
    config.hold_out = 9
    with pytest.raises(DataError, match="leaves nothing of 9 rows"):
        load_both(config, seed=1)


def test_a_hub_name_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet(tmp_path / "data/train-00000-of-00001.parquet", [embedded("red")] * 3)
    asked = []

    def snapshot(name: str, **options: Any) -> str:
        asked.append((name, options["repo_type"], options["allow_patterns"]))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    config = DataConfig(train="owner/safetag", limit=2)
    assert len(load_examples(config)) == 2
    assert asked == [
        ("owner/safetag", "dataset", ["README.md"]),
        ("owner/safetag", "dataset", ["*.parquet", "**/*.parquet"]),
    ]


def test_without_a_network_the_hub_is_an_error_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, **options: Any) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(DataError, match=r"owner/safetag cannot be fetched.*network"):
        load_examples(DataConfig(train="owner/safetag"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "data.train is empty"),
        ("no/such/thing", "no .jsonl file"),
        ("./nix", "./nix is no .jsonl file"),
        ("/nix", "/nix is no .jsonl file"),
        ("~/nix", "~/nix is no .jsonl file"),
        ("owner/no name", "owner/no name cannot be fetched"),
        ("x.jsonl", "x.jsonl"),
    ],
)
def test_a_source_that_is_nothing(source: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_examples(DataConfig(train=source))


def test_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"x\.parquet cannot be read as parquet"):
        load_examples(DataConfig(train=str(tmp_path / "x.parquet")))
