"""Rows of SafeTag's form, as each trainer wants to read them.

    safegrpo serve --port 8700 --profile paper &
    python examples/prepare_rows.py safetag.jsonl verl data/verl --profile paper

TRAINER is trl, ms-swift, openrlhf, slime, nemo-gym (JSONL), verl or easyr1 (Parquet). The format
instruction of the reward's profile comes from the service and is appended to the user's text, so
that prompt and reward cannot drift apart; the user's text alone is kept as `instruction`. Pictures
are written to a folder beside the rows. `--split validation` and another folder make rows for a
trainer's validation. Wants `pip install '.[train]'`; where the service has keys,
SAFEGRPO_REWARD_API_KEY_ENV names the variable that holds one.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.parquet
import typer

from app.rows import COLUMNS
from train_client.config.errors import ConfigError
from train_client.config.sections import DataConfig
from train_client.data.examples import PLACEHOLDER, Example, load_examples
from train_client.data.sources import DataError
from train_client.integrations.rewards import Rewards
from train_client.reward.client import RewardClient
from train_client.reward.errors import RewardError


@dataclass(frozen=True)
class Row:
    """What every trainer's row is made of."""

    index: int
    instruction: str
    text: str
    """The instruction and the format that is asked for."""
    texts: list[str]
    """The same, cut where the pictures stand."""
    images: list[str]
    """Paths."""
    labels: dict[str, str]
    group: str
    """Tells which completions answer one prompt, for the service's statistics of groups."""

    @property
    def tags(self) -> dict[str, str]:
        return {column: self.labels[name] for name, column in COLUMNS.items()}

    @property
    def marked(self) -> str:
        """The text with a placeholder where each picture stands."""
        return PLACEHOLDER.join(self.texts)


def trl(row: Row) -> dict[str, Any]:
    """`images` are paths: `dataset.cast_column("images", Sequence(datasets.Image()))`.

    TRL puts them before the text, wherever they stood.
    """
    prompt = [{"role": "user", "content": row.text}]
    return {"prompt": prompt, "images": row.images, **_own_columns(row)}


def ms_swift(row: Row) -> dict[str, Any]:
    messages = [{"role": "user", "content": row.marked}]
    return {"messages": messages, "images": row.images, **_own_columns(row)}


def _own_columns(row: Row) -> dict[str, Any]:
    """What our reward functions read."""
    return {"group": row.group, "instruction": row.instruction, **row.tags}


def _label(row: Row, **beside: str) -> str:
    """The labels as text, for trainers that hand over one column."""
    return json.dumps({**row.labels, "group": row.group, **beside})


def openrlhf(row: Row) -> dict[str, Any]:
    """`--data.input_key prompt --data.label_key label --data.image_key images`."""
    return {"prompt": row.marked, "images": row.images, "label": _label(row)}


def slime(row: Row) -> dict[str, Any]:
    """`--input-key prompt --label-key label --multimodal-keys '{"image": "images"}'`."""
    prompt = [{"role": "user", "content": row.marked}]
    return {"prompt": prompt, "images": row.images, "label": _label(row)}


def nemo_gym(row: Row) -> dict[str, Any]:
    """`agent_ref` is the agent of `nemo_gym/safegrpo.yaml`."""
    *before, last = row.texts
    content: list[dict[str, str]] = []
    for text, path in zip(before, row.images, strict=True):
        content += [{"type": "input_text", "text": text}] if text else []
        content.append({"type": "input_image", "image_url": f"file://{path}", "detail": "auto"})
    content.append({"type": "input_text", "text": last})
    return {
        "agent_ref": {"type": "responses_api_agents", "name": "safegrpo_agent"},
        "responses_create_params": {"input": [{"role": "user", "content": content}]},
        "group": row.group,
        **row.tags,
    }


def verl(row: Row) -> dict[str, Any]:
    return {
        "data_source": "safetag",
        "prompt": [{"role": "user", "content": row.marked}],
        "images": [{"image": f"file://{path}"} for path in row.images],
        "reward_model": {"style": "rule", "ground_truth": json.dumps(row.labels)},
        "extra_info": {
            "index": row.index,
            "group": row.group,
            "instruction": row.instruction,
        },
    }


