"""A TCP proxy that cuts its connections: after so many bytes, or all of them while the network is away."""

import contextlib
import random
import select
import socket
import threading
from collections.abc import Callable


class CuttingProxy:
    """Hands bytes on to a port of this machine. bytes_until_cut: of each connection, both ways; 0 for no cut."""

    def __init__(self, port: int, bytes_until_cut: Callable[[], int] = lambda: 0) -> None:
        self.target, self.bytes_until_cut = port, bytes_until_cut
        self.is_away = threading.Event()
        self.cuts = self.handed_on = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        left = self.bytes_until_cut()
        limit = left or 1 << 60
        with client, contextlib.suppress(OSError):
            if self.is_away.is_set():
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                ends = {client: server, server: client}
                while limit > 0 and not self.is_away.is_set():
                    for source in select.select(list(ends), [], [], 0.05)[0]:
                        data = source.recv(min(1 << 15, limit))
                        if not data:
                            return
                        limit -= len(data)
                        self.handed_on += len(data)
                        ends[source].sendall(data)
                self.cuts += 1


def between(least: int, most: int, seed: int) -> Callable[[], int]:
    """Returns a function that gives random numbers, the same for the same seed."""
    drawn = random.Random(seed)
    return lambda: drawn.randint(least, most)
