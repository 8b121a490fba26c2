"""Reward statistics for Prometheus. No label value is an id, a prompt or a completion.

What a worker counts is handed over (`publish`) at each heartbeat, and at its end; `exposition` adds
up what all workers have handed over.
"""

import platform
from collections import Counter as Multiset
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
)

from app.admission import Admission
from app.audit import GroupKind, group_kinds, triple
from app.runs import Runs
from app.schema import RewardRequest, Sample
from app.tally import SummableHistogram, Tallies
from grammar import SECTION_NAMES
from rules.reward import Score, Scorer

# From 0 up, and what is below 0 is counted apart: the sum of a histogram must never fall, or
# Prometheus takes it for one that has begun anew.
_REWARD_BUCKETS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 2.0)
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
_CHARACTERS = (0, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000)

disable_created_metrics()  # type: ignore[no-untyped-call]  # several workers have none, so one has none either

registry = CollectorRegistry()
tallies = Tallies()


def _counter(name: str, documentation: str, *labels: str) -> Counter:
    return Counter(f"safegrpo_{name}", documentation, labels, registry=registry)


def _histogram(
    name: str, documentation: str, buckets: tuple[float, ...], *labels: str
) -> SummableHistogram:
    return SummableHistogram(
        f"safegrpo_{name}", documentation, labels, buckets=buckets, registry=registry
    )


_Mode = Literal["livesum", "mostrecent", "min", "max"]
"""How a gauge of several workers is one number."""


def _gauge(name: str, documentation: str, *labels: str, mode: _Mode = "livesum") -> Gauge:
    return Gauge(
        f"safegrpo_{name}",
        documentation,
        labels,
        multiprocess_mode=mode,
        registry=registry,
    )


_SAMPLES = _counter("samples", "Samples by outcome", "profile", "status")
_REWARD = _histogram("reward", "Rewards given", _REWARD_BUCKETS, "profile")
_COMPONENT = _histogram(
    "component",
    "Components of the rewards: gated, weighted contributions",
    _REWARD_BUCKETS,
    "profile",
    "run",
    "component",
)
_FAILURES = _counter(
    "format_failures",
    "Completions that failed the format, by failure code",
    "profile",
    "run",
    "code",
)
_VERDICTS = _counter(
    "verdicts",
    "Confusion of label and verdict, for each of the three judgements",
    "profile",
    "run",
    "judgement",
    "label",
    "verdict",
)
_STANCES = _counter(
    "stances",
    "The safety table: combined label and stance of the answer",
    "profile",
    "run",
    "label",
    "stance",
)
_GROUPS = _counter(
    "groups",
    "Groups of at least two samples: all of them; with equal rewards, all 0, all 1; "
    "with one verdict triple throughout",
    "profile",
    "run",
    "kind",
)
_TRIPLES = _counter(
    "verdict_triples",
    "How often each triple of verdicts (visual/text/combined) was given",
    "profile",
    "run",
    "triple",
)
_LENGTH = _histogram(
    "completion_characters", "Characters of the completions", _CHARACTERS, "profile", "run"
)
_RUN_REWARD = _histogram("run_reward", "Rewards given, by run", _REWARD_BUCKETS, "profile", "run")
_REWARD_BELOW_ZERO = _counter(
    "reward_below_zero",
    "What rewards below 0 add up to, without its sign; the sums of rewards are without it",
    "profile",
    "run",
)
_COMPONENT_BELOW_ZERO = _counter(
    "component_below_zero",
    "What penalties add up to, without its sign; the sums of components are without it",
    "profile",
    "run",
    "component",
)
_RUN_STEP = _gauge(
    "run_step", "The last training step that a request named", "profile", "run", mode="mostrecent"
)
_BATCH = _histogram("batch_samples", "Samples per request", _SIZES)
_LATENCY = _histogram(
    "request_seconds",
    "Seconds from a scoring request's whole head to its reply",
    _SECONDS,
    "protocol",
    "status",
)
_QUEUE_WAIT = _histogram(
    "queue_wait_seconds", "Seconds that a request waited to be scored", _SECONDS
)
_COMPUTE = _histogram(
    "compute_seconds",
    "Seconds of parsing, scoring (a judge's time too), replying",
    _SECONDS,
)
_batches, _queue_waits, _computes = map(tallies.series, (_BATCH, _QUEUE_WAIT, _COMPUTE))
_REJECTED = _counter("rejected", "Requests that got no rewards", "status", "reason")
_CAPTURED = _counter("captured_samples", "Samples of the sampled capture", "outcome")
_IN_FLIGHT = _gauge("in_flight", "Scoring requests being answered")
_QUEUE_BYTES = _gauge("queue_bytes", "Bytes being read, waiting or being scored")
_QUEUE_SAMPLES = _gauge("queue_samples", "Samples waiting or being scored")
_LIMIT_BYTES = _gauge("queue_limit_bytes", "Most bytes held before requests are turned away")
_LIMIT_SAMPLES = _gauge("queue_limit_samples", "Most samples held before requests are turned away")
_WORKERS = _gauge("workers", "Worker processes that live")
_START_TIME = _gauge(
    "start_time_seconds",
    "Unix time at which the service started; all counts begin there",
    mode="min",  # a worker that replaces another goes on with its counts
)
_PROFILE_INFO = _gauge(
    "profile_info", "1 for each reward version that is served", "profile", "version", mode="max"
)
_BUILD_INFO = _gauge("build_info", "1: the build", "version", "python", mode="max")


