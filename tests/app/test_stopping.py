"""How a server ends: nothing in flight is lost, and no client delays it."""

import json
import signal

import httpx

from tests.app.raw_connections import connected, listens, reply_of
from tests.app.serving import eventually, free_port, sample, started, statistics, wait_ready

SAMPLES = 400
BODY = json.dumps({"samples": [sample()] * SAMPLES}).encode()


def test_on_sigterm_it_is_not_ready_then_listens_no_more_and_finishes_what_is_in_flight() -> None:
    port = free_port()
    process = started(port, "--drain-seconds", "3")
    address = f"http://127.0.0.1:{port}"
    head = f"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    in_flight = ("safegrpo_in_flight", frozenset[tuple[str, str]]())
    try:
        wait_ready(address, process)
        with connected(address) as connection:
            connection.sendall(head + BODY[:100])
            eventually(lambda: statistics(address)[in_flight] == 1)
            process.send_signal(signal.SIGTERM)
            eventually(lambda: httpx.get(f"{address}/readyz", timeout=60).status_code == 503)
            eventually(lambda: not listens(address))
            connection.sendall(BODY[100:])
            reply = reply_of(connection)
        assert process.wait(60) in (0, -signal.SIGTERM)
    finally:
        process.kill()
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["rewards"] == [1.0] * SAMPLES


def test_a_client_that_still_sends_a_refused_body_does_not_delay_the_end() -> None:
    port = free_port()
    process = started(port, "--drain-seconds", "0", "--max-body-bytes", "1024")
    address = f"http://127.0.0.1:{port}"
    try:
        wait_ready(address, process)
        with connected(address) as connection:
            connection.sendall(b"POST /reward HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
            process.send_signal(signal.SIGTERM)
            eventually(lambda: not listens(address))
            connection.sendall(b"x" * 2000)
            assert process.wait(20) in (0, -signal.SIGTERM)  # its grace would be 35 seconds
    finally:
        process.kill()
