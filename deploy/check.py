"""Check that every query of the dashboard and the alerts returns data in a real Prometheus.

    python -m deploy.check

It tests the alert rules, then starts the reward service and a Prometheus that scrapes it, sends
synthetic requests, and queries each expression until all have returned numbers. Without the
programs `prometheus` and `promtool` (both in Debian's package `prometheus`) the check is skipped,
or fails with REQUIRE_PROMETHEUS=1 in the environment.
"""

import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich.console import Console

from deploy.queries import ALERTS, FOLDER, Query, alert_queries, dashboard_queries, with_parts
from deploy.traffic import flags, send
from tests.app.serving import ending, free_port, server

SECONDS = 90
"""Time limit for all queries to return data."""

CONFIG = FOLDER / "prometheus" / "prometheus.yml"
PROGRAMS = ("prometheus", "promtool")
REQUIRED = "REQUIRE_PROMETHEUS"
"""Environment variable that makes a missing Prometheus an error."""

console = Console(soft_wrap=True, highlight=False)


def main() -> None:
    """Exit with status 1 if a rule is wrong or a query returns nothing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        required = os.environ.get(REQUIRED) == "1"
        outcome, programs = "FAILED" if required else "SKIPPED", " and no ".join(missing)
        console.print(f"{outcome}: no {programs} here (Debian: package prometheus).")
        sys.exit(required)
    promtool("check", "config", CONFIG)
    promtool("test", "rules", ALERTS.with_name("alerts_test.yml"))
    queries = list(with_parts(chain(dashboard_queries(), alert_queries())))
    with (
        tempfile.TemporaryDirectory() as folder,
        server(*flags(Path(folder))) as (url, _),
        prometheus(Path(folder), url) as address,
    ):
        without_data = poll(address, url, queries)
    for place, expr, labels in without_data:
        expected = f" with {', '.join(labels)}" if labels else ""
        text = f"No data{expected}: {place}: {' '.join(expr.split())}"
        console.print(text, style="red", markup=False)
    with_data = len(queries) - len(without_data)
    console.print(f"{with_data} of {len(queries)} expressions returned data.")
    sys.exit(bool(without_data))


def promtool(*arguments: str | Path) -> None:
    """Run `promtool`, which reports errors itself."""
    if subprocess.run(["promtool", *arguments]).returncode:
        sys.exit(1)


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """Run Prometheus on our configuration, scraping `target` alone each second; yields its URL."""
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(ALERTS.resolve())]
    (job,) = config["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [target.removeprefix("http://")]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    listening = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={listening}",
            "--log.level=error",
        ]
    )
    with ending(process):
        yield f"http://{listening}"


def poll(address: str, url: str, queries: list[Query]) -> list[Query]:
    """Send requests to the service and queries to Prometheus; returns those without data."""
    deadline, step = time.monotonic() + SECONDS, 0
    while queries and time.monotonic() < deadline:
        send(url, step := step + 1)
        time.sleep(1)
        queries = [query for query in queries if not returns_data(address, query)]
    return queries


def returns_data(address: str, query: Query) -> bool:
    """Whether the query returns data now. Exits if Prometheus rejects it."""
    try:
        request = {"query": query.expr}
        reply = httpx.post(f"{address}/api/v1/query", data=request, timeout=10).json()
    except httpx.TransportError:
        return False  # Prometheus is still starting
    if reply["status"] != "success":
        sys.exit(f"Prometheus: {reply['error']} in {query.expr}")
    return has_data(reply["data"]["result"], query.labels)


def has_data(result: list[dict[str, Any]], labels: tuple[str, ...]) -> bool:
    """Whether there are series, a number in at least one of them, and the labels in each."""
    values = [float(series["value"][1]) for series in result]
    labelled = all(series["metric"].keys() >= set(labels) for series in result)
    return labelled and not all(map(math.isnan, values))


if __name__ == "__main__":
    main()
