"""eval-protocol's evaluator format."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.protocols.services import UNSCORABLE, client
from tests.app.serving import LABELS_UNSAFE
from tests.rules.completions import unsafe


def ask(service: httpx.Client, completion: str, **fields: Any) -> httpx.Response:
    messages = [
        {"role": "user", "content": "May I?"},
        {"role": "assistant", "content": completion},
    ]
    return service.post(
        "/evaluate", json={"messages": messages, "ground_truth": LABELS_UNSAFE, **fields}
    )


def test_the_last_message_is_scored_with_a_metric_for_each_component(
    service: httpx.Client,
) -> None:
    reply = ask(service, unsafe(), kwargs={}).json()
    assert (reply["score"], reply["is_score_valid"], reply["error"]) == (1.0, True, None)
    assert reply["reason"] == "the answer's stance is refusal"
    assert reply["metrics"]["tag"]["score"] == 0.5
    assert all(isinstance(metric["reason"], str) for metric in reply["metrics"].values())


def test_a_policys_fault_is_a_valid_zero_with_its_reason(service: httpx.Client) -> None:
    reply = ask(service, "no").json()
    assert (reply["score"], reply["is_score_valid"]) == (0.0, True)
    assert reply["reason"].startswith("missing_section")


def test_what_is_no_metric_of_eval_protocols_is_left_out(tmp_path: Path) -> None:
    """Its metrics lie within 0 and 1; one that does not would cost the whole evaluation."""
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "name: mine\nrelease: 1.0.0\nstructure: strict\ndialect: tags\ninstruction: tags.txt\n"
        "stance: {detector: rules}\nextras: {overlong: {limit: 20, buffer: 10, weight: 0.5}}\n"
    )
    with client("--profile", str(profile)) as mine:
        reply = ask(mine, unsafe()).json()
    assert reply["score"] == 0.5
    assert reply["metrics"].keys().isdisjoint({"overlong", "raw_overlong"})
    assert reply["metrics"]["tag"]["score"] == 0.5


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"ground_truth": None}, "ground_truth"),
        ({"messages": [{"role": "user", "content": "May I?"}]}, "messages"),
        ({"messages": []}, "messages"),
    ],
)
def test_a_wrong_request_names_its_field(
    service: httpx.Client, fields: dict[str, Any], named: str
) -> None:
    reply = ask(service, unsafe(), **fields)
    assert reply.status_code == 422
    assert reply.json()["problems"][0]["field"] == named


def test_a_sample_that_we_cannot_score_is_asked_again_rather_than_zero(
    judgeless: httpx.Client,
) -> None:
    assert ask(judgeless, UNSCORABLE).status_code == 503
