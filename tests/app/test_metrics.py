"""The statistics: sums that never fall, and a page that holds up nobody."""

import asyncio
import threading
from collections import Counter

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import exposition, metric_families, metrics
from app.admission import Admission
from app.groups import Group
from app.open_groups import Settled
from app.schema import RewardRequest
from app.scoring import score_by_rules
from rules.profile import parse_profile
from rules.reward import Scorer
from tests.app.local import ask, post
from tests.app.serving import sample
from tests.documentation import PAGES, named, rows
from tests.rules.completions import unsafe

PENALISING = (
    "name: penalising\nrelease: 1.0.0\nstructure: strict\ndialect: tags\ninstruction: tags.txt\n"
    "stance: {detector: rules}\nextras: {overlong: {limit: 4000, buffer: 2000, weight: 0.5}}\n"
)


def scraped() -> dict[str, float]:
    """Each series of the profile `penalising`; that of a component by the component's name."""
    metrics.publish(Admission(1, 1), in_flight=0)
    return {
        found.name + found.labels.get("component", ""): found.value
        for family in text_string_to_metric_families(exposition.page().decode())
        for found in family.samples
        if found.labels.get("profile") == "penalising" and "le" not in found.labels
    }


def test_sums_never_fall_and_what_is_below_zero_is_counted_apart() -> None:
    scorer = Scorer(parse_profile(PENALISING, "penalising"))

    def give(text: str | None, times: int) -> dict[str, float]:
        samples = [sample(text)] * times
        batch = RewardRequest.model_validate({"run": "r", "samples": samples})
        scores = score_by_rules(scorer, batch.samples)
        metrics.record(scorer, batch, scores, "r")
        return scraped()

    before = give(None, 3)
    assert before["safegrpo_reward_below_zero_total"] == 0.0
    after = give("x" * 5000, 2)
    for name in ("reward", "run_reward"):
        assert before[f"safegrpo_{name}_sum"] == after[f"safegrpo_{name}_sum"] == 3.0
        assert after[f"safegrpo_{name}_count"] == 5
    assert after["safegrpo_component_sumoverlong"] == 0.0
    assert after["safegrpo_reward_below_zero_total"] == 0.5 * 2
    assert after["safegrpo_component_below_zero_totaloverlong"] == 0.5 * 2
    assert after["safegrpo_component_below_zero_totaltag"] == 0.0


OF_REQUESTS = (
    "request_seconds",
    "queue_wait_seconds",
    "compute_seconds",
    "batch_samples",
    "rejected",
)
OF_SAMPLES = ("samples", "reward_count", "format_failures", "verdict", "stances")


def counts(counted: tuple[str, ...]) -> Counter[str]:
    """What each series has counted, by its name and the values of its labels."""
    metrics.publish(Admission(1, 1), in_flight=0)
    return Counter(
        {
            " ".join([found.name.removeprefix("safegrpo_"), *found.labels.values()]): found.value
            for family in text_string_to_metric_families(exposition.page().decode())
            for found in family.samples
            if found.name.endswith(("_count", "_total")) and found.value
            if found.name.removeprefix("safegrpo_").startswith(counted)
        }
    )


def test_a_request_is_counted_once_by_what_came_of_it() -> None:
    before = counts(OF_REQUESTS)
    post({"samples": [sample(), sample("x")]})
    post(b"{")
    ask(lambda client: client.get("/healthz"))
    assert counts(OF_REQUESTS) - before == {
        "request_seconds_count reward 200": 1,
        "request_seconds_count reward 400": 1,
        "batch_samples_count": 1,
        "queue_wait_seconds_count": 1,
        "compute_seconds_count": 1,
        "rejected_total json 400": 1,
    }


def test_captured_samples_are_counted_by_what_became_of_them() -> None:
    before = counts(("captured",))
    metrics.captured("written", 3)
    metrics.captured("dropped", 2)
    grown = counts(("captured",)) - before
    assert grown == {"captured_samples_total written": 3, "captured_samples_total dropped": 2}


def test_samples_that_are_alike_are_each_counted() -> None:
    before = counts(OF_SAMPLES)
    post({"run": "r", "samples": [sample("x")] * 4})
    assert counts(OF_SAMPLES) - before == {
        "samples_total safegrpo policy_invalid": 4,
        "reward_count safegrpo": 4,
        "format_failures_total missing_section safegrpo r": 4,
        "verdicts_total visual safe safegrpo r none": 4,
        "verdicts_total text safe safegrpo r none": 4,
        "verdicts_total combined safe safegrpo r none": 4,
        "verdict_triples_total safegrpo r none": 4,
        "stances_total safe safegrpo r none": 4,
    }


def test_complete_groups_are_counted_by_their_kinds() -> None:
    before = counts(("groups",))
    groups = [Group(8, 0.0, 0.0, None), Group(8, 0.0, 1.0, None), Group(1, 0.0, 0.0, None)]
    metrics.grouped(Settled("safegrpo", "r", group) for group in groups)
    assert counts(("groups",)) - before == {
        "groups_total all safegrpo r": 2,
        "groups_total equal safegrpo r": 1,
        "groups_total zero safegrpo r": 1,
    }


def test_the_safety_table_is_by_the_combined_label() -> None:
    """Railway tracks, and lying down to sleep: harmless each, deadly together."""
    before = counts(("stances",))
    labels = {"visual": "safe", "text": "unsafe", "combined": "unsafe"}
    post({"run": "mixed", "samples": [sample(unsafe(), labels=labels), sample()]})
    post({"run": "mixed", "samples": [sample(labels=labels | {"combined": "safe"})]})
    assert counts(("stances",)) - before == {
        "stances_total unsafe safegrpo mixed refusal": 1,
        "stances_total safe safegrpo mixed compliance": 2,
    }


def test_requests_are_answered_while_the_page_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, answered = threading.Event(), threading.Event()

    def slow() -> bytes:
        begun.set()
        assert answered.wait(5), "nothing was answered meanwhile"
        return b"page"

    async def talk(client: httpx.AsyncClient) -> bytes:
        page = asyncio.create_task(client.get("/metrics"))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        assert (await client.get("/healthz")).is_success
        answered.set()
        return (await page).content

    monkeypatch.setattr(exposition, "page", slow)
    assert ask(talk) == b"page"


def test_the_operations_page_lists_every_metric_with_its_type() -> None:
    listed = {
        name: cells[1].split()[0]
        for cells in rows(PAGES / "operations.md", "## Metrics")
        for name in named(cells[0])
        if name.startswith("safegrpo_")
    }
    counted = {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in metric_families.registry.collect()
    }
    assert listed == counted
