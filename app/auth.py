"""Authentication: API keys, as `Authorization: Bearer KEY`, `X-API-Key: KEY` or `https://KEY@host`.

The last is HTTP's basic scheme, and the only one for trainers that can be told an address alone.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from app.errors import RequestError

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
DOCUMENTATION_FILES = "/docs/files"
"""Prefix of the files that the page `/docs` loads."""
METRICS_PATH = "/metrics"


class Keys:
    """The accepted keys; with none the service is open.

    `/metrics` takes its own key if one is given, otherwise any API key.
    """

    def __init__(self, api_keys: Iterable[str], metrics_key: str | None = None) -> None:
        self._api = [_digest(key.encode()) for key in api_keys]
        self._metrics = self._api if metrics_key is None else [_digest(metrics_key.encode())]

    def check(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        """Let an authorised request pass.

        Args:
            path: of the URL.
            headers: names in lower case -> values.

        Raises:
            RequestError: 401, a key is required and the request has no accepted one.
        """
        accepted = self._metrics if path == METRICS_PATH else self._api
        if not accepted or path in OPEN_PATHS or path.startswith(f"{DOCUMENTATION_FILES}/"):
            return
        given = [_digest(key) for key in _keys(headers)]
        # Every key is compared, each in constant time, so that the time reveals nothing.
        matches = [hmac.compare_digest(one, key) for one in given for key in accepted]
        if True not in matches:
            raise RequestError(
                401,
                "an API key is needed: send Authorization: Bearer KEY, or X-API-Key: KEY, or use "
                "the address https://KEY@HOST",
            )


def _keys(headers: Mapping[bytes, bytes]) -> list[bytes]:
    """The keys in both headers, since a gateway in between may use one of them for itself."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    given = [headers.get(b"x-api-key", b"")]
    if scheme.lower() == b"bearer":
        given.append(token.strip())
    if scheme.lower() == b"basic":
        given.extend(_user_and_password(token))
    return given


def _user_and_password(token: bytes) -> list[bytes]:
    """Both, since either may be the key."""
    try:
        return base64.b64decode(token, validate=True).split(b":", 1)
    except binascii.Error:
        return []


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
