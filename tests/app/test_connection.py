"""What a connection bears: slow and hostile clients, and what surrounds a body."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from unittest.mock import Mock

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from app.processes import _connection
from app.server import create_app
from app.settings import Settings
from tests.app.local import SCORING
from tests.app.raw_connections import connected, keep_sending, reply_of
from tests.app.serving import eventually, sample, server, statistics

BODY = json.dumps({"samples": [sample()] * 400}).encode()
PROBE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that waits a second for its clients, and holds seven large bodies."""
    limits = ("--max-body-bytes", str(len(BODY)), "--queue-bytes", str(7 * len(BODY)))
    with server(*limits, "--head-seconds", "1", "--body-seconds", "1") as (address, _):
        yield address


def test_slow_clients_are_disconnected_and_keep_nobody_out(address: str) -> None:
    """They announce more, together, than the service can hold."""
    head = f"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n{{"
    with ExitStack() as connections:
        slow = [connections.enter_context(connected(address)) for _ in range(10)]
        for connection in slow:
            connection.sendall(head.encode())
        assert httpx.post(f"{address}/reward", content=BODY, timeout=60).status_code == 200
        assert reply_of(slow[0]).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"", b"POST /reward HTTP/1.1\r\nHost", PROBE + b"GET /"])
def test_a_client_that_stalls_in_a_head_is_disconnected(address: str, sent: bytes) -> None:
    with connected(address) as connection:
        connection.sendall(sent)
        while connection.recv(4096):  # until the server closes the connection
            pass


def test_a_head_in_pieces_is_read_and_a_connection_waits_for_the_next(address: str) -> None:
    with connected(address) as connection:
        for pause in (0.0, 1.5):  # between requests, longer than a head may take
            time.sleep(pause)
            for piece in (PROBE[:9], PROBE[9:]):
                connection.sendall(piece)
                time.sleep(0.1)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_asks_for_http2_is_told_why_there_are_no_rewards(address: str) -> None:
    """Java's client asks for it of its own accord, and so does `curl --http2`."""
    upgrade = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMA"}
    reply = httpx.post(f"{address}/reward", content=BODY, headers=upgrade, timeout=60)
    assert reply.status_code == 400
    assert "header Upgrade" in reply.json()["error"]


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /healthz HTTP/1.1\r\n", b"X: " + b"x" * 1000 + b"\r\n"),
        (b"GET /healthz HTTP/1.1\r\nX: ", b"x" * 1000),
        (b"POST /nowhere" + CHUNKED + b"0\r\n", b"X: " + b"x" * 1000 + b"\r\n"),
        (b"POST /reward" + CHUNKED + b"1;", b"x" * 1000),
    ],
    ids=["headers", "one header", "trailers", "a chunk's extension"],
)
def test_the_framing_of_a_body_is_bounded(address: str, begin: bytes, more: bytes) -> None:
    """By bytes: in the second after which it is let go a client could send many times as many."""
    with connected(address) as connection:
        # What the system holds for a server that does not get to read would count as taken.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        connection.sendall(begin)
        assert keep_sending(connection, more) < 2**20


def test_a_large_head_and_a_body_in_the_smallest_chunks_are_read(address: str) -> None:
    body = json.dumps({"samples": [sample()]}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    with connected(address) as connection:
        head = b"POST /reward" + CHUNKED.replace(b"Host", b"X: " + b"x" * 30_000 + b"\r\nHost")
        connection.sendall(head + chunks)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_keeps_sending_a_refused_body_is_disconnected(address: str) -> None:
    with connected(address) as connection:
        connection.sendall(b"POST /nowhere" + CHUNKED)
        assert connection.recv(4096).startswith(b"HTTP/1.1 404 ")
        keep_sending(connection, b"1\r\nx\r\n", pause=0.1)


def test_a_client_that_asks_to_close_is_told_why_its_body_is_refused(
    address: str,
) -> None:
    """As `urllib` asks: it sends all of the body before it reads anything."""
    for _ in range(10):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/reward", b" " * (40 * len(BODY)), timeout=60)
        assert refused.value.code == 413


@pytest.mark.parametrize("before", [b"", PROBE])
@pytest.mark.parametrize("target", [b"http://host", b"http://["])
def test_a_malformed_address_is_refused(address: str, before: bytes, target: bytes) -> None:
    with connected(address) as connection:
        connection.sendall(before + b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 400 " in reply_of(connection)


def test_a_refused_client_that_expects_100_continue_is_not_waited_for(address: str) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
    with connected(address) as connection:
        started = time.monotonic()
        connection.sendall(head + b"Connection: close\r\nExpect: 100-continue\r\n\r\n")
        assert reply_of(connection).startswith(b"HTTP/1.1 404 ")
        assert time.monotonic() - started < 0.9  # the server's `body_seconds` is 1


def test_a_client_that_hangs_up_with_pipelined_requests_is_noticed(address: str) -> None:
    head = f"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    seconds = "safegrpo_request_seconds_count"
    gone = (seconds, frozenset({("protocol", "reward"), ("status", "499")}))
    before = statistics(address).get(gone, 0)
    for _ in range(5):
        with connected(address) as connection:
            connection.sendall((head + BODY) * 2)
    eventually(lambda: statistics(address).get(gone, 0) >= before + 5)
    held = ("safegrpo_queue_samples", frozenset[tuple[str, str]]())
    eventually(lambda: statistics(address)[held] == 0)


def test_a_client_that_does_not_read_its_replies_is_disconnected(address: str) -> None:
    body = json.dumps({"samples": [sample("")] * 1_500}).encode()
    head = f"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = httpx.URL(address)
        connection.connect((url.host, url.port or 80))
        connection.settimeout(60)
        for _ in range(20):  # replies that the system's own buffers cannot hold
            connection.sendall(head + body)
        keep_sending(connection, b"\r\n", pause=0.1)


def test_a_head_and_the_reading_of_a_reply_have_times_of_their_own() -> None:
    loop = Mock()
    loop.create_task = lambda answering, **_: answering.close() or Mock()
    config = uvicorn.Config(create_app(Settings(), SCORING), log_config=None, ws="none")
    config.load()
    make = _connection(Settings(head_seconds=1, body_seconds=2))
    connection = make(config=config, server_state=ServerState(), app_state={}, _loop=loop)
    connection.connection_made(Mock(get_extra_info=Mock(return_value=None)))
    connection.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    connection.pause_writing()
    assert [clock.args[0] for clock in loop.call_later.call_args_list] == [1, 2]
