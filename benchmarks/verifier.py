"""How fast the verifier is, beside two peers in the same run; and that nothing makes it hang.

    python -m benchmarks.verifier            # all of it, about two minutes
    python -m benchmarks.verifier --quick

One process, one thread, processor time. Every ratio is the median over rounds in which the subjects
take turns, so that a noisy machine disturbs them alike.
"""

import argparse
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence

from benchmarks.corpus import hostile, malformed, typographic, well_formed
from benchmarks.peers import LarkReward, re_reward
from rules.labels import Labels
from rules.profile import Profile, load_profile
from rules.reward import Scorer

Batch = Sequence[tuple[str, Labels]]
Rewarder = Callable[[str, Labels], float | None]

SIZES = (600, 3_000, 13_000, 51_000)
KINDS = {"well-formed": well_formed, "malformed": malformed, "typographic": typographic}
TARGETS = {
    ("official", 3_000): 5.0,
    ("official", 13_000): 20.0,
    ("paper", 3_000): 1.5,
    ("paper", 13_000): 6.0,
}
MOST_GROWTH = 2.2
LARGEST = 2**20


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer rounds and sizes")
    quick = arguments.parse_args().quick
    throughput(rounds=3 if quick else 9, sizes=SIZES[:3] if quick else SIZES)
    growth(largest=2**17 if quick else LARGEST)
    memory()


def throughput(rounds: int, sizes: Sequence[int]) -> None:
    """Completions/s and MB/s of each subject, and its ratio to the `re` peer."""
    subjects: dict[str, Rewarder] = {
        "re peer": re_reward,
        "lark peer": LarkReward(),
        "official": _rewarder("official"),
        "paper": _rewarder("paper"),
    }
    header = f"{'characters':>10} {'input':<12} {'subject':<10}"
    print(f"{header} {'compl./s':>10} {'MB/s':>8} {'x re':>7}  target")
    for size in sizes:
        for kind, make in KINDS.items():
            batch = [make(random.Random(seed), size) for seed in range(max(8, 200_000 // size))]
            seconds = _take_turns(subjects, batch, rounds)
            for name, rounds_taken in seconds.items():
                _print_row(size, kind, name, batch, rounds_taken, seconds["re peer"])


def _rewarder(profile: str) -> Rewarder:
    scorer = Scorer(load_profile(profile))
    return lambda completion, labels: scorer.score(completion, labels).reward


def _take_turns(subjects: dict[str, Rewarder], batch: Batch, rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for round_ in range(rounds + 1):
        for name, reward in subjects.items():
            started = time.thread_time()
            for completion, labels in batch:
                reward(completion, labels)
            if round_:  # the first one warms up
                seconds[name].append(time.thread_time() - started)
    return seconds


def _print_row(
    size: int, kind: str, name: str, batch: Batch, taken: list[float], peer: list[float]
) -> None:
    median = statistics.median(taken)
    ratio = statistics.median(theirs / ours for theirs, ours in zip(peer, taken, strict=True))
    characters = sum(len(completion) for completion, _ in batch)
    target = TARGETS.get((name, size)) if kind == "well-formed" else None
    verdict = "" if target is None else f">= {target:g}: {'met' if ratio >= target else 'MISSED'}"
    print(
        f"{size:>10} {kind:<12} {name:<10} {len(batch) / median:>10,.0f} "
        f"{characters / median / 1e6:>8.1f} {ratio:>7.1f}  {verdict}"
    )


def growth(largest: int) -> None:
    """Seconds at the largest size, and the growth of time per doubling, for every hostile input."""
    header = f"{'hostile input':<28} {'profile':<9} {f'ms at {largest}':>14}"
    print(f"\n{header} {'growth per doubling':>20}")
    worst = 0.0
    for profile in ("official", "paper", "safegrpo"):
        scorer = Scorer(_unlimited(load_profile(profile)))
        for name, make in hostile():
            times = [_seconds(scorer, make(size)) for size in _doublings(largest)]
            rate = _growth_rate(times)
            worst = max(worst, rate)
            mark = "" if rate <= MOST_GROWTH else "  OVER"
            print(f"{name:<28} {profile:<9} {times[-1] * 1e3:>14.1f} {rate:>20.2f}{mark}")
    print(f"worst growth per doubling: {worst:.2f} (bound {MOST_GROWTH})")


def _unlimited(profile: Profile) -> Profile:
    """The profile without its length limit, which would hide what it does with long input."""
    return profile.model_copy(update={"max_characters": None})


def _doublings(largest: int) -> list[int]:
    return [size for exponent in range(10, 31) if (size := 2**exponent) <= largest]


def _seconds(scorer: Scorer, completion: str) -> float:
    labels = Labels("safe", "safe", "safe")
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        scorer.score(completion, labels)
        best = min(best, time.thread_time() - started)
    return best


def _growth_rate(times: Sequence[float]) -> float:
    """The factor per doubling over the last four doublings, where fixed costs no longer matter."""
    last = times[-5:]
    return float((last[-1] / last[0]) ** (1 / (len(last) - 1)))


def memory() -> None:
    """Peak memory of scoring one completion of a megabyte, in copies of it."""
    print(f"\n{'1 MB completion':<28} {'profile':<9} {'peak MB':>14} {'copies':>20}")
    for profile in ("official", "paper", "safegrpo"):
        scorer = Scorer(_unlimited(load_profile(profile)))
        suffix = "" if profile == "safegrpo" else "_safe"
        completions = {
            "well-formed": well_formed(random.Random(0), 10**6, suffix)[0],
            "only <": "<" * 10**6,
        }
        for kind, text in completions.items():
            tracemalloc.start()
            scorer.score(text, Labels("safe", "safe", "safe"))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            print(f"{kind:<28} {profile:<9} {peak / 1e6:>14.1f} {peak / len(text):>20.1f}")


if __name__ == "__main__":
    main()
