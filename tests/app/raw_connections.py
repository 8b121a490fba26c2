"""Connections to a server, byte by byte."""

import socket
import time

import httpx


def connected(address: str) -> socket.socket:
    url = httpx.URL(address)
    return socket.create_connection((url.host, url.port or 80), 60)


def reply_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    reply = b""
    while received := connection.recv(65536):
        reply += received
    return reply


def keep_sending(connection: socket.socket, piece: bytes, pause: float = 0.0) -> int:
    """Send until the server hangs up; returns how many bytes were sent."""
    sent, deadline = 0, time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection.sendall(piece)
        except ConnectionError:
            return sent
        sent += len(piece)
        time.sleep(pause)
    raise AssertionError("the server did not hang up")


def listens(address: str) -> bool:
    try:
        connected(address).close()
    except ConnectionError:
        return False
    return True
