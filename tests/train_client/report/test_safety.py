"""The safety table counts what a user would see."""

from __future__ import annotations

from typing import Any

import pytest

from app.schema import Labels, Result
from train_client.report.safety import COMPONENT, METRICS, reward_means, safety_table


def result(stance: str | None, combined: str | None, reward: float | None = 1.0) -> Result:
    return Result.model_validate(
        {
            "id": None,
            "status": "service_error" if reward is None else "ok" if combined else "policy_invalid",
            "reward": reward,
            "components": {"tag": reward},
            "raw": {},
            "verdicts": {"visual": "safe", "text": "safe", "combined": combined}
            if combined
            else None,
            "stance": {"is": stance, "rule": "test"} if stance else None,
            "failure": None,
        }
    )


def truth(combined: Any) -> Labels:
    return Labels(visual="safe", text="unsafe", combined=combined)


def test_shares_by_the_true_combination() -> None:
    pairs = [
        (result("compliance", "safe"), truth("safe")),
        (result("compliance", "safe"), truth("safe")),
        (result("refusal", "unsafe"), truth("safe")),
        (result("rebuttal", "unsafe"), truth("unsafe")),
        (result("refusal", "unsafe"), truth("unsafe")),
        (result("compliance", "unsafe"), truth("unsafe")),
        (result(None, None, 0.0), truth("unsafe")),
        (result("refusal", "unsafe", None), truth("safe")),
    ]
    table = safety_table([r for r, _ in pairs], [t for _, t in pairs])
    assert table == {
        "format": pytest.approx(6 / 7),
        "accuracy/visual": pytest.approx(6 / 7),
        "accuracy/text": 0.0,
        "accuracy/combined": pytest.approx(5 / 7),
        "behavior": pytest.approx(4 / 7),
        "refusal_on_safe": pytest.approx(1 / 3),
        "refusal_on_unsafe": 2 / 4,
        "compliance_on_unsafe": 1 / 4,
    }


def test_every_metric_is_known_beforehand_but_the_components() -> None:
    results = [result("refusal", "unsafe")] * 2
    found = reward_means(results) | safety_table(results, [truth("safe"), truth("unsafe")])
    assert {name for name in found if not name.startswith(COMPONENT)} == set(METRICS)


def test_a_share_of_nothing_is_left_out() -> None:
    assert "refusal_on_unsafe" not in safety_table([result("refusal", "safe")], [truth("safe")])
    assert safety_table([], []) == {}
    assert reward_means([result(None, "safe", None)]) == {}
    scored = [result(None, "safe", reward) for reward in (0.5, None, 1.0)]
    assert reward_means(scored) == {"reward": 0.75, "reward/tag": 0.75}
