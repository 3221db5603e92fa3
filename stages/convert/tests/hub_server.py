"""A Hugging Face hub of one folder on this machine: the three addresses that huggingface_hub's client asks for."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_right"


@contextmanager
def serve_hub(models: Path) -> Iterator[str]:
    """Serves each folder models/<owner>/<name> as a model with the branch main; yields the address.

    Models of the owner `gated` want TOKEN.
    """
    handler = type("Handler", (_Handler,), {"models": models})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    models: Path

    def do_GET(self) -> None:
        path = self.path.split("?")[0].strip("/")
        if path.startswith("api/models/"):
            owner, name, *rest = path.removeprefix("api/models/").split("/")
            self._describe(self.models / owner / name, rest or ["revision", "main"])
        else:
            owner, name, _, revision, file = path.split("/", 4)
            self._send_file(self.models / owner / name, revision, file)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _describe(self, folder: Path, rest: list[str]) -> None:
        if not self._admits(folder, rest[1]):
            return
        name = folder.relative_to(self.models).as_posix()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        relative = [path.relative_to(folder).as_posix() for path in files]
        if rest[0] == "tree":
            pairs = zip(files, relative, strict=True)
            self._answer([{"type": "file", "path": n, "size": f.stat().st_size, "oid": _digest(f)} for f, n in pairs])
        else:
            self._answer({"id": name, "sha": COMMIT, "siblings": [{"rfilename": entry} for entry in relative]})

    def _send_file(self, folder: Path, revision: str, file: str) -> None:
        if self._admits(folder, revision):
            content = (folder / file).read_bytes()
            self._send(200, content, {"ETag": f'"{_digest(folder / file)}"', "X-Repo-Commit": COMMIT})

    def _admits(self, folder: Path, revision: str) -> bool:
        if not folder.is_dir():
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif folder.parent.name == "gated" and self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._send(403, b"{}", {"X-Error-Code": "GatedRepo"})
        elif folder.parent.name == "broken":
            self._send(418, b'{"error": "no"}', {})
        else:
            return True
        return False

    def _answer(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def _digest(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()
