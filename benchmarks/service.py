"""How fast the service is over HTTP, beside named peers in the same run.

    python -m benchmarks.service            # all of it, about three minutes
    python -m benchmarks.service --quick

It starts its own servers. Subjects take turns, and ratios are medians over rounds, so that noise
affects them alike; CPU time is given beside wall time. Absolute requests per second are meaningful
only on an otherwise idle machine.
"""

import argparse

from benchmarks import batches, offload, singles
from benchmarks.bodies import request, samples
from benchmarks.serving import service


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--quick", action="store_true", help="fewer rounds, shorter loads")
    quick = arguments.parse_args().quick
    with service() as server:
        batches.measure(server, rounds=3 if quick else 9)
        batches.growth(server, largest=64 if quick else 4_096)
        singles.measure(server, rounds=2 if quick else 9, seconds=1.0 if quick else 5.0)
    sizes = (1, 2, 8, 64) if quick else (1, 2, 8, 64, 512)
    offload.compare(
        {
            f"{profile} {size} x {batches.CHARACTERS}": request(
                profile, samples(size, batches.CHARACTERS, profile)
            )
            for profile in ("official", "safegrpo")
            for size in sizes
        }
    )


if __name__ == "__main__":
    main()
