"""Runs as label values of metrics, bounded in number because clients choose the names."""

from pathlib import Path

import orjson

NO_RUN = "none"
OTHER_RUNS = "other"


class Runs:
    """Label values: the first `most` runs by name, all later ones `other`.

    Args:
        most: number of names to keep.
        file: shared by the workers, with the names in order of arrival.
    """

    def __init__(self, most: int, file: Path | None = None) -> None:
        self._most = most
        self._file = file
        self._known: set[str] = set()

    def label(self, run: str | None) -> str:
        if not run:
            return NO_RUN
        if run not in self._known and len(self._known) < self._most:
            self._learn(run)
        return run if run in self._known else OTHER_RUNS

    def _learn(self, run: str) -> None:
        names = [*self._known, run]
        if self._file is not None:
            with self._file.open("ab") as file:
                file.write(orjson.dumps(run, option=orjson.OPT_APPEND_NEWLINE))
            # Each worker reads the same order, so all keep the same names.
            names = [orjson.loads(line) for line in self._file.read_bytes().splitlines()]
        self._known = set(list(dict.fromkeys(names))[: self._most])
