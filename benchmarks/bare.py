"""The cost of HTTP alone: an app that reads the body and always sends the same reply.

What a request to the service costs beyond this is the service's own.
"""

from starlette.types import Receive, Scope, Send

_REPLY = b'{"rewards":[1.0]}'.ljust(350)
"""As long as the service's reply to one sample."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_REPLY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _REPLY})
