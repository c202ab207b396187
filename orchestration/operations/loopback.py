"""Dagster's web server and daemon, of which the web server answers nobody but this machine.

A server that listens on 127.0.0.1 is still reached by any page that this machine's browser shows, under a name that its
author lets point there (DNS rebinding), or by a form that posts across sites. So a request has to ask for this machine
by one of its own names, and where it says which page sent it, that has to be a page of the server itself.

`python -m orchestration.operations.loopback dev …` is `dagster dev …` with such a web server.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = ("127.0.0.1", "localhost", "::1")
REFUSED = "This interface answers at http://127.0.0.1 and http://localhost only.\n"


class LoopbackOnly:
    """ASGI middleware: 400 unless `Host` is a name of this machine and `Origin`, if there is one, is the same place."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        from starlette.datastructures import Headers
        from starlette.responses import PlainTextResponse

        if is_ours(Headers(scope=scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(REFUSED, status_code=400)(scope, receive, send)


def is_ours(headers: Headers) -> bool:
    """Whether a request asks for this machine, and was not sent by a page from elsewhere."""
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1 or _name(f"//{hosts[0]}") not in NAMES:
        return False
    return all(_name(origin) in NAMES and urlsplit(origin).netloc == hosts[0] for origin in origins)


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def web_server() -> None:
    """Dagster's web server behind `LoopbackOnly`."""
    from dagster_webserver.cli import main
    from dagster_webserver.webserver import DagsterWebserver
    from starlette.middleware import Middleware

    original = DagsterWebserver.build_middleware

    def build_middleware(server: DagsterWebserver) -> list[Middleware]:
        return [Middleware(LoopbackOnly), *original(server)]

    DagsterWebserver.build_middleware = build_middleware
    main()


def development() -> None:
    """`dagster dev`, which starts the web server as a process of its own: here, the one above."""
    from dagster._cli import dev, main

    original: Callable[..., Any] = dev.open_ipc_subprocess  # pyright: ignore[reportPrivateImportUsage]

    def open_process(parts: list[str], **keywords: Any) -> Any:
        if parts[1:3] == ["-m", "dagster_webserver"]:
            parts = [parts[0], "-m", "orchestration.operations.loopback", "webserver", *parts[3:]]
        return original(parts, **keywords)

    dev.open_ipc_subprocess = open_process  # pyright: ignore[reportPrivateImportUsage]
    main()


if __name__ == "__main__":
    if sys.argv[1] == "webserver":
        del sys.argv[1]
        web_server()
    else:
        development()
