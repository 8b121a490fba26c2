"""Completions with known rewards: rows that cannot be asked about are named."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.vectors import main

LABELS = {"visual": "safe", "text": "safe", "combined": "safe"}
BOUNDS = {"min_reward": 0.0, "max_reward": 0.0}
JUDGED: dict[str, Any] = {"completion": "no", "labels": LABELS, "needs_judge": True}
GOOD: dict[str, Any] = {"completion": "no", "labels": LABELS, "profile": "paper", **BOUNDS}


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any]) -> Any:
    """What the command exits with."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(sys, "argv", ["vectors", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_rows_that_hold_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not asked(tmp_path, monkeypatch, GOOD, JUDGED)
    assert "1 of 1 rows hold, 1 need a judge" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"completion": "no", "labels": LABELS, **BOUNDS}, "row 2 has no `profile`"),
        ({**GOOD, "id": "x", "labels": LABELS, "ungated": {}}, "row x has no `reward`"),
        ({"id": "x", "profile": "paper", **BOUNDS}, "row x has no `completion`"),
    ],
)
def test_a_row_without_what_it_must_hold_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], says: str
) -> None:
    assert says in asked(tmp_path, monkeypatch, GOOD, row)