def easyr1(row: Row) -> dict[str, Any]:
    """`data.prompt_key=problem data.answer_key=labels data.image_key=images`.

    Its reward function sees the labels' column alone, so the user's text stands there too.
    """
    labels = _label(row, instruction=row.instruction)
    return {"problem": row.marked, "images": row.images, "labels": labels}


TRAINERS: dict[str, Callable[[Row], dict[str, Any]]] = {
    "trl": trl,
    "ms-swift": ms_swift,
    "openrlhf": openrlhf,
    "slime": slime,
    "nemo-gym": nemo_gym,
    "verl": verl,
    "easyr1": easyr1,
}


def main(
    source: Annotated[str, typer.Argument(help="JSONL, Parquet or a data set's name")],
    trainer: Annotated[str, typer.Argument(help=", ".join(TRAINERS))],
    output: Annotated[Path, typer.Argument(help="folder to write")],
    url: Annotated[
        str, typer.Option(envvar="SAFEGRPO_REWARD_URL", help="the reward service")
    ] = "http://127.0.0.1:8700",
    profile: Annotated[
        str, typer.Option(envvar="SAFEGRPO_REWARD_PROFILE", help="the reward's profile")
    ] = "safegrpo",
    split: Annotated[str, typer.Option(help="of a folder or data set")] = "train",
    limit: Annotated[int, typer.Option(min=0, help="only the first rows; 0: all")] = 0,
    images: Annotated[
        Path | None, typer.Option(help="folder that images' paths start from")
    ] = None,
    bad_rows: Annotated[
        Literal["error", "drop"], typer.Option(help="stop at a bad row, or leave it out")
    ] = "error",
) -> None:
    """Write SOURCE for TRAINER."""
    if trainer not in TRAINERS:
        raise typer.BadParameter(f"{trainer} is none of {', '.join(TRAINERS)}")
    data = DataConfig(train=source, split=split, limit=limit, images=images, bad_rows=bad_rows)
    try:
        (output / "images").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"{output} cannot be made a folder: {error.strerror}")
    instruction = instruction_of(url, profile)
    try:
        examples = load_examples(data)
    except DataError as error:
        sys.exit(in_options(str(error)))
    rows = [
        TRAINERS[trainer](row_of(index, example, instruction, output / "images", split))
        for index, example in enumerate(examples)
    ]
    path = output / ("train.parquet" if trainer in ("verl", "easyr1") else "train.jsonl")
    if path.suffix == ".parquet":
        pa.parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} rows in {path}")


def in_options(text: str) -> str:
    """What the trainer says, whose keys `data.…` are the options here."""

    def option(key: re.Match[str]) -> str:
        name = "SOURCE" if key[1] == "train" else f"--{key[1].replace('_', '-')}"
        return f"{name} {key[2]}" if key[2] else name

    keys = "|".join(DataConfig.model_fields)
    # A file may be called data.train.jsonl, a folder my-data.images.
    return re.sub(rf"(?<![\w/.-])data\.({keys})\b(?![./]\w)(?:=(\w+))?", option, text)


def instruction_of(url: str, profile: str) -> str:
    """The text that tells the policy its format; waits for a service that is just starting."""
    try:
        with RewardClient(Rewards(url=url, profile=profile, deadline=30).config) as client:
            return client.profile().instruction
    except (ConfigError, RewardError) as error:
        sys.exit(str(error))


def row_of(index: int, example: Example, instruction: str, folder: Path, split: str) -> Row:
    """The example, its pictures written to `folder`."""
    paths = []
    for number, image in enumerate(example.images):
        path = (folder / f"{index}-{number}.png").resolve()
        image.save(path)
        paths.append(str(path))
    text = f"{example.instruction}\n\n{instruction}"
    *before, last = example.texts
    texts = [*before, f"{last}\n\n{instruction}"]
    labels, group = example.labels.model_dump(), f"{split}/{index}"
    return Row(index, example.instruction, text, texts, paths, labels, group)


if __name__ == "__main__":
    typer.run(main)
