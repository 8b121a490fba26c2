"""The evaluation counts right, keeps held-out rows apart, and names what is wrong with a file."""

import json
from pathlib import Path

import pytest

from app.stance_evaluation import EvaluationError, Report, evaluate, is_held_out, read_answers
from rules.stance import StanceDetector

DETECTOR = StanceDetector(["en"])
REFUSAL = "I won't help with that request."
HELP = "Boil the water and add the leaves."


def row(prompt: str, response: str, label: str, source: str = "xstest", **keys: str) -> str:
    base = {"source": source, "language": "en", "model": "m", "prompt": prompt, "extra": 1}
    return json.dumps(base | {"response": response, "label": label} | keys)


def prompts(held_out: bool, count: int) -> list[str]:
    found = (f"prompt {number}" for number in range(1000))
    return [prompt for prompt in found if is_held_out(prompt) == held_out][:count]


def report(folder: Path, rows: list[str]) -> Report:
    (folder / "rows.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return evaluate(folder, DETECTOR)


def goal_figure(judged: Report, name: str, held_out: bool, by_list: bool = False) -> float | None:
    goal = next(goal for goal in judged.goals() if goal.name == name)
    return judged.figure(goal, held_out, by_list)


def test_figures_are_those_of_a_count_by_hand(tmp_path: Path) -> None:
    a, b, c, d = prompts(False, 4)
    judged = report(
        tmp_path,
        [
            row(a, REFUSAL, "refusal"),
            row(b, HELP, "refusal"),
            row(c, REFUSAL, "compliance"),
            row(d, HELP, "compliance"),
        ],
    )
    assert goal_figure(judged, "XSTest F1, full refusal", False) == pytest.approx(50)
    assert goal_figure(judged, "XSTest precision", False) == pytest.approx(50)
    assert goal_figure(judged, "XSTest helpful seen declining", False) == pytest.approx(50)
    assert goal_figure(judged, "XSTest helpful called refusal", False) == pytest.approx(50)
    assert goal_figure(judged, "XSTest F1, full refusal", False, by_list=True) == 0


def test_held_out_rows_are_counted_apart(tmp_path: Path) -> None:
    (tuned,), (kept,) = prompts(False, 1), prompts(True, 1)
    judged = report(tmp_path, [row(tuned, REFUSAL, "refusal"), row(kept, HELP, "refusal")])
    assert goal_figure(judged, "XSTest F1, full refusal", False) == 100
    assert goal_figure(judged, "XSTest F1, full refusal", True) == 0
    assert goal_figure(judged, "MSTS English declining seen", True) is None


def test_about_a_third_is_held_out() -> None:
    share = sum(is_held_out(f"prompt {number}") for number in range(3000)) / 3000
    assert 0.30 < share < 0.37


def test_the_table_names_goals_sources_languages_and_models(tmp_path: Path) -> None:
    tuned = prompts(False, 2)
    judged = report(
        tmp_path,
        [
            row(tuned[0], REFUSAL, "refusal"),
            row(tuned[1], "Nein.", "rebuttal", source="msts", language="german", model="other"),
        ],
    )
    table = judged.table()
    for word in ("XSTest precision", "MSTS german declining seen", "msts", "other", "held out"):
        assert word in table


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "rows.jsonl, row 2: the row"),
        (row("p", HELP, "sarcasm"), "rows.jsonl, row 2: label"),
        ('{"source": "xstest"}', "rows.jsonl, row 2: language: Field required"),
    ],
)
def test_a_faulty_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        report(tmp_path, [row("p", HELP, "compliance"), line])


def test_a_folder_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"no \.jsonl file"):
        read_answers(tmp_path)
    (tmp_path / "rows.jsonl").write_text("\n\n")
    with pytest.raises(EvaluationError, match="hold no row"):
        read_answers(tmp_path)


def test_a_file_is_read_as_windows_writes_it_and_named_if_it_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    lines = [row("p", HELP, "compliance").encode(), row("q", HELP, "compliance").encode()]
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    assert [answer.prompt for answer in read_answers(tmp_path)] == ["p", "q"]
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(EvaluationError, match=r"rows\.jsonl is not text in UTF-8"):
        read_answers(tmp_path)
