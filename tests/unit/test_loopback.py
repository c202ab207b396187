"""The interface answers requests for this machine, from its own pages, and nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from orchestration.operations.loopback import REFUSED, LoopbackOnly

OWN = "127.0.0.1:3000"


async def _figures(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("figures")(scope, receive, send)


def ask(*headers: tuple[str, str], kind: str = "http") -> list[dict[str, Any]]:
    """The messages with which the server answers a request that has these headers."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": kind, "method": "GET", "path": "/", "headers": raw}
    asyncio.run(LoopbackOnly(_figures)(scope, receive, send))
    return sent


def answer(*headers: tuple[str, str]) -> tuple[int, str]:
    start, body = ask(*headers)
    return start["status"], body["body"].decode()


def opens(*headers: tuple[str, str]) -> bool:
    """Whether a web socket with these headers is accepted."""
    (message,) = ask(*headers, kind="websocket")
    return message["type"] == "websocket.accept"


@pytest.mark.parametrize("host", [OWN, "127.0.0.1", "localhost:3000", "LOCALHOST", "[::1]:3000"])
def test_names_of_this_machine_are_answered(host: str) -> None:
    assert answer(("host", host)) == (200, "figures")
    assert answer(("host", host), ("origin", f"http://{host}")) == (200, "figures")
    assert opens(("host", host), ("origin", f"http://{host}"))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:3000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.5:3000",
        "evil.example@127.0.0.1.", "0.0.0.0:3000", "", "[::1", "127.0.0.2",
    ],
)  # fmt: skip
def test_any_other_name_is_refused(host: str) -> None:
    assert answer(("host", host)) == (400, REFUSED)
    assert not opens(("host", host))


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:8080", "http://localhost.evil.example", "http://[::1"]
)
def test_a_page_from_elsewhere_is_refused(origin: str) -> None:
    assert answer(("host", OWN), ("origin", origin)) == (400, REFUSED)
    assert not opens(("host", OWN), ("origin", origin))


def test_no_name_or_two_are_refused() -> None:
    assert answer() == (400, REFUSED)
    assert answer(("host", OWN), ("host", "evil.example")) == (400, REFUSED)
    assert answer(("host", OWN), ("host", OWN)) == (400, REFUSED)
