"""A wire between pod and runner that breaks: bytes pass, until a connection's share of them is used up."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CHUNK = 1 << 12


class Wire:
    """Listens at `port` and hands bytes on to the target. bytes_of: how many a new connection may carry."""

    def __init__(self, target: int, bytes_of: Callable[[int], int | None]) -> None:
        self.target, self.bytes_of, self.count = target, bytes_of, 0
        self.is_down = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.count += 1
                if self.is_down:
                    client.close()
                    continue
                threading.Thread(target=self._carry, args=(client, self.bytes_of(self.count)), daemon=True).start()

    def _carry(self, client: socket.socket, share: int | None) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            left = _Share(share)
            ways = [threading.Thread(target=_pump, args=(*way, left)) for way in ((client, server), (server, client))]
            for way in ways:
                way.start()
            for way in ways:
                way.join()


class _Share:
    def __init__(self, left: int | None) -> None:
        self.left = left

    def take(self, count: int) -> int:
        if self.left is None:
            return count
        taken = min(count, self.left)
        self.left -= taken
        return taken


def _pump(source: socket.socket, target: socket.socket, share: _Share) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            allowed = share.take(len(data))
            target.sendall(data[:allowed])
            if allowed < len(data):
                break
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(target: int, bytes_of: Callable[[int], int | None]) -> Iterator[Wire]:
    """Yields a wire to a port of this machine."""
    made = Wire(target, bytes_of)
    try:
        yield made
    finally:
        made.listener.close()
