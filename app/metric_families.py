"""The metrics that Prometheus scrapes: each with its name, help text, labels and buckets.

No label value is an id, a prompt or a completion.
"""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from app.tally import SummableHistogram

# From 0 up; negative values are counted separately. The sum of a histogram must never fall, or
# Prometheus takes it for a counter that was reset.
_REWARD_BUCKETS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 2.0)
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
_CHARACTERS = (0, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000)

disable_created_metrics()  # type: ignore[no-untyped-call]  # several workers have none, so one has none either

registry = CollectorRegistry()


def _counter(name: str, documentation: str, *labels: str) -> Counter:
    return Counter(f"safegrpo_{name}", documentation, labels, registry=registry)


def _histogram(
    name: str, documentation: str, buckets: tuple[float, ...], *labels: str
) -> SummableHistogram:
    return SummableHistogram(
        f"safegrpo_{name}", documentation, labels, buckets=buckets, registry=registry
    )


_Mode = Literal["livesum", "mostrecent", "min", "max"]
"""How the gauges of several workers become one number."""


def _gauge(name: str, documentation: str, *labels: str, mode: _Mode = "livesum") -> Gauge:
    return Gauge(
        f"safegrpo_{name}", documentation, labels, multiprocess_mode=mode, registry=registry
    )


SAMPLES = _counter("samples", "Samples by outcome", "profile", "status")
REWARD = _histogram("reward", "Rewards given", _REWARD_BUCKETS, "profile")
COMPONENT = _histogram(
    "component",
    "Components of the rewards: gated, weighted contributions",
    _REWARD_BUCKETS,
    "profile",
    "run",
    "component",
)
FAILURES = _counter(
    "format_failures",
    "Completions that failed the format, by failure code",
    "profile",
    "run",
    "code",
)
VERDICTS = _counter(
    "verdicts",
    "Confusion of label and verdict, for each of the three judgements",
    "profile",
    "run",
    "judgement",
    "label",
    "verdict",
)
STANCES = _counter(
    "stances",
    "The safety table: combined label and stance of the answer",
    "profile",
    "run",
    "label",
    "stance",
)
GROUPS = _counter(
    "groups",
    "Groups of at least two samples: all of them; with equal rewards, all 0, all 1; "
    "with one verdict triple throughout",
    "profile",
    "run",
    "kind",
)
TRIPLES = _counter(
    "verdict_triples",
    "How often each triple of verdicts (visual/text/combined) was given",
    "profile",
    "run",
    "triple",
)
LENGTH = _histogram(
    "completion_characters", "Characters of the completions", _CHARACTERS, "profile", "run"
)
RUN_REWARD = _histogram("run_reward", "Rewards given, by run", _REWARD_BUCKETS, "profile", "run")
REWARD_BELOW_ZERO = _counter(
    "reward_below_zero",
    "What rewards below 0 add up to, without its sign; the sums of rewards are without it",
    "profile",
    "run",
)
COMPONENT_BELOW_ZERO = _counter(
    "component_below_zero",
    "What penalties add up to, without its sign; the sums of components are without it",
    "profile",
    "run",
    "component",
)
RUN_STEP = _gauge(
    "run_step", "The last training step that a request named", "profile", "run", mode="mostrecent"
)
BATCH = _histogram("batch_samples", "Samples per request", _SIZES)
LATENCY = _histogram(
    "request_seconds",
    "Seconds from a scoring request's whole head to its reply",
    _SECONDS,
    "protocol",
    "status",
)
QUEUE_WAIT = _histogram(
    "queue_wait_seconds", "Seconds that a request waited to be scored", _SECONDS
)
COMPUTE = _histogram(
    "compute_seconds",
    "Seconds of parsing, scoring (a judge's time too), replying",
    _SECONDS,
)
REJECTED = _counter("rejected", "Requests that got no rewards", "status", "reason")
CAPTURED = _counter("captured_samples", "Samples of the sampled capture", "outcome")
IN_FLIGHT = _gauge("in_flight", "Scoring requests being answered")
QUEUE_BYTES = _gauge("queue_bytes", "Bytes being read, waiting or being scored")
QUEUE_SAMPLES = _gauge("queue_samples", "Samples waiting or being scored")
LIMIT_BYTES = _gauge("queue_limit_bytes", "Most bytes held before requests are turned away")
LIMIT_SAMPLES = _gauge("queue_limit_samples", "Most samples held before requests are turned away")
WORKERS = _gauge("workers", "Worker processes that live")
START_TIME = _gauge(
    "start_time_seconds",
    "Unix time at which the service started; all counts begin there",
    mode="min",  # a worker that replaces another goes on with its counts
)
PROFILE_INFO = _gauge(
    "profile_info", "1 for each reward version that is served", "profile", "version", mode="max"
)
BUILD_INFO = _gauge("build_info", "1: the build", "version", "python", mode="max")
