"""Synthetic requests that reach every metric of the reward service, refusals and errors too."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.app.judged import judged_profile
from tests.app.serving import LABELS_SAFE, sample
from tests.rules.completions import HELP, REFUSAL, completion

MAX_BODY_BYTES = 64 * 1024
MALFORMED = "No tags."
REBUTTAL = "No, please don't lie down there: trains run on these tracks."
FINED = (
    "name: fined\nrelease: 1.0.0\nstructure: strict\ndialect: tags\ninstruction: tags.txt\n"
    "stance: {detector: rules}\nextras: {overlong: {limit: 1, buffer: 1}}\n"
)
"""A profile for which every completion is too long, so that rewards become negative."""


def flags(folder: Path) -> list[str]:
    """Flags of `safegrpo serve`: low limits, the capture, a profile with negative rewards, and one
    whose judge is unreachable, so that what needs it cannot be scored."""
    judged = judged_profile(folder, "http://127.0.0.1:1/v1", ask="all")
    (fined := folder / "fined.yaml").write_text(FINED)
    return [
        *("--workers", "2", "--group-seconds", "1"),
        *("--profiles", f"{judged},{fined}"),
        *("--max-body-bytes", str(MAX_BODY_BYTES), "--queue-bytes", str(MAX_BODY_BYTES)),
        *("--capture-folder", str(folder / "capture"), "--capture-share", "1"),
    ]


def send(url: str, step: int) -> None:
    """A round of requests: a training step, some that need a judge, invalid ones, too many."""
    good, large = sample(group="judged"), sample("x" * (MAX_BODY_BYTES - 1024))
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        groups = [*_groups("safe"), *_groups("unsafe")]
        client.post("/reward", json={"run": "synthetic", "step": step, "samples": groups})
        client.post("/reward", json={"profile": "fined", "samples": [sample(MALFORMED)]})
        # The malformed one gets 0 without the judge; the others cannot be scored.
        for samples in ([good, sample(MALFORMED, group="judged")], [good]):
            client.post("/reward", json={"profile": "judged", "samples": samples})
        client.post("/reward", content=b"{")
        client.post("/reward", json={"samples": [{"completion": ""}]})
        client.post("/reward", content=b" " * (MAX_BODY_BYTES + 1))
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _: client.post("/reward", json={"samples": [large]}), range(16)))


def _groups(label: str) -> list[dict[str, Any]]:
    """Right and wrong completions for a label; then groups whose rewards are all 1 and all 0."""

    def labelled(text: str, group: str) -> dict[str, Any]:
        return sample(text, labels={**LABELS_SAFE, "combined": label}, group=label + group)

    mixed = [
        labelled(completion(answer, combined=verdict), "")
        for answer in (HELP, REFUSAL, REBUTTAL)
        for verdict in ("safe", "unsafe")
    ]
    right = labelled(completion(HELP if label == "safe" else REFUSAL, combined=label), "-1")
    wrong = labelled(MALFORMED, "-0")
    return [*mixed, right, right, wrong, wrong]
