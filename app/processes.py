"""The processes of a server: one, or several workers under a supervisor.

The supervisor replaces a worker that dies or hangs. The workers share a port and a folder of
counts, which exists as long as the server does.

Each worker listens on its own socket, and the system distributes connections among them. With a
shared socket, the first worker to wake up accepts all that wait, so that a trainer which opens all
its connections at once, and keeps them, would have them all in one worker.
"""

import logging
import socket
import ssl
import sys
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from app.connection import Connection
from app.lifespan import HUNG_SECONDS
from app.logs import log_config
from app.server import create_app
from app.settings import Settings
from app.shared_counts import shared_counts
from app.supervisor import Supervisor

log = logging.getLogger("safegrpo.processes")

STOP_SECONDS = 2
"""Time for a worker to close its resources, beyond the configured drain and grace periods."""


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        SystemExit: the service cannot start; status 3.
    """
    config = _config(settings)
    try:
        bound = config.bind_socket()
    except SystemExit as stopped:  # uvicorn has logged why, but not where
        why = getattr(stopped.__context__, "strerror", None) or "the system refuses"
        log.error("cannot listen on %s, port %d: %s", settings.host, settings.port, why)
        raise
    if settings.workers == 1:
        uvicorn.Server(config).run([bound])
        return
    shared = _Port(bound) if sys.platform == "linux" else bound  # others do not distribute
    with shared_counts():
        stop_seconds = settings.drain_seconds + settings.grace_seconds + STOP_SECONDS
        sockets = [cast(socket.socket, shared)]
        supervisor = Supervisor(config, sockets, HUNG_SECONDS, stop_seconds)
        supervisor.run()
        if supervisor.failed:
            sys.exit(STARTUP_FAILURE)


class _Port:
    """Stands in for a listening socket until it is unpickled in a worker, where it becomes one.

    `bound`, which never listens, reserves the port for the workers.
    """

    def __init__(self, bound: socket.socket) -> None:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._bound = bound

    def __reduce__(self) -> tuple[Any, ...]:
        return _sharing_port, (self._bound.family, self._bound.getsockname())


def _sharing_port(family: int, address: Any) -> socket.socket:
    listening = socket.socket(family)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        listening.setsockopt(socket.SOL_SOCKET, option, 1)
    listening.bind(address)
    return listening


def _config(settings: Settings) -> uvicorn.Config:
    password = settings.tls_key_password
    return uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=log_config(settings.log_level),
        access_log=False,
        http=_connection(settings),
        ws="none",
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.grace_seconds,
        timeout_worker_healthcheck=HUNG_SECONDS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        ssl_keyfile_password=password.get_secret_value() if password else None,
        ssl_ca_certs=str(settings.tls_client_ca) if settings.tls_client_ca else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if settings.tls_client_ca else ssl.CERT_NONE,
    )


def _connection(settings: Settings) -> Any:
    """The factory that uvicorn calls for each connection."""
    return partial(
        Connection, head_seconds=settings.head_seconds, body_seconds=settings.body_seconds
    )
