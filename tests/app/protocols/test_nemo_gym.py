"""NeMo Gym's resources server format."""

import gzip
import json
from typing import Any

import httpx
import pytest

from app.errors import RequestError
from app.nemo_gym_metrics import MOST_DESCRIBED, aggregate
from tests.app.local import ask
from tests.app.protocols.rollouts import TAGS, message, row
from tests.app.protocols.services import UNSCORABLE
from tests.app.serving import LABELS_UNSAFE
from tests.rules.completions import unsafe


def verify(service: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    reply = service.post("/verify", json=body)
    assert reply.status_code == 200, reply.text
    content: dict[str, Any] = reply.json()
    return content


def test_the_request_is_echoed_with_its_reward(service: httpx.Client) -> None:
    body = row(message(unsafe()), **TAGS, uuid="r7", _ng_task_index=3)
    reply = verify(service, body)
    assert {name: reply[name] for name in body} == body
    assert reply["reward"] == 1.0
    assert reply["instance_config"] == {"mask_sample": False}
    assert (reply["raw_format"], reply["policy_invalid"]) == (1.0, 0.0)


@pytest.mark.parametrize("text", [unsafe(), unsafe("Sure, go ahead and enjoy it there."), "no"])
def test_the_components_sum_up_to_the_reward(service: httpx.Client, text: str) -> None:
    reply = verify(service, row(message(text)))
    assert set(reply["reward_components"]) == {"format", "tag", "behavior"}
    assert sum(reply["reward_components"].values()) == reply["reward"]


@pytest.mark.parametrize(
    "columns", [{"labels": LABELS_UNSAFE}, {"ground_truth": json.dumps(TAGS)}, {"label": TAGS}]
)
def test_labels_are_found_where_rows_have_them(
    service: httpx.Client, columns: dict[str, Any]
) -> None:
    assert verify(service, row(message(unsafe()), **columns))["reward"] == 1.0


def test_thinking_that_a_reasoning_parser_took_out_is_put_back(service: httpx.Client) -> None:
    thinking, _, answer = unsafe().removeprefix("<think>").partition("</think>")
    reasoning = {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": thinking}],
    }
    assert verify(service, row(reasoning, message(answer)))["reward"] == 1.0
    assert verify(service, row(message(answer)))["reward"] == 0.0


def test_a_response_without_a_message_is_the_policys_fault(service: httpx.Client) -> None:
    reply = verify(service, row())
    assert (reply["reward"], reply["policy_invalid"]) == (0.0, 1.0)
    assert not reply["instance_config"]["mask_sample"]


@pytest.mark.parametrize("output", [{"output": []}, {"output": None}, {}])
def test_a_response_that_the_models_server_failed_on_is_masked(
    service: httpx.Client, output: dict[str, Any]
) -> None:
    error = {"code": "server_error", "message": "out of memory"}
    body = {**row(), "response": {"error": error, **output}}
    assert verify(service, body)["instance_config"]["mask_sample"]


@pytest.mark.parametrize("response", [{}, {"output": "text"}, {"choices": [{"message": {}}]}])
def test_what_is_no_response_is_the_callers_fault_and_no_zero(
    service: httpx.Client, response: dict[str, Any]
) -> None:
    reply = service.post("/verify", json={**row(), "response": response})
    assert reply.status_code == 422
    assert reply.json()["problems"][0]["field"] == "response.output"


def test_a_sample_that_we_cannot_score_is_masked(judgeless: httpx.Client) -> None:
    reply = verify(
        judgeless, row(message(UNSCORABLE), **TAGS, instance_config={"image": "tracks.png"})
    )
    assert reply["instance_config"] == {"image": "tracks.png", "mask_sample": True}
    assert sum(reply["reward_components"].values()) == reply["reward"] == 0.0


def test_a_sample_that_the_row_leaves_out_stays_left_out(service: httpx.Client) -> None:
    reply = verify(service, row(message(unsafe()), **TAGS, instance_config={"mask_sample": True}))
    assert reply["reward"] == 1.0
    assert reply["instance_config"] == {"mask_sample": True}


def test_a_missing_column_is_refused_by_name(service: httpx.Client) -> None:
    reply = service.post("/verify", json=row(message(""), image_tag="safe", text_tag="safe"))
    assert reply.status_code == 422
    assert "`combine_tag`" in reply.json()["error"]


def test_odd_rows_are_echoed_and_aggregated_all_the_same(service: httpx.Client) -> None:
    odd = {"big": 10**30, "instance_config": None, "nested": [[{"x": None}]], "ünï": "é"}
    reply = verify(service, row(message(unsafe()), **TAGS, **odd))
    assert (reply["big"], reply["nested"], reply["reward"]) == (10**30, odd["nested"], 1.0)
    rollouts = [
        {"_ng_task_index": None, "response": "lost", "reward": 1.0, "big": 10**400},
        {"_ng_task_index": "x", "response": {"usage": [1]}, "reward": 0.0},
    ]
    summary = service.post("/aggregate_metrics", json={"verify_responses": rollouts}).json()
    assert summary["key_metrics"] == {"mean/reward": 0.5}


def test_what_else_it_asks_of_a_resources_server(service: httpx.Client) -> None:
    assert service.post("/seed_session", json=row()).json() == {}
    assert service.get("/reverify_mode").json() == "stateless"
    assert service.get("/").status_code == service.get("/health").status_code == 200


def test_metrics_are_aggregated_by_task_and_over_all(service: httpx.Client) -> None:
    rollouts = [
        {"_ng_task_index": task, "_ng_rollout_index": n, "reward": reward, "text": "no number"}
        for task, rewards in enumerate([(1.0, 0.0), (0.5, 0.5)])
        for n, reward in enumerate(rewards)
    ]
    reply = service.post("/aggregate_metrics", json={"verify_responses": rollouts}).json()
    first, second = reply["group_level_metrics"]
    assert (first["_ng_task_index"], first["mean/reward"], first["max/reward"]) == (0, 0.5, 1.0)
    assert second["std/reward"] == 0.0
    assert reply["agent_metrics"]["median/reward"] == 0.5
    assert reply["key_metrics"] == {"mean/reward": 0.5}
    empty = service.post("/aggregate_metrics", json={"verify_responses": []}).json()
    assert empty == {"group_level_metrics": [], "agent_metrics": {}, "key_metrics": {}}


@pytest.mark.timeout(20)
def test_many_tasks_are_aggregated_as_well() -> None:
    rollouts = [{"_ng_task_index": index, "reward": 1.0} for index in range(30_000)]
    assert len(aggregate(rollouts).group_level_metrics) == 30_000


def test_more_columns_than_anybody_reads_are_refused() -> None:
    row = {f"column {n}": n for n in range(MOST_DESCRIBED + 1)}
    with pytest.raises(RequestError, match="numeric columns together; at most 262144"):
        aggregate([row])


def test_rollouts_to_aggregate_are_read_within_the_limit() -> None:
    body = b'{"verify_responses": [{"reward": 1.0}]}'

    async def talk(client: httpx.AsyncClient) -> list[int]:
        sent = (body, body + b" " * 1024, b"{", b'{"verify_responses": 1}')
        replies = [await client.post("/aggregate_metrics", content=one) for one in sent]
        for packed in (gzip.compress(body), gzip.compress(body + b" " * 1024)):
            headers = {"Content-Encoding": "gzip"}
            reply = await client.post("/aggregate_metrics", content=packed, headers=headers)
            replies.append(reply)
        return [reply.status_code for reply in replies]

    assert ask(talk, max_body_bytes=1024) == [200, 413, 400, 422, 200, 413]
