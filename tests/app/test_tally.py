"""Sums handed over at once must leave what single observations would have."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from app.tally import SummableHistogram, Tallies

BUCKETS = (0.0, 0.5, 1.0)
VALUES = (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0)


def lines(registry: CollectorRegistry) -> list[bytes]:
    """The exposition, without the times at which series began."""
    return [line for line in generate_latest(registry).splitlines() if b"_created" not in line]


def test_a_flush_leaves_what_single_observations_would_have() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    summed = SummableHistogram("h", "d", ["run"], buckets=BUCKETS, registry=ours)
    single = Histogram("h", "d", ["run"], buckets=BUCKETS, registry=theirs)
    tallies = Tallies()
    for run in ("a", "b"):
        for value in VALUES:
            tallies.observe(summed, value, run)
            single.labels(run).observe(value)
    tallies.observe(summed, 0.75, "a", times=3)
    kept = tallies.series(summed, "a")
    kept.add(0.5)
    kept.extend([0.25, 2.0])
    tallies.flush()
    kept.add(2.0)
    for value in (0.75, 0.75, 0.75, 0.5, 0.25, 2.0, 2.0):
        single.labels("a").observe(value)
    tallies.flush()
    tallies.flush()
    assert lines(ours) == lines(theirs)


def test_metrics_without_labels_are_counted_too() -> None:
    registry = CollectorRegistry()
    counter = Counter("c", "d", registry=registry)
    histogram = SummableHistogram("h", "d", buckets=BUCKETS, registry=registry)
    tallies = Tallies()
    tallies.count(counter, amount=2)
    tallies.observe(histogram, 0.5, times=2)
    tallies.flush()
    assert registry.get_sample_value("c_total") == 2
    assert registry.get_sample_value("h_sum") == 1.0
    assert registry.get_sample_value("h_bucket", {"le": "0.5"}) == 2
