"""A small GitHub for tests: the pull requests and rules of one repository, over HTTP, as its REST API has them.

Heads and bases are branches of a real bare repository. What it answers is described in
https://docs.github.com/en/rest/pulls/pulls and https://docs.github.com/en/rest/repos/rules.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.git_server import TOKEN

OWNER, NAME = "acme", "homelab"
HERE = f"/repos/{OWNER}/{NAME}"
PULLS = f"{HERE}/pulls"
PAGE = "https://github.example/acme/homelab/pull"


class GithubServer(ThreadingHTTPServer):
    """Knows the pull requests of one repository. `failures` are answered first, a status for each request.

    rules: those of each branch; None: it does not know rules. bypassed: the rulesets that the token need not follow.
    """

    daemon_threads = True

    def __init__(self, repository: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.repository = repository
        self.pulls: list[dict[str, Any]] = []
        self.failures: list[int] = []
        self.rules: dict[str, list[dict[str, Any]]] | None = None
        self.bypassed: set[int] = set()
        self.location = ""
        self.api = f"http://127.0.0.1:{self.server_port}"

    def close_pull(self, number: int) -> None:
        """Closes a pull request without merging it."""
        self.pulls[number - 1]["state"] = "closed"

    def merge_pull(self, number: int) -> None:
        """Merges a pull request, as a fast-forward."""
        pull = self.pulls[number - 1]
        self.git("update-ref", f"refs/heads/{pull['base']['ref']}", f"refs/heads/{pull['head']['ref']}")
        pull |= {"state": "closed", "merged_at": "2025-12-24T12:00:00Z"}

    def found(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        """Returns the pull requests from a head `owner:branch` into a base."""
        (head,), (base,), (state,) = query["head"], query["base"], query["state"]
        mine = [pull for pull in self.pulls if (pull["head"]["label"], pull["base"]["ref"]) == (head, base)]
        return [pull for pull in mine if state in ("all", pull["state"])]

    def ruled(self, path: str) -> tuple[int, Any]:
        """Returns the status and the rules of a branch, or what a ruleset is for the token."""
        if self.rules is not None and path.startswith("rules/branches/"):
            return 200, self.rules.get(path.removeprefix("rules/branches/"), [])
        if self.rules is not None and path.startswith("rulesets/"):
            number = int(path.removeprefix("rulesets/"))
            return 200, {"id": number, "current_user_can_bypass": "always" if number in self.bypassed else "never"}
        return 404, {"message": "Not Found"}

    def opened(self, wanted: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Returns the status and the pull request that was made, or what stands against it."""
        label = f"{OWNER}:{wanted['head']}"
        if self.git("rev-list", f"refs/heads/{wanted['base']}..refs/heads/{wanted['head']}") == "":
            return 422, _refusal(f"No commits between {wanted['base']} and {wanted['head']}")
        if self.found({"head": [label], "base": [wanted["base"]], "state": ["open"]}):
            return 422, _refusal(f"A pull request already exists for {label}.")
        number = len(self.pulls) + 1
        pull = {
            "number": number,
            "state": "open",
            "url": f"{self.api}{PULLS}/{number}",
            "html_url": f"{PAGE}/{number}",
            "merged_at": None,
            "head": {"ref": wanted["head"], "label": label},
            "base": {"ref": wanted["base"], "label": f"{OWNER}:{wanted['base']}"},
            "title": wanted["title"],
            "body": wanted["body"],
        }
        self.pulls.append(pull)
        return 201, pull

    def git(self, *arguments: str) -> str:
        """Returns what git prints in the repository."""
        command = ["git", "-C", str(self.repository), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class _Request(BaseHTTPRequestHandler):
    server: GithubServer

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self._answer(lambda: (200, self.server.found(parse_qs(address.query))))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(lambda: self.server.opened(body))

    def _answer(self, work: Any) -> None:
        if self.server.failures:
            self._send(self.server.failures.pop(0), {"message": "as the test wants it"})
        elif self.headers["Authorization"] not in (f"token {TOKEN}", f"Bearer {TOKEN}"):
            self._send(401, {"message": "Bad credentials"})
        elif urlsplit(self.path).path != PULLS:
            self._send(*self.server.ruled(urlsplit(self.path).path.removeprefix(f"{HERE}/")))
        else:
            self._send(*work())

    def _send(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: the test's output is the test's."""


def _refusal(reason: str) -> dict[str, Any]:
    return {"message": "Validation Failed", "errors": [{"resource": "PullRequest", "message": reason}]}


@contextmanager
def github(repository: Path) -> Iterator[GithubServer]:
    """Yields a GitHub whose repository acme/homelab is a bare one on this machine, for who has TOKEN."""
    with GithubServer(repository) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
