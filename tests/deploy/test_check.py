"""What `make monitoring` takes for an answer, and what it does where there is no Prometheus."""

from typing import Any

import pytest

from deploy.check import REQUIRED, has_data, main


def series(value: str, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [0.0, value]}


def test_data_are_a_number_in_at_least_one_series() -> None:
    assert has_data([series("NaN", run="a"), series("0", run="b")], ("run",))
    assert not has_data([series("NaN")], ())
    assert not has_data([], ())


def test_data_have_the_labels_that_are_named() -> None:
    assert not has_data([series("1")], ("run",))
    assert not has_data([series("1", run="a"), series("1")], ("run",))
    assert not has_data([series("1", run="a")], ("run", "code"))


@pytest.mark.parametrize(("required", "status", "said"), [("", 0, "SKIPPED"), ("1", 1, "FAILED")])
def test_no_prometheus_is_an_error_where_it_is_required(
    required: str,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv(REQUIRED, required)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    assert said in capsys.readouterr().out
