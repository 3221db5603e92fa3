"""The web server: TLS with the runner's own certificate, and a bound on who says nothing."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from runner.server.app import create_app
from runner.service.settings import Settings

FIRST_BYTES_SECONDS = 5.0  # until a connection's first request has to be there


class BoundedProtocol(H11Protocol):
    """Closes a connection that has not brought the head of a request in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(FIRST_BYTES_SECONDS, self._close_if_silent)

    def _close_if_silent(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C; a job that runs then is queued, and goes on at the next start."""
    options: dict[str, Any] = {"ssl_certfile": settings.certificate, "ssl_keyfile": settings.key}
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=64 << 10,
        **options,
    )
    uvicorn.Server(config).run()
