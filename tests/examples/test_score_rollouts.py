"""Stored rollouts: what is read, and what is said of what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from examples.score_rollouts import main, read
from tests.train_client.commands import invoke
from tests.train_client.service import Service

LABELS = {"visual": "safe", "text": "safe", "combined": "unsafe"}


def rollouts(folder: Path, *rows: Any) -> Path:
    file = folder / "completions.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def row(completion: Any = "x", **columns: Any) -> dict[str, Any]:
    return {"completion": completion, "labels": LABELS, **columns}


def test_verdicts_may_be_null_for_more_than_a_megabyte(tmp_path: Path) -> None:
    long = [row("x" * 400, verdicts=None) for _ in range(3000)]
    file = rollouts(tmp_path, *long, row(verdicts=LABELS, added=1))
    assert file.stat().st_size > 2**20
    found = read(file).to_pylist()
    assert found[0]["verdicts"] is None
    assert (found[-1]["verdicts"], found[-1]["added"]) == (LABELS, 1)


def test_the_file_is_written_again_with_its_rewards_into_a_new_folder(
    tmp_path: Path, service: Service
) -> None:
    file = rollouts(tmp_path, row("ab", group="p1"), row("abc", group="p2"))
    output = tmp_path / "new/scored.parquet"
    done = invoke(main, str(file), "--url", service.url, "--output", str(output))
    assert done.exit_code == 0, done.output
    written = pyarrow.parquet.read_table(output).to_pylist()
    assert [(row["group"], row["reward"]) for row in written] == [("p1", 2.0), ("p2", 3.0)]


def test_the_service_may_be_named_by_the_variables(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFEGRPO_REWARD_URL", service.url)
    monkeypatch.setenv("SAFEGRPO_REWARD_PROFILE", "paper")
    assert invoke(main, str(rollouts(tmp_path, row()))).exit_code == 0
    assert service.requests[0]["profile"] == "paper"


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ([row()], ["--url", "localhost:8700"], "must be a URL such as"),
        ([row()], ["--output", "."], "is a folder"),
        ([row()], ["--output", "scored.jsonl"], "is no .parquet file"),
        ([row()], ["--output", f"{__file__}/scored.parquet"], "cannot be written"),
        ([row(["a", "b"])], [], "the column `completion` holds something that is no text"),
        ([row(), "text"], [], "line 2 is not a JSON object"),
        ([{"completion": "x"}], [], "the row has no `image_tag`"),
        ([], [], "holds no rows"),
    ],
)
def test_what_cannot_be_scored_gets_a_sentence_before_anything_is_sent(
    tmp_path: Path, service: Service, rows: list[Any], options: list[str], says: str
) -> None:
    done = invoke(main, str(rollouts(tmp_path, *rows)), "--url", service.url, *options)
    assert done.exit_code == 1
    assert says in done.output
    assert not service.requests