def announce(scorers: list[Scorer], admission: Admission) -> None:
    """Publish what does not change: the build, the reward versions, the bounds."""
    _BUILD_INFO.labels(version("safegrpo"), platform.python_version()).set(1)
    for scorer in scorers:
        _PROFILE_INFO.labels(scorer.profile.name, scorer.version).set(1)
    _LIMIT_BYTES.set(admission.max_bytes)
    _LIMIT_SAMPLES.set(admission.max_samples)
    _WORKERS.set(1)
    _START_TIME.set_to_current_time()


def publish(admission: Admission, in_flight: int) -> None:
    """Hand over what was counted, and how much is being done now."""
    with tallies.lock:
        for (scorer, run, outcome), times in _outcomes.items():
            _count_outcome(scorer, run, outcome, times)
        _outcomes.clear()
        tallies.flush()
    _IN_FLIGHT.set(in_flight)
    _QUEUE_BYTES.set(admission.bytes)
    _QUEUE_SAMPLES.set(admission.samples)


def answered(protocol: str, status: int, seconds: float) -> None:
    """Count a scoring request that got a reply, whatever it was."""
    tallies.observe(_LATENCY, seconds, protocol, str(status))


def rejected(status: int, reason: str) -> None:
    """Count a request that got no rewards."""
    tallies.count(_REJECTED, str(status), reason)


def unscored(profile: str, samples: int) -> None:
    """Count samples of a request that got no rewards because these have none."""
    tallies.count(_SAMPLES, profile, "service_error", amount=samples)


def timed(phases: Mapping[str, float]) -> None:
    """Count the seconds of a request that got rewards: its wait, and all else together."""
    queue = phases["queue"]
    with tallies.lock:
        _queue_waits.add(queue)
        _computes.add(sum(phases.values()) - queue)


def captured(outcome: str, samples: int) -> None:
    """Count samples that the capture has `written` or `dropped`."""
    tallies.count(_CAPTURED, outcome, amount=samples)


_Outcome = tuple[
    str,  # status
    float | None,  # reward
    tuple[float | None, ...],  # components
    str | None,  # failure code
    str | None,  # stance
    tuple[str, str, str],  # labels
    tuple[str | None, ...],  # verdicts
]
"""What the statistics tell apart about a sample. Samples share few of them."""

_NO_VERDICTS = (None, None, None)

_outcomes: Multiset[tuple[Scorer, str, _Outcome]] = Multiset()
"""What was scored since the last heartbeat, by profile and run; `tallies.lock` guards it."""


def record(scorer: Scorer, batch: RewardRequest, scores: list[Score], runs: Runs) -> None:
    """Count a scored batch."""
    profile, run, samples = scorer.profile.name, runs.label(batch.run), batch.samples
    with tallies.lock:
        _batches.add(len(samples))
        tallies.series(_LENGTH, profile, run).extend([len(one.completion) for one in samples])
        pairs = zip(samples, scores, strict=True)
        _outcomes.update([(scorer, run, _outcome(sample, score)) for sample, score in pairs])
        for kind, times in _groups(samples, scores).items():
            tallies.count(_GROUPS, profile, run, kind, amount=times)
    if batch.step is not None and batch.run:
        _RUN_STEP.labels(profile, run).set(batch.step)


def _outcome(sample: Sample, score: Score) -> _Outcome:
    status, reward, components, _, verdicts, stance, failure = score
    labels = sample.labels
    return (
        status,
        reward,
        tuple(components.values()),
        None if failure is None else failure.code,
        None if stance is None else stance.kind,
        (labels.visual, labels.text, labels.combined),
        _NO_VERDICTS if verdicts is None else tuple(verdicts.values()),
    )


def _count_outcome(scorer: Scorer, run: str, outcome: _Outcome, times: int) -> None:
    profile = scorer.profile.name
    status, reward, components, failure, stance, labels, verdicts = outcome
    tallies.count(_SAMPLES, profile, status, amount=times)
    if reward is None:
        return
    paid, below_zero = _by_sign(reward)
    tallies.observe(_REWARD, paid, profile, times=times)
    tallies.observe(_RUN_REWARD, paid, profile, run, times=times)
    tallies.count(_REWARD_BELOW_ZERO, profile, run, amount=below_zero * times)
    for name, value in zip(scorer.component_names, components, strict=True):
        paid, below_zero = _by_sign(value or 0.0)
        tallies.observe(_COMPONENT, paid, profile, run, name, times=times)
        tallies.count(_COMPONENT_BELOW_ZERO, profile, run, name, amount=below_zero * times)
    if failure is not None:
        tallies.count(_FAILURES, profile, run, failure, amount=times)
    for name, label, verdict in zip(SECTION_NAMES, labels, verdicts, strict=True):
        tallies.count(_VERDICTS, profile, run, name, label, verdict or "none", amount=times)
    tallies.count(_TRIPLES, profile, run, triple(verdicts), amount=times)
    tallies.count(_STANCES, profile, run, labels[-1], stance or "none", amount=times)


def _by_sign(value: float) -> tuple[float, float]:
    """What a value is above 0, and what it is below: one of them is 0."""
    return max(value, 0.0), max(-value, 0.0)


def _groups(samples: Sequence[Sample], scores: Sequence[Score]) -> Mapping[GroupKind, int]:
    groups: dict[str, list[Score]] = {}
    for sample, score in zip(samples, scores, strict=True):
        if sample.group is not None and score.reward is not None:
            groups.setdefault(sample.group, []).append(score)
    if not groups:
        return {}
    return Multiset(kind for scores in groups.values() for kind in group_kinds(scores))
