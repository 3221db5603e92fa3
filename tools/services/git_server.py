"""A Git server on this machine, over HTTP and with a token: `git http-backend` behind Python's own server.

    python -m tools.services.git_server --repositories FOLDER --port 3000 --token-file FILE

Serves every repository below FOLDER at http://127.0.0.1:PORT/<path>, to whoever gives the token as
the password of any user. It listens on this machine alone. The interface to git http-backend is
RFC 3875 (CGI): https://git-scm.com/docs/git-http-backend.
"""

import argparse
import base64
import binascii
import contextlib
import hmac
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from threading import Thread
from typing import IO, cast
from urllib.parse import unquote

CHUNK = 1 << 16
LONGEST_LINE = 1 << 12
IDLE_SECONDS = 300


class GitServer(ThreadingHTTPServer):
    """Serves the repositories below a folder. Port 0 takes a free one; `server_port` says which."""

    daemon_threads = True

    def __init__(self, repositories: Path, port: int, token: str) -> None:
        self.repositories, self.token = repositories.resolve(), token
        super().__init__(("127.0.0.1", port), _Request)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "agent-training-git"
    sys_version = ""
    timeout = IDLE_SECONDS
    server: GitServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        if not self._is_known():
            self.close_connection = True  # what the client has still to send is not read
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", 'Basic realm="git", charset="UTF-8"')
            self.send_header("Connection", "close")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        with subprocess.Popen(
            ["git", "http-backend"], env=self._environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as backend:
            assert backend.stdin and backend.stdout
            # In a thread, because the program may answer before it has read everything.
            reading = Thread(target=self._hand_on, args=(backend.stdin,), daemon=True)
            reading.start()
            try:
                self._answer(cast(BufferedReader, backend.stdout))
            finally:
                backend.kill()  # it has said all that it will; or nobody listens any more
            reading.join(1)
            self.close_connection |= reading.is_alive()

    def _is_known(self) -> bool:
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        try:
            _, _, password = base64.b64decode(given, validate=True).partition(b":")
        except binascii.Error:
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(password, self.server.token.encode())

    def _environment(self) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        variables = {
            "GIT_PROJECT_ROOT": str(self.server.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "REMOTE_USER": "git",  # whoever has a name may push
            "REMOTE_ADDR": str(self.client_address[0]),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": self.headers.get("Content-Length", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return kept | {name: value for name, value in variables.items() if value}

    def _hand_on(self, target: IO[bytes]) -> None:
        # The program may end before it has read all, and the client may go away.
        with contextlib.suppress(OSError, ValueError), target:
            for chunk in self._body():
                target.write(chunk)

    def _body(self) -> Iterator[bytes]:
        """Yields the request's body as it comes. Raises ValueError where it is not sent as RFC 9112 has it."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            yield from self._read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline(LONGEST_LINE).split(b";")[0], 16):
            yield from self._read(size)
            self.rfile.readline(LONGEST_LINE)
        while self.rfile.readline(LONGEST_LINE).strip():
            pass  # trailers, which nobody sends

    def _read(self, size: int) -> Iterator[bytes]:
        while size > 0 and (chunk := self.rfile.read(min(size, CHUNK))):
            size -= len(chunk)
            yield chunk

    def _answer(self, source: BufferedReader) -> None:
        headers = http.client.parse_headers(source)
        # Without any header it has died, and said why in the log.
        self.send_response(int(headers.get("Status", "200" if headers else "500").split()[0]))
        for name, value in headers.items():
            if name.lower() not in ("status", "content-length"):
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while chunk := source.read1(CHUNK):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")


def main(arguments: Sequence[str]) -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(prog="git_server", allow_abbrev=False)
    parser.add_argument("--repositories", type=Path, required=True, help="the folder of bare repositories")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--token-file", type=Path, required=True, help="the file that holds the token")
    options = parser.parse_args(arguments)
    token = options.token_file.read_text("utf-8").strip()
    if not token:
        parser.error(f"{options.token_file} is empty; it must hold the token")
    with GitServer(options.repositories, options.port, token) as server:
        print(f"serving {options.repositories} at http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
