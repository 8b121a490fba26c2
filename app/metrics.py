"""Reward statistics for Prometheus. No label value is an id, a prompt or a completion.

With several workers, prometheus-client's multiprocess mode adds them up; the `serve` command sets
its directory.
"""

import os
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from app.schema import Sample
from grammar import SECTION_NAMES
from rules.reward import Score, Scorer

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# From 0 up, since a histogram with buckets below it has no sum; penalties fall into the first one.
_REWARD_BUCKETS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 2.0)
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)

registry = CollectorRegistry()

_SAMPLES = Counter(
    "safegrpo_samples", "Samples by outcome", ["profile", "status"], registry=registry
)
_REWARD = Histogram(
    "safegrpo_reward", "Rewards given", ["profile"], buckets=_REWARD_BUCKETS, registry=registry
)
_COMPONENT = Histogram(
    "safegrpo_component",
    "Components of the rewards: gated, weighted contributions",
    ["profile", "component"],
    buckets=_REWARD_BUCKETS,
    registry=registry,
)
_FAILURES = Counter(
    "safegrpo_format_failures",
    "Completions that failed the format, by failure code",
    ["profile", "code"],
    registry=registry,
)
_VERDICTS = Counter(
    "safegrpo_verdicts",
    "Confusion of label and verdict, for each of the three judgements",
    ["profile", "judgement", "label", "verdict"],
    registry=registry,
)
_STANCES = Counter(
    "safegrpo_stances",
    "The safety table: combined label and stance of the answer",
    ["profile", "label", "stance"],
    registry=registry,
)
_GROUPS = Counter(
    "safegrpo_groups",
    "Groups of at least two samples: in all, with equal rewards, all 0, all 1",
    ["profile", "kind"],
    registry=registry,
)
_BATCH = Histogram(
    "safegrpo_batch_samples", "Samples per request", buckets=_SIZES, registry=registry
)
LATENCY = Histogram(
    "safegrpo_request_seconds",
    "Seconds from a request's first byte to its reply",
    ["status"],
    buckets=_SECONDS,
    registry=registry,
)
QUEUE_WAIT = Histogram(
    "safegrpo_queue_wait_seconds",
    "Seconds that a request waited to be scored",
    buckets=_SECONDS,
    registry=registry,
)
COMPUTE = Histogram(
    "safegrpo_compute_seconds", "Seconds of scoring", buckets=_SECONDS, registry=registry
)
IN_FLIGHT = Gauge(
    "safegrpo_in_flight",
    "Requests being answered",
    multiprocess_mode="livesum",
    registry=registry,
)
REJECTED = Counter(
    "safegrpo_rejected", "Requests that got no rewards, by status", ["status"], registry=registry
)
_INFO = Gauge(
    "safegrpo_profile_info",
    "1 for each reward version that is served",
    ["profile", "version"],
    multiprocess_mode="max",
    registry=registry,
)


def announce(scorer: Scorer) -> None:
    """Publish the reward version of a served profile."""
    _INFO.labels(scorer.profile.name, scorer.version).set(1)


def record(scorer: Scorer, samples: Sequence[Sample], scores: Sequence[Score]) -> None:
    """Count a scored batch."""
    profile = scorer.profile.name
    _BATCH.observe(len(samples))
    tallies: Tally[tuple[Counter, tuple[str, ...]]] = Tally()
    for sample, score in zip(samples, scores, strict=True):
        tallies[_SAMPLES, (profile, score.status)] += 1
        if score.reward is None:
            continue
        _tally_sample(tallies, profile, sample, score)
        _REWARD.labels(profile).observe(score.reward)
        for name, value in score.components.items():
            if value is not None:
                _COMPONENT.labels(profile, name).observe(value)
    _tally_groups(tallies, profile, samples, scores)
    for (metric, labels), count in tallies.items():
        metric.labels(*labels).inc(count)


def _tally_sample(
    tallies: Tally[tuple[Counter, tuple[str, ...]]], profile: str, sample: Sample, score: Score
) -> None:
    if score.failure is not None:
        tallies[_FAILURES, (profile, score.failure.code)] += 1
    for judgement in SECTION_NAMES:
        label = getattr(sample.labels, judgement)
        verdict = (score.verdicts and score.verdicts[judgement]) or "none"
        tallies[_VERDICTS, (profile, judgement, label, verdict)] += 1
    stance = score.stance.kind if score.stance else "none"
    tallies[_STANCES, (profile, sample.labels.combined, stance)] += 1


def _tally_groups(
    tallies: Tally[tuple[Counter, tuple[str, ...]]],
    profile: str,
    samples: Sequence[Sample],
    scores: Sequence[Score],
) -> None:
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for sample, score in zip(samples, scores, strict=True):
        if sample.group is not None and score.reward is not None:
            groups[sample.group].append(score.reward)
    for rewards in groups.values():
        if len(rewards) < 2:
            continue
        distinct = set(rewards)
        tallies[_GROUPS, (profile, "all")] += 1
        if len(distinct) == 1:
            tallies[_GROUPS, (profile, "equal")] += 1
        if distinct == {0.0}:
            tallies[_GROUPS, (profile, "zero")] += 1
        if distinct == {1.0}:
            tallies[_GROUPS, (profile, "one")] += 1


def exposition() -> bytes:
    """All statistics in Prometheus' text format, of all workers together."""
    if MULTIPROCESS_VARIABLE in os.environ:
        merged = CollectorRegistry()
        multiprocess.MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
        return generate_latest(merged)
    return generate_latest(registry)
