"""Who may ask: whoever knows the token. And every refusal becomes one JSON answer."""

import hmac
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from runner.work.blobs import Refused

OPEN_PATHS = ("/healthz",)
MOST_FAILURES, WITHIN_SECONDS = 20, 60.0
MOST_ADDRESSES = 10_000


class Access:
    """Lets requests through that bring the token; an address that fails too often has to wait."""

    def __init__(self, app: ASGIApp, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.app, self.token, self.clock = app, f"Bearer {token}".encode(), clock
        self.failures: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        answer = None if scope["path"] in OPEN_PATHS else self._refusal(scope)
        if answer:
            return await answer(scope, receive, send)
        is_begun = False

        async def sending(message: Any) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except (Refused, ValidationError, ValueError) as error:
            if is_begun:
                raise
            await _told(error)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if hmac.compare_digest(given, self.token):
            return None
        address = scope["client"][0] if scope["client"] else ""
        if self._fails_too_often(address):
            return JSONResponse({"error": "too many requests without the right token; wait a minute"}, 429)
        return JSONResponse({"error": "the token is missing or wrong; see MLX_RUNNER_TOKEN"}, 401)

    def _fails_too_often(self, address: str) -> bool:
        now = self.clock()
        if len(self.failures) > MOST_ADDRESSES:
            self.failures.clear()
        times = self.failures.setdefault(address, deque(maxlen=MOST_FAILURES))
        is_often = len(times) == MOST_FAILURES and now - times[0] < WITHIN_SECONDS
        times.append(now)
        return is_often


def _told(error: Exception) -> JSONResponse:
    if isinstance(error, Refused):
        headers = {"Upload-Offset": str(error.kept)} if error.status in (409, 423) else {}
        return JSONResponse({"error": str(error)}, error.status, headers=headers)
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part)[:80] for part in first["loc"])
        return JSONResponse({"error": f"the description is wrong at {where or 'its top'}: {first['msg']:.200}"}, 400)
    return JSONResponse({"error": f"the request is wrong: {error!s:.200}"}, 400)
