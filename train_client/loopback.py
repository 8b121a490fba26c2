"""A service on this machine is asked directly: to a proxy, which the environment may name for the
rest of the world, this address is another machine."""

from __future__ import annotations

from typing import Final

PAST_PROXIES: Final = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))
"""`mounts` of an httpx client: no transport but its own for these hosts."""
