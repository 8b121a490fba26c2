"""A scoring request: bytes -> batch -> scores -> bytes, for every protocol.

Where it runs was chosen by measurement (`python -m benchmarks.service` prints the crossover).
Milliseconds for completions of 4,000 characters:

    profile, body       inline   thread   another process
    official    4 kB       0.1      0.1               0.3
    official   31 kB       0.1      0.2               0.5
    safegrpo    4 kB       0.2      0.4               0.7
    safegrpo   30 kB       2.0      2.1               2.5

So a thread costs at least 0.1 ms per request and a process 0.3 ms: as much as scoring one
completion. Small bodies are scored on the event loop, larger ones (from a few dozen short refusals)
in a thread, so that the loop stays responsive. A process would be faster for none of them, as a
worker scores one batch at a time either way; more workers use more processors.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope

from app import metrics
from app.admission import Admission, Ticket
from app.body import parse_body, read_body
from app.capture import Capture
from app.compression import unpack
from app.errors import RequestError
from app.exchange import Exchange, exchange_of
from app.open_groups import OpenGroups
from app.protocol import Protocol, Scored
from app.query import with_query
from app.reply import RewardResponse
from app.runs import Runs
from app.schema import Problem, RewardRequest, Sample
from app.scoring import Offload, Patience, Scoring, at_once
from app.settings import Settings
from app.shared_counts import shared_folder
from app.turns import Turns, waited_too_long
from rules.reward import Score, Scorer

INLINE_BYTES = 8 * 1024
"""Largest body that is scored on the event loop: see the module's docstring."""


class Service:
    """The state of a worker process: profiles, bounds, queue. Belongs to one event loop."""

    def __init__(self, settings: Settings, scoring: Scoring) -> None:
        self.settings = settings
        self.scoring = scoring
        self.admission = Admission(settings.queue_bytes, settings.queue_samples)
        self.turns = Turns()
        folder = shared_folder()
        self._runs = Runs(settings.max_runs, folder / "runs" if folder else None)
        self._groups = OpenGroups(settings.group_seconds, folder / "groups" if folder else None)
        self._capture = _capture(settings)
        self.ready = False
        self.in_flight = 0
        self._closing = False

    async def answer(self, scope: Scope, receive: Receive, protocol: Protocol[Any]) -> Response:
        """Score the samples of a request in `protocol`.

        Raises:
            RequestError: there are no rewards; it says why.
            ClientDisconnect: the client hung up.
        """
        exchange = exchange_of(scope)
        with self.admission.ticket() as ticket:
            body = await self.read(scope, receive, ticket)
            request = _Request(self, protocol, body, scope["query_string"], ticket, exchange)
            inline = len(body) <= INLINE_BYTES and not request.encoding
            if inline and time.monotonic() > request.deadline:
                raise waited_too_long()
            if inline and not self.scoring.asks_judges:
                return await request.steps(at_once, Patience(request.deadline))
            with self._watched(receive, request.deadline) as patience:
                place = self.turns.place(patience.deadline, patience.abandoned, exchange.waited)
                return await request.steps(at_once if inline else place.run, patience)

    @contextmanager
    def _watched(self, receive: Receive, deadline: float) -> Iterator[Patience]:
        """The patience of a client that has sent its body, which ends when it hangs up."""
        gone = asyncio.ensure_future(receive())  # the disconnect is all that is left to receive

        def abandoned() -> bool:
            return self._closing or gone.done()

        try:
            yield Patience(deadline, abandoned, gone)
        finally:
            gone.cancel()

    async def read(self, scope: Scope, receive: Receive, ticket: Ticket) -> bytes:
        """The body as it was sent, within the limits; raises what `read_body` does."""
        exchange, settings = exchange_of(scope), self.settings
        body = await read_body(
            receive, exchange.headers, settings.max_body_bytes, settings.body_seconds, ticket
        )
        exchange.bytes = len(body)
        return body

    def record(self, scored: Scored, exchange: Exchange) -> None:
        """Count a scored batch, and capture a share of it if configured."""
        run = self._runs.label(scored.batch.run)
        metrics.record(*scored, run)
        self._groups.add(scored.scorer.profile.name, run, scored.batch, scored.scores)
        if self._capture:
            self._capture.offer(scored, exchange.id.decode("ascii"))

    def publish(self) -> None:
        """Publish the worker's counts and its load; at each heartbeat, and before they are read."""
        metrics.grouped(self._groups.settled())
        metrics.publish(self.admission, self.in_flight)

    async def close(self) -> None:
        self._closing = True
        self.turns.close()
        if self._capture:
            self._capture.close()
        await self.scoring.close()
        self.publish()
        self._groups.close()


