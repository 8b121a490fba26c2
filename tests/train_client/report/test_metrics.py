"""What a run has written down stays readable, whatever stopped it."""

from __future__ import annotations

import json
from pathlib import Path

from train_client.report.metrics import MetricsWriter, read_metrics


def test_lines_after_the_resumed_step_are_dropped(tmp_path: Path) -> None:
    writer = MetricsWriter(tmp_path)
    for step in (1, 2, 3):
        writer.write(step, {"reward": float(step), "bad": float("nan")})
    writer.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "rew')
    again = MetricsWriter(tmp_path, after=2)
    again.write(3, {"reward": 30.0})
    again.close()
    lines = read_metrics(tmp_path)
    assert [(line["step"], line["reward"]) for line in lines] == [(1, 1.0), (2, 2.0), (3, 30.0)]
    assert lines[0]["bad"] is None


def test_going_on_keeps_completions_that_hold_line_separators(tmp_path: Path) -> None:
    rows = [{"step": step, "completion": "a\u2028b\x85c"} for step in (1, 2, 3)]
    writer = MetricsWriter(tmp_path)
    writer.completions(rows)
    writer.close()
    MetricsWriter(tmp_path, after=2).close()
    kept = (tmp_path / "completions.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in kept if line] == rows[:2]


def test_a_completion_that_a_crash_cut_within_a_character_is_dropped(tmp_path: Path) -> None:
    row = json.dumps({"step": 1, "completion": "不能"}, ensure_ascii=False).encode()
    within = row.index("能".encode()) + 1
    (tmp_path / "completions.jsonl").write_bytes(row + b"\n" + row[:within])
    MetricsWriter(tmp_path, after=1).close()
    assert (tmp_path / "completions.jsonl").read_bytes() == row + b"\n"
