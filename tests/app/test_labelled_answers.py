"""Labelled answers are read, or what is wrong with a file is named; a third is held out."""

from pathlib import Path

import pytest

from app.labelled_answers import EvaluationError, is_held_out, read_answers
from tests.app.labelled import HELP, row


def test_about_a_third_is_held_out() -> None:
    share = sum(is_held_out(f"prompt {number}") for number in range(3000)) / 3000
    assert 0.30 < share < 0.37


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "rows.jsonl, row 2: the row"),
        (row("p", HELP, "sarcasm"), "rows.jsonl, row 2: label"),
        ('{"source": "xstest"}', "rows.jsonl, row 2: language: Field required"),
    ],
)
def test_a_faulty_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "rows.jsonl").write_text("\n".join([row("p", HELP, "compliance"), line]))
    with pytest.raises(EvaluationError, match=message):
        read_answers(tmp_path)


def test_a_folder_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"no \.jsonl file"):
        read_answers(tmp_path)
    (tmp_path / "rows.jsonl").write_text("\n\n")
    with pytest.raises(EvaluationError, match="hold no row"):
        read_answers(tmp_path)


@pytest.mark.parametrize(("name", "says"), [("nolab", "is not there"), ("rows.jsonl", "is a file")])
def test_what_is_no_folder_is_told_from_one_without_rows(
    tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(EvaluationError, match=f"{name} {says}; name a folder"):
        read_answers(tmp_path / name)


def test_a_file_is_read_as_windows_writes_it_and_named_if_it_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    lines = [row("p", HELP, "compliance").encode(), row("q", HELP, "compliance").encode()]
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    assert [answer.prompt for answer in read_answers(tmp_path)] == ["p", "q"]
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(EvaluationError, match=r"rows\.jsonl is not text in UTF-8"):
        read_answers(tmp_path)
