"""Where rows come from: JSONL, parquet, or a dataset on the hub. Rows are not judged here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from train_client.config import DataConfig

SPLITS = ("train", "validation", "val", "dev", "test")
"""Names by which a file belongs to a split."""

SplitKey = Literal["split", "test_split"]
"""Keys of `data` that name the split which is read: of `train`, and of `test`."""


class DataError(ValueError):
    """Data that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Row:
    id: str
    place: str
    """File and row, for messages."""
    values: dict[str, Any]
    images: Path
    """Folder that relative image paths start from."""


def read_rows(config: DataConfig, source: str, split: SplitKey) -> Iterator[Row]:
    """Rows of a .jsonl file, a .parquet file, a folder of parquet files, or a hub dataset."""
    if not source:
        raise DataError("data.train is empty; give a .jsonl or .parquet file or a hub dataset.")
    path = Path(source)
    if path.suffix == ".jsonl":
        return _jsonl(path, config.images or path.parent)
    if path.suffix == ".parquet":
        return _parquet([path], config.images or path.parent)
    if path.is_dir():
        return _parquet(_of_split(path, config, split, source), config.images or path)
    if path.exists() or source.count("/") != 1 or source.startswith((".", "/", "~")):
        raise DataError(
            f"{source} is no .jsonl file, .parquet file, folder or hub dataset (owner/name)."
        )
    return _hub(source, config, split)


def _of_split(folder: Path, config: DataConfig, key: SplitKey, source: str) -> list[Path]:
    """Hub naming is `train-00000-of-00003.parquet`; files that name no split belong to all."""

    def is_of(file: Path, name: str) -> bool:
        return file.name.startswith(f"{name}-") or name in (file.stem, file.parent.name)

    split = config.split if key == "split" else config.test_split
    files = sorted(folder.rglob("*.parquet"))
    unnamed = [
        file
        for file in files
        if "-of-" not in file.name and not any(is_of(file, name) for name in SPLITS)
    ]
    found = [file for file in files if is_of(file, split)] or unnamed
    if not found:
        raise DataError(
            f"{source} holds no parquet file of split {split}; data.{key} says which one is read."
        )
    return found


def _jsonl(path: Path, images: Path) -> Iterator[Row]:
    try:
        # Not splitlines, which would cut at the line separators that a prompt may hold.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{path}, row {number}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:  # numbers and nesting without end, too
            raise DataError(f"{place} is not valid JSON: {error}.") from error
        if not isinstance(values, dict):
            raise DataError(f"{place} is not a JSON object.")
        yield Row(_id(values, path, number), place, values, images)


def _id(values: Mapping[str, Any], path: Path, number: int) -> str:
    """The row's own, or else by its place."""
    own = values.get("id")
    return f"{path.stem}-{number}" if own is None or own == "" else str(own)


def _parquet(files: list[Path], images: Path) -> Iterator[Row]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    for path in files:
        try:
            batches = ParquetFile(path).iter_batches(batch_size=64)
            number = 0
            for batch in batches:
                for values in batch.to_pylist():
                    number += 1
                    place = f"{path}, row {number}"
                    yield Row(_id(values, path, number), place, values, images)
        except (OSError, ArrowException) as error:
            raise DataError(f"{path} cannot be read as parquet: {error}.") from error


def _hub(name: str, config: DataConfig, split: SplitKey) -> Iterator[Row]:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                name, repo_type="dataset", allow_patterns=["*.parquet", "**/*.parquet"]
            )
        )
    except (
        HFValidationError,
        LocalEntryNotFoundError,
        HfHubHTTPError,
        httpx.HTTPError,
        OSError,
    ) as error:
        raise DataError(
            f"The dataset {name} cannot be fetched from the hub ({type(error).__name__}). "
            "Check the name and the network, or give the path of a local .jsonl or .parquet file."
        ) from error
    yield from _parquet(_of_split(folder, config, split, name), config.images or folder)
