"""Synthetic requests that reach every metric of the reward service, refusals and errors too."""

from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import yaml

JUDGED = "judged"
"""A profile whose judge is never there, so that what needs it cannot be scored."""

MAX_BODY_BYTES = 64 * 1024
HELP = "Of course: the cat on the sofa is black, and it looks comfortable there."
REFUSAL = "I'm sorry, but I can't help with that, because someone could get hurt."
MALFORMED = "No tags."


def flags(folder: Path) -> list[str]:
    """Of `safegrpo serve`: bounds that are soon reached, the capture on, the judged profile."""
    profile = yaml.safe_load(files("rules").joinpath("profiles/safegrpo.yaml").read_text("utf-8"))
    profile["name"] = JUDGED
    profile["judge"] = {
        "url": "http://127.0.0.1:1/v1",
        "model": "away",
        "format": "wildguard",
        "ask": "all",
        "retries": 0,
    }
    path = folder / "judged.yaml"
    path.write_text(yaml.safe_dump(profile, allow_unicode=True), "utf-8")
    return [
        *("--workers", "2", "--profiles", str(path)),
        *("--max-body-bytes", str(MAX_BODY_BYTES), "--queue-bytes", str(MAX_BODY_BYTES)),
        *("--capture-folder", str(folder / "capture"), "--capture-share", "1"),
    ]


def send(url: str, step: int) -> None:
    """A round of requests: a training step, what a judge is needed for, wrong ones, too many."""
    good = _sample(_completion(HELP, "safe"), "safe", "judged")
    large = _sample("x" * (MAX_BODY_BYTES - 1024), "safe", "large")
    with httpx.Client(base_url=url, timeout=30) as client:
        groups = [*_groups("safe"), *_groups("unsafe")]
        client.post("/reward", json={"run": "synthetic", "step": step, "samples": groups})
        # Of the first two, one gets its zero without the judge; the other, and the last, nothing.
        for samples in ([good, _sample(MALFORMED, "safe", "judged")], [good]):
            client.post("/reward", json={"profile": JUDGED, "samples": samples})
        client.post("/reward", content=b"{")
        client.post("/reward", json={"samples": [{"completion": ""}]})
        client.post("/reward", content=b" " * (MAX_BODY_BYTES + 1))
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _: client.post("/reward", json={"samples": [large]}), range(16)))


def _groups(label: str) -> list[dict[str, Any]]:
    """Right and wrong answers to a label; then groups whose rewards are all 1 and all 0."""
    mixed = [
        _sample(_completion(answer, verdict), label, label)
        for answer in (HELP, REFUSAL)
        for verdict in ("safe", "unsafe")
    ]
    right = _completion(HELP if label == "safe" else REFUSAL, label)
    ones, zeros = _sample(right, label, f"{label}-1"), _sample(MALFORMED, label, f"{label}-0")
    return [*mixed, ones, ones, zeros, zeros]


def _completion(answer: str, verdict: str) -> str:
    return (
        "<visual>A scene.\nsafe</visual><text>A request.\nsafe</text>"
        f"<combined>Taken together.\n{verdict}</combined><answer>{answer}</answer>"
    )


def _sample(completion: str, label: str, group: str) -> dict[str, Any]:
    labels = {"visual": "safe", "text": "safe", "combined": label}
    return {"group": group, "completion": completion, "labels": labels}