def _capture(settings: Settings) -> Capture | None:
    if settings.capture_folder is None:
        return None
    return Capture(
        settings.capture_folder,
        settings.capture_share,
        settings.capture_max_bytes,
        settings.workers,
    )


class _Request:
    """The steps of one request; `offload` runs those that compute."""

    def __init__(
        self,
        service: Service,
        protocol: Protocol[Any],
        body: bytes,
        query: bytes,
        ticket: Ticket,
        exchange: Exchange,
    ) -> None:
        self._service = service
        self._protocol = protocol
        self._body = body
        self._query = query
        self._ticket = ticket
        self._exchange = exchange
        self.encoding = exchange.encoding
        patience = service.settings.deadline_seconds - exchange.phases["queue"]
        self.deadline = time.monotonic() + patience

    async def steps(self, offload: Offload, patience: Patience) -> Response:
        self._exchange.lap()
        wire, batch, scorer = await offload(self._prepare)
        scores = await self._service.scoring.score(scorer, batch.samples, offload, patience)
        if patience.abandoned():
            raise ClientDisconnect
        self._exchange.lap("score")
        self._check_scored(scorer, scores)
        return await offload(lambda: self._reply(wire, Scored(scorer, batch, scores)))

    def _prepare(self) -> tuple[BaseModel, RewardRequest, Scorer]:
        settings = self._service.settings
        body = unpack(self._body, self.encoding, settings.max_body_bytes, self._ticket.hold)
        wire = parse_body(self._protocol.wire, body)
        batch = self._protocol.batch(wire)
        if self._query:
            batch = with_query(batch, self._query)
        scorer = self._service.scoring.scorer(batch.profile)
        self._exchange.profile = scorer.profile.name
        self._exchange.samples = len(batch.samples)
        check_sizes(batch.samples, settings)
        self._ticket.hold(samples=len(batch.samples))
        self._exchange.lap("parse")
        return wire, batch, scorer

    def _check_scored(self, scorer: Scorer, scores: list[Score]) -> None:
        """Refuse with 503 missing rewards that the protocol cannot express.

        A made-up number would be trained on.
        """
        missing = sum(score.reward is None for score in scores)
        may_lack = self._protocol.may_lack
        if not missing or may_lack == "all" or (may_lack == "some" and missing < len(scores)):
            return
        metrics.unscored(scorer.profile.name, missing)
        late = time.monotonic() > self.deadline
        which, when = "none" if missing == len(scores) else "not all", "in time" if late else "now"
        raise RequestError(
            503,
            f"{which} of the samples could be scored {when}; send them again",
            reason="deadline" if late else "internal",
        )

    def _reply(self, wire: BaseModel, scored: Scored) -> Response:
        exchange = self._exchange
        content = orjson.dumps(self._protocol.reply(wire, scored))
        self._service.record(scored, exchange)
        exchange.lap("serialise")
        metrics.timed(exchange.phases)
        return RewardResponse(content, scored.scorer.version, exchange.server_timing)


def check_sizes(samples: Sequence[Sample], settings: Settings) -> None:
    """Refuse batches over the limits.

    Raises:
        RequestError: 413 naming the limit and, where there is one, the sample.
    """
    if len(samples) > settings.max_samples:
        raise RequestError(
            413, f"the batch has {len(samples)} samples; at most {settings.max_samples} are taken"
        )
    most = settings.max_characters
    for index, sample in enumerate(samples):
        if len(sample.completion) > most or len(sample.prompt) > most:
            raise _too_long(index, sample, most)


def _too_long(index: int, sample: Sample, most: int) -> RequestError:
    field = "completion" if len(sample.completion) > most else "prompt"
    message = f"has {len(getattr(sample, field))} characters; at most {most} are taken"
    problem = Problem(field=f"samples[{index}].{field}", sample=index, message=message)
    return RequestError(413, f"{problem.field} {message}", [problem])
