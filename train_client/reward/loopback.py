"""Requests to this machine bypass the environment's proxies, for which localhost is another one."""

from __future__ import annotations

from typing import Final

PAST_PROXIES: Final = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))
"""`mounts` of an httpx client: its own transport, without a proxy, for these hosts."""
