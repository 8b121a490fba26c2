"""Groups that are still being scored, put together from all requests to all workers.

Many trainers send one completion a request, so a group arrives in parts, and each part at any of
the workers. Nothing tells how many there will be: a group counts once nothing of it has arrived for
a while. The parts add up in an SQLite table, because the workers are processes, and one that dies
must leave the others a table that is whole.
"""

import json
import logging
import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from app.groups import Group, group_of
from app.schema import RewardRequest
from rules.reward import Score

log = logging.getLogger("safegrpo.open_groups")

MOST = 20_000
"""Open groups held; those beyond that have been quiet the longest, and count at once."""

BUSY_SECONDS = 0.05
"""The longest wait for another worker, on the event loop; what is not written then, is later."""

LOOK_SECONDS = 0.5
"""How often a worker looks for complete groups while it has none of its own to add."""

_Key = tuple[str, str, str]
"""Profile, the run's label, and what tells a group from all others."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS groups (
    profile TEXT, run TEXT, name TEXT,
    members INTEGER, lowest REAL, highest REAL, triple TEXT, touched REAL,
    PRIMARY KEY (profile, run, name)
);
CREATE INDEX IF NOT EXISTS by_time ON groups (touched);
"""
_FIND = (
    "SELECT members, lowest, highest, triple FROM groups WHERE profile = ? AND run = ? AND name = ?"
)
_PUT = "REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_TOO_MANY = "SELECT touched FROM groups ORDER BY touched DESC LIMIT 1 OFFSET ?"
_QUIET = "SELECT profile, run, members, lowest, highest, triple FROM groups WHERE touched <= ?"
_REMOVE = "DELETE FROM groups WHERE touched <= ?"


class Settled(NamedTuple):
    """A group that is complete, as far as can be told."""

    profile: str
    run: str
    group: Group


class OpenGroups:
    """The groups that are being scored: added to from any thread, asked from one.

    Args:
        quiet_seconds: a group to which nothing was added for so long is complete.
        file: the table, shared by the workers; None: in memory, for a single one.
    """

    def __init__(self, quiet_seconds: float, file: Path | None = None) -> None:
        self._quiet_seconds = quiet_seconds
        self._added: dict[_Key, Group] = {}
        """What is not in the table yet; guarded by `_lock`."""
        self._lock = Lock()
        self._looked = 0.0
        self._table = sqlite3.connect(
            file or ":memory:", isolation_level=None, check_same_thread=False
        )
        self._table.execute("PRAGMA synchronous = OFF")  # it need not outlive the machine
        self._table.executescript(_SCHEMA)
        self._table.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def add(self, profile: str, run: str, batch: RewardRequest, scores: Sequence[Score]) -> None:
        """Add the samples of a scored batch that name their group.

        Args:
            run: the label of the run in the metrics, which several runs may share.
        """
        members: defaultdict[str, list[Score]] = defaultdict(list)
        for sample, score in zip(batch.samples, scores, strict=True):
            if sample.group is not None:
                members[sample.group].append(score)
        if not members:
            return
        # The prompts come again in each epoch, and other runs have the same ones.
        where = json.dumps([batch.run, batch.step])
        parts = ((name, group_of(scored)) for name, scored in members.items())
        self._add({(profile, run, where + name): part for name, part in parts if part})

    def _add(self, parts: Mapping[_Key, Group]) -> None:
        with self._lock:
            for key, part in parts.items():
                known = self._added.get(key)
                self._added[key] = part if known is None else known.plus(part)

    def settled(self) -> list[Settled]:
        """The groups that have become complete; each is returned once, to one of the workers."""
        now = time.monotonic()
        with self._lock:
            if not self._added and now < self._looked + LOOK_SECONDS:
                return []
            added, self._added = self._added, {}
        self._looked = now
        try:
            return self._take(added, now)
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                self._add(added)
            else:  # the disk is full, say: the rewards are right all the same
                log.error("groups could not be counted: %s", error.sqlite_errorname)
            return []

    def _take(self, added: Mapping[_Key, Group], now: float) -> list[Settled]:
        before = now - self._quiet_seconds
        self._table.execute("BEGIN IMMEDIATE")
        with self._table:
            for key, part in added.items():
                for known in self._table.execute(_FIND, key):
                    part = Group(*known).plus(part)
                self._table.execute(_PUT, (*key, *part, now))
            for (touched,) in self._table.execute(_TOO_MANY, (MOST,)):
                before = max(before, touched)
            found = self._table.execute(_QUIET, (before,)).fetchall()
            self._table.execute(_REMOVE, (before,))
        return [Settled(profile, run, Group(*group)) for profile, run, *group in found]

    def close(self) -> None:
        self._table.close()
