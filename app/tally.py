"""Counts in plain memory, flushed to prometheus-client a few times a second.

A request with one sample makes about twenty observations. One by one they cost as much as scoring
the sample, and more where each is written to a file shared by the workers; summed up they do not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
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


class Series:
    """Observations of one histogram with given labels, since the last flush."""

    def __init__(self, histogram: SummableHistogram, labels: tuple[str, ...]) -> None:
        self._histogram = histogram
        self._labels = labels
        self._bounds = histogram.bounds
        self._total = 0.0
        self._counts = [0] * len(self._bounds)

    def add(self, value: float, times: int = 1) -> None:
        self._total += value * times
        self._counts[bisect_left(self._bounds, value)] += times

    def extend(self, values: Sequence[float]) -> None:
        """Add many values."""
        bounds, counts = self._bounds, self._counts
        self._total += sum(values)
        for value in values:
            counts[bisect_left(bounds, value)] += 1

    def flush(self) -> None:
        if not any(self._counts):
            return
        _child(self._histogram, self._labels).add(self._total, self._counts)
        self._total, self._counts = 0.0, [0] * len(self._bounds)


class Tallies:
    """Counts since the last flush. Usable from any thread.

    Hold `lock` around the counts of one event, so that a flush takes all or none of them, and
    around any use of a series.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self._counts: defaultdict[tuple[Counter, tuple[str, ...]], float] = defaultdict(float)
        self._series: dict[tuple[SummableHistogram, tuple[str, ...]], Series] = {}

    def count(self, counter: Counter, *labels: str, amount: float = 1) -> None:
        """Add an amount; 0 creates the series if it does not exist yet."""
        with self.lock:
            self._counts[counter, labels] += amount

    def observe(
        self, histogram: SummableHistogram, value: float, *labels: str, times: int = 1
    ) -> None:
        with self.lock:
            self.series(histogram, *labels).add(value, times)

    def series(self, histogram: SummableHistogram, *labels: str) -> Series:
        """The sums of `histogram` with these labels; the caller may keep the object."""
        found = self._series.get((histogram, labels))
        if found is None:
            found = self._series[histogram, labels] = Series(histogram, labels)
        return found

    def flush(self) -> None:
        """Pass all counts to prometheus-client, and reset them."""
        with self.lock:
            for (counter, labels), amount in self._counts.items():
                _child(counter, labels).inc(amount)
            self._counts.clear()
            for series in self._series.values():
                series.flush()


def _child(metric: Metric, labels: tuple[str, ...]) -> Metric:
    return metric.labels(*labels) if labels else metric
