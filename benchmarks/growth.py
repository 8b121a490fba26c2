"""Hostile inputs: how the verifier's time and memory grow with their size."""

import math
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise

from benchmarks.corpus import Maker, hostile, hostile_answers, hostile_to
from rules.labels import Labels
from rules.profile import Profile, load_profile
from rules.reward import Scorer
from rules.stance import StanceDetector

Read = Callable[[str], object]

SAFE = Labels("safe", "safe", "safe")
MOST_GROWTH = 2.2
"""Factor by which time may grow when the input's size doubles."""
LEAST_SECONDS = 1e-3
"""Shorter times are too noisy to measure growth."""


def time_growth(largest: int) -> None:
    """Time of every hostile input at the largest size, and its growth per doubling."""
    header = f"{'hostile input':<46} {'read by':<9} {f'ms at {largest}':>14}"
    print(f"\n{header} {'growth, fitted':>15} {'worst doubling':>15}")
    worst = 0.0
    for reader, read, inputs in _readers():
        for name, make in inputs:
            times = _times(read, make, _doublings(largest))
            fitted, steepest = _growth(times)
            worst = max(worst, steepest)
            print(
                f"{name:<46} {reader:<9} {times[-1] * 1e3:>14.1f} {fitted:>15.2f} "
                f"{steepest:>15.2f}{_mark(steepest)}"
            )
    print(f"worst growth per doubling: {worst:.2f} (bound {MOST_GROWTH})")


def pattern_growth(largest: int) -> None:
    """The same for answers made of each lexicon pattern's words; the worst of each language."""
    detector = _unlimited_stance()
    print(f"\n{'own words of each pattern of':<46} {'inputs':>9} {f'most ms at {largest}':>20} "
          f"{'worst growth, fitted':>20}")  # fmt: skip
    for language in detector.languages:
        own = [pattern for pattern in detector.patterns if pattern.language == language]
        makers = [make for pattern in own for _, make in hostile_to(pattern)]
        fitted = [_fitted(detector.detect, make(largest // 8), make(largest)) for make in makers]
        slowest, steepest = (max(column) for column in zip(*fitted, strict=True))
        print(
            f"{language:<46} {len(makers):>9} {slowest * 1e3:>20.1f} {steepest:>20.2f}"
            f"{_mark(steepest)}"
        )


def _fitted(read: Read, small: str, large: str) -> tuple[float, float]:
    """Seconds of `large`, and the growth per doubling from a text an eighth as long."""
    seconds = _seconds(read, large)
    ratio = seconds / _seconds(read, small)
    if ratio > MOST_GROWTH**3:
        ratio = _ratio(read, small, large)
    return seconds, ratio ** (1 / 3)


def _mark(growth: float) -> str:
    return "" if growth <= MOST_GROWTH else "  OVER"


def _readers() -> Iterator[tuple[str, Read, Iterable[tuple[str, Maker]]]]:
    """The profiles and the stance rules alone, without limits, and the inputs for each.

    A looping answer fails the format of a strict profile, which then asks for no stance.
    """
    for profile in ("official", "paper", "safegrpo"):
        scorer = Scorer(_unlimited(load_profile(profile)))
        yield profile, partial(scorer.score, labels=SAFE), hostile(_suffix(profile))
    yield "stance", _unlimited_stance().detect, hostile_answers()


def _unlimited_stance() -> StanceDetector:
    return StanceDetector(timeout=3600)


def _unlimited(profile: Profile) -> Profile:
    """The profile without its length limit, which would hide its behaviour on long input."""
    return profile.model_copy(update={"max_characters": None})


def _suffix(profile: str) -> str:
    return "" if profile == "safegrpo" else "_safe"


def _doublings(largest: int) -> list[int]:
    return [size for exponent in range(10, 31) if (size := 2**exponent) <= largest]


def _times(read: Read, make: Maker, sizes: Sequence[int]) -> list[float]:
    """Seconds at each size; a doubling that looks too steep is measured again, interleaved."""
    times: list[float] = []
    for smaller, size in zip((sizes[0], *sizes), sizes, strict=False):
        seconds = _seconds(read, make(size))
        if times and seconds > MOST_GROWTH * max(times[-1], LEAST_SECONDS):
            seconds = times[-1] * _ratio(read, make(smaller), make(size))
        times.append(seconds)
    return times


def _ratio(read: Read, small: str, large: str) -> float:
    """How much longer `large` takes; interleaved, so that noise affects both alike."""
    rounds = [(_seconds(read, small), _seconds(read, large)) for _ in range(5)]
    return statistics.median(longer / shorter for shorter, longer in rounds)


def _seconds(read: Read, text: str) -> float:
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        read(text)
        best = min(best, time.thread_time() - started)
    return best


def _growth(times: Sequence[float]) -> tuple[float, float]:
    """The factor per doubling, by a straight line through the logarithms, and the worst one.

    Over the sizes that take long enough for fixed costs and the clock's grain not to matter.
    """
    long = [seconds for seconds in times if seconds >= LEAST_SECONDS]
    if len(long) < 2:
        return 1.0, 1.0
    line = statistics.linear_regression(range(len(long)), [math.log2(s) for s in long])
    return 2**line.slope, max(last / first for first, last in pairwise(long))


def peak_memory() -> None:
    """The most memory that reading a megabyte of hostile input holds, in copies of it in UTF-8."""
    print(
        f"\n{'1 MB that takes the most memory':<46} {'read by':<9} {'peak MB':>14} {'copies':>15}"
    )
    for reader, read, inputs in _readers():
        peaks = []
        for name, make in inputs:
            text = make(10**6)
            read(make(10**4))  # what is loaded once is no copy
            tracemalloc.start()
            read(text)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            peaks.append((peak / len(text.encode()), peak / 1e6, name))
        copies, megabytes, name = max(peaks)
        print(f"{name:<46} {reader:<9} {megabytes:>14.1f} {copies:>15.1f}")
