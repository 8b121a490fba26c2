"""Counts in plain memory, handed to prometheus-client a few times a second.

A request of one sample makes some twenty observations. Made one by one they cost as much as scoring
the sample, the more so where each goes into a file shared with other workers; as sums they do not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Multiset
from collections.abc import Sequence
from threading import RLock
from typing import TypeVar

from prometheus_client import Counter, Histogram

Metric = TypeVar("Metric", Counter, "SummableHistogram")


class SummableHistogram(Histogram):
    """A histogram that takes many observations at once."""

    @property
    def bounds(self) -> list[float]:
        """Upper bounds of the buckets, the last one infinite."""
        return self._upper_bounds

    def add(self, total: float, counts: list[int]) -> None:
        """Add observations: their sum, and how many fell into each bucket."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class Tallies:
    """What was counted since the last flush. Usable from any thread.

    Hold `lock` around the counts of one event, so that a flush takes all of them or none.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self._counts: Multiset[tuple[Counter, tuple[str, ...]]] = Multiset()
        self._observed: dict[tuple[SummableHistogram, tuple[str, ...]], _Observed] = {}

    def count(self, counter: Counter, *labels: str, times: int = 1) -> None:
        with self.lock:
            self._counts[counter, labels] += times

    def observe(
        self, histogram: SummableHistogram, value: float, *labels: str, times: int = 1
    ) -> None:
        with self.lock:
            observed = self._sums(histogram, labels)
            observed.total += value * times
            observed.counts[bisect_left(histogram.bounds, value)] += times

    def observe_all(
        self, histogram: SummableHistogram, values: Sequence[float], *labels: str
    ) -> None:
        with self.lock:
            observed = self._sums(histogram, labels)
            observed.total += sum(values)
            bounds, counts = histogram.bounds, observed.counts
            for value in values:
                counts[bisect_left(bounds, value)] += 1

    def _sums(self, histogram: SummableHistogram, labels: tuple[str, ...]) -> _Observed:
        observed = self._observed.get((histogram, labels))
        if observed is None:
            observed = self._observed[histogram, labels] = _Observed(len(histogram.bounds))
        return observed

    def flush(self) -> None:
        """Hand everything over, and begin anew."""
        with self.lock:
            counts, self._counts = self._counts, Multiset()
            histograms, self._observed = self._observed, {}
            for (counter, labels), count in counts.items():
                _child(counter, labels).inc(count)
            for (histogram, labels), observed in histograms.items():
                _child(histogram, labels).add(observed.total, observed.counts)


class _Observed:
    def __init__(self, buckets: int) -> None:
        self.total = 0.0
        self.counts = [0] * buckets


def _child(metric: Metric, labels: tuple[str, ...]) -> Metric:
    return metric.labels(*labels) if labels else metric
