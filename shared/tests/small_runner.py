"""A small runner that keeps to the protocol, for the tests of the pod's side: no sandbox, no environments, no queue."""

import hashlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shared import archive

TOKEN = "a-token"


class SmallRunner(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path, certificate: tuple[Path, Path], port: int = 0) -> None:
        self.folder = folder
        for name in ("blobs", "parts", "jobs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.lock = threading.RLock()
        self.received = 0
        super().__init__(("127.0.0.1", port), Handler)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def blob(self, sha256: str) -> Path:
        return self.folder / "blobs" / sha256

    def part(self, sha256: str) -> Path:
        return self.folder / "parts" / sha256

    def pause(self, job: dict[str, Any]) -> None:
        """Does what a runner does when a job's lease has run out."""
        job["state"] = "paused"
        job["process"].send_signal(signal.SIGTERM)
        job["process"].wait()

    def start(self, job: dict[str, Any]) -> None:
        job["state"] = "running"
        job["attempts"] += 1
        threading.Thread(target=self.work, args=(job,), daemon=True).start()

    def work(self, job: dict[str, Any]) -> None:
        folder, told = self.folder / "jobs" / job["id"], job["description"]
        code, outputs = folder / f"code-{job['attempts']}", folder / f"outputs-{job['attempts']}"
        archive.unpack(self.blob(told["code"]["sha256"]), code)
        command = [sys.executable, "-m", told["program"], f"--outputs={outputs}"]
        command += [f"--{name}={self.blob(each['sha256'])}" for name, each in told["inputs"].items()]
        command += [f"--{name.replace('_', '-')}={value}" for name, value in told["arguments"].items()]
        if told["checkpoints"]:
            command.append(f"--checkpoint-to={folder / 'checkpoints'}")
        with (folder / "log").open("ab") as log:
            known = {"PATH": os.environ["PATH"], "TERMINATION_LOG": str(folder / "reason")}
            job["process"] = subprocess.Popen(command, cwd=code, env=known, stderr=log)
            code_of_exit = job["process"].wait()
        for name in told["outputs"] if code_of_exit == 0 else ():
            content = (outputs / name).read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            self.blob(sha256).write_bytes(content)
            job["outputs"][name] = {"sha256": sha256, "bytes": len(content)}
        job["exit_code"] = code_of_exit
        job["reason"] = (folder / "reason").read_text() if (folder / "reason").exists() else ""
        if job["state"] == "running":
            job["state"] = "failed" if code_of_exit else "succeeded"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SmallRunner

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: Any = b"", **headers: object) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def handle_one(self) -> None:
        parts = urlsplit(self.path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": "no"})
        if found := re.fullmatch(r"/v1/blobs/([0-9a-f]{64})", parts.path):
            return {"HEAD": self.head_blob, "GET": self.get_blob, "PUT": self.put_blob}[self.command](found[1])
        if found := re.fullmatch(r"/v1/jobs/([0-9a-f]{64})(/\w+)?", parts.path):
            query = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
            with self.server.lock:
                job = self.server.jobs.get(found[1])
            if self.command == "PUT":
                return self.put_job(found[1])
            if not job:
                return self.answer(404, {"error": "unknown"})
            if found[2] == "/log":
                return self.log(job, **query)
            if found[2] == "/cancel":
                job["state"] = "cancelled"
                if "process" in job:
                    job["process"].send_signal(signal.SIGTERM)
            return self.answer(200, self.told(job))
        return self.answer(200, {"protocol": 1, "runner": "0", "platform": "test", "device": "cpu"})

    do_GET = do_PUT = do_POST = do_HEAD = handle_one  # noqa: N815

    def told(self, job: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in job.items() if key not in ("process", "description")}

    def head_blob(self, sha256: str) -> None:
        if self.server.blob(sha256).exists():
            return self.answer(200, Upload_Offset=self.server.blob(sha256).stat().st_size, Upload_Complete="?1")
        part = self.server.part(sha256)
        return self.answer(404, Upload_Offset=part.stat().st_size if part.exists() else 0)

    def put_blob(self, sha256: str) -> None:
        part, length = self.server.part(sha256), int(self.headers["Content-Length"])
        with self.server.lock:
            kept = part.stat().st_size if part.exists() else 0
        if int(self.headers["Upload-Offset"]) != kept:
            self.close_connection = True
            return self.answer(409, {"error": "another offset"}, Upload_Offset=kept)
        with part.open("ab", 0) as file:
            while length and (data := self.rfile.read1(min(length, 1 << 16))):
                self.server.received += len(data)
                length -= len(data)
                file.write(data)
        if length:
            self.close_connection = True
            return None
        if archive.digest(part) != sha256:
            part.unlink()
            return self.answer(422, {"error": "the digest is another"})
        part.replace(self.server.blob(sha256))
        return self.answer(201, {})

    def get_blob(self, sha256: str) -> None:
        content, start = self.server.blob(sha256).read_bytes(), 0
        if found := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(found[1])
        return self.answer(206 if start else 200, content[start:])

    def put_job(self, number: str) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            known = number in self.server.jobs
            (self.server.folder / "jobs" / number).mkdir(exist_ok=True)
            blank = {"id": number, "state": "waiting", "outputs": {}, "attempts": 0, "description": told}
            job = self.server.jobs.setdefault(number, blank)
            needed = [told["code"]["sha256"], *(each["sha256"] for each in told["inputs"].values())]
            job["missing"] = [each for each in needed if not self.server.blob(each).exists()]
            if not job["missing"] and job["state"] in ("waiting", "failed", "cancelled", "paused"):
                self.server.start(job)
        self.answer(200 if known else 201, self.told(job))

    def log(self, job: dict[str, Any], offset: int, wait: int) -> None:
        file, until = self.server.folder / "jobs" / job["id"] / "log", time.monotonic() + wait
        while True:
            content = file.read_bytes()[offset : offset + (256 << 10)] if file.exists() else b""
            if content or job["state"] in ("succeeded", "failed", "cancelled") or time.monotonic() > until:
                return self.answer(200, content, Log_Offset=offset + len(content))
            time.sleep(0.02)
