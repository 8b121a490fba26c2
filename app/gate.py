"""The outermost layer of the application: request ids, API keys, metrics, logs, unexpected errors.

It is plain ASGI and passes scoring requests straight to the service: for a single sample, the
layers of a web framework take longer than scoring.
"""

import logging
from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.auth import Keys
from app.errors import NO_SUCH_ADDRESS, RequestError
from app.exchange import Exchange, exchange_of
from app.logs import failure
from app.protocol import Protocol
from app.reply import json_response
from app.service import Service

log = logging.getLogger("safegrpo.requests")

CLIENT_GONE = 499
"""The status in logs and metrics of a request whose client hung up."""


class Gate:
    """Every request passes through here."""

    def __init__(
        self, app: ASGIApp, service: Service, protocols: tuple[Protocol[Any], ...], keys: Keys
    ) -> None:
        self._app = app
        self._service = service
        self._protocols = {protocol.path: protocol for protocol in protocols}
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope)
        marked = self._marking(exchange, send)
        protocol = self._protocol(scope)
        if protocol is not None:
            exchange.protocol, exchange.route = protocol.name, protocol.path
        self._service.in_flight += protocol is not None
        try:
            await self._let_in(scope, receive, marked, protocol)
        except ClientDisconnect:
            # If an endpoint raised it, the handler of unexpected errors has recorded a 503 already.
            exchange.status, exchange.reason = CLIENT_GONE, None
        except (Exception, CancelledError) as error:  # the latter: the server ends
            log.error("a request failed", extra={"event": exchange.event(scope) | failure(error)})
            if exchange.status is None:
                await failed(scope)(scope, receive, marked)
        finally:
            self._service.in_flight -= protocol is not None
            self._account(scope)

    def _protocol(self, scope: Scope) -> Protocol[Any] | None:
        """The protocol of a scoring request; None for others.

        A trailing slash is ignored, since not all clients follow redirects.
        """
        return self._protocols.get(scope["path"].rstrip("/")) if scope["method"] == "POST" else None

    async def _let_in(
        self, scope: Scope, receive: Receive, send: Send, protocol: Protocol[Any] | None
    ) -> None:
        try:
            if "\n" in scope["path"]:
                # The framework's routes also match a path with a trailing newline.
                raise RequestError(404, NO_SUCH_ADDRESS)
            self._keys.check(scope["path"], exchange_of(scope).headers)
            if protocol is None:
                # Every GET has a HEAD; uvicorn omits the body.
                asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
                await self._app(asked, receive, send)
                return
            response = await self._service.answer(scope, receive, protocol)
        except RequestError as error:
            response = refused(scope, error)
        await response(scope, receive, send)

    def _marking(self, exchange: Exchange, send: Send) -> Callable[[Message], Any]:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", exchange.id)]
                if not self._service.ready:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        return marked

    def _account(self, scope: Scope) -> None:
        exchange = exchange_of(scope)
        status = exchange.status or CLIENT_GONE
        if exchange.protocol is not None:
            metrics.answered(exchange.protocol, status, exchange.seconds)
            if exchange.reason is not None:
                metrics.rejected(status, exchange.reason)
        if status >= 500 and exchange.protocol is not None:
            log.error("no rewards", extra={"event": exchange.event(scope)})
        elif exchange.reason is not None:
            log.warning("refused", extra={"event": exchange.event(scope)})
        elif self._service.settings.log_requests:
            log.info("answered", extra={"event": exchange.event(scope)})


def refused(scope: Scope, error: RequestError) -> Response:
    """The reply to a request that gets no rewards."""
    exchange_of(scope).reason = error.reason
    return json_response(error.reply.model_dump(), error.status, error.headers)


def failed(scope: Scope) -> Response:
    """The reply to a request that the service failed on: no reward is made up; a retry may help."""
    return refused(scope, RequestError(503, "the service failed on this request; send it again"))
